"""Which ffmpeg runs, and what it can do."""

import hashlib
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ANSWER_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What an ffmpeg was built with."""

    version: str
    build: str
    """Names the build: a digest of all that it tells of its version, configuration and libraries."""
    encoders: frozenset[str]
    filters: frozenset[str]


def find_ffmpeg(setting: str = "") -> Path:
    """The ffmpeg that `setting` names, else the one that came with Reelmill, else the one on PATH.

    Raises RuntimeError, naming the remedy.
    """
    if setting:
        path = shutil.which(setting)
        if path is None:
            raise RuntimeError(f"REELMILL_FFMPEG: {setting!r} is no program; give the path of an ffmpeg")
        return Path(path).absolute()
    import imageio_ffmpeg

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        path = shutil.which("ffmpeg")
    if path is None:
        raise RuntimeError("there is no ffmpeg: install one, or set REELMILL_FFMPEG to its path")
    return Path(path).absolute()


@cache
def capabilities(path: Path) -> Capabilities:
    """Ask an ffmpeg. Raises RuntimeError where it does not run."""
    told = _ask(path, "-version")
    version = re.search(r"ffmpeg version (\S+)", told)
    return Capabilities(
        version=version[1] if version else "unknown",
        build=hashlib.sha256(told.encode()).hexdigest()[:16],
        encoders=frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", _ask(path, "-encoders"), re.MULTILINE)),
        filters=frozenset(re.findall(r"^ [T.][S.]\S? (\S+)", _ask(path, "-filters"), re.MULTILINE)),
    )


def _ask(path: Path, what: str) -> str:
    try:
        # Killed by a timer: subprocess's own time-out sleeps in between, and under a shifted clock that fails.
        with subprocess.Popen(
            [path, "-hide_banner", what], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            timer = threading.Timer(_ANSWER_SECONDS, process.kill)
            timer.start()
            try:
                told, _ = process.communicate()
            finally:
                timer.cancel()
    except OSError as error:
        raise RuntimeError(f"{path} does not run: {error}") from error
    if process.returncode:
        raise RuntimeError(f"{path} does not run: {what} ended with {process.returncode}")
    return told.decode(errors="replace")
