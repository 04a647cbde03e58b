"""Films, sounds and pictures that ffmpeg makes of words alone: each is made once on a machine, and copied later."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from services import alone

_MOST_BYTES = 2**24  # of one that is kept
_KEPT_SECONDS = 30 * 86400.0  # after its last use
_PATH = re.compile(r"(^|[='])/")


def make(ffmpeg: Path, arguments: Sequence[str], path: Path) -> None:
    """Make a file by ffmpeg's arguments. Raises RuntimeError with what ffmpeg says where it fails."""
    if not _of_words(arguments) or "%" in path.name:
        _run(ffmpeg, arguments, path)
        return
    told = "\0".join((_build(ffmpeg), *arguments, path.suffix))
    kept = _folder() / (hashlib.sha256(told.encode()).hexdigest() + path.suffix)
    try:
        os.utime(kept)
    except FileNotFoundError:
        with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
            made = Path(temporary) / path.name
            _run(ffmpeg, arguments, made)
            # Where there are others beside it, they name each other.
            if [file.name for file in made.parent.iterdir()] == [path.name] and made.stat().st_size <= _MOST_BYTES:
                made.replace(kept)
        if not kept.exists():
            _run(ffmpeg, arguments, path)
            return
    shutil.copyfile(kept, path)


def _of_words(arguments: Sequence[str]) -> bool:
    """Whether all inputs are lavfi's, and no argument names a file."""
    rest = list(arguments)
    while "-i" in rest:
        at = rest.index("-i")
        if "lavfi" not in rest[:at]:
            return False
        rest = rest[at + 2 :]
    return not any(_PATH.search(argument) for argument in arguments)


def _run(ffmpeg: Path, arguments: Sequence[str], path: Path) -> None:
    argv = [str(ffmpeg), "-nostdin", "-y", "-loglevel", "error", *arguments, str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg could not make {path.name}: {done.stderr}")


@cache
def _build(ffmpeg: Path) -> str:
    """What tells one ffmpeg from another."""
    found = ffmpeg.stat()
    return f"{ffmpeg.name} {found.st_size}"


@cache
def _folder() -> Path:
    """Where they are kept, without those that nobody asked for any more."""
    folder = alone.cache() / "films"
    folder.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - _KEPT_SECONDS
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another process makes one there, or clears away too
            if file.stat().st_mtime < oldest:
                shutil.rmtree(file) if file.is_dir() else file.unlink()
    return folder
