"""Which files of a folder are whole, as far as a look tells, and what each is known by. Pure, but for its looks."""

import hashlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", "~")
_LOOKED_AT_BYTES = 2**16  # at either end: all of a film would be read twice for its name


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from what it was before."""

    size_bytes: int
    mtime_ns: int


class Settling:
    """Tells files that were the same for so long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[Stamp, float]] = {}

    def look(self, found: Mapping[str, Stamp], now: float) -> list[str]:
        """The names of those that have settled, by a look at `now` seconds; what is gone is forgotten."""
        self._seen = {
            name: (stamp, self._seen[name][1] if self._seen.get(name, (None, 0))[0] == stamp else now)
            for name, stamp in found.items()
        }
        return [name for name, (_, since) in self._seen.items() if now - since >= self._seconds]


def files_in(folder: Path) -> dict[str, Stamp]:
    """The files of a folder by name: none below it, hidden, empty, or named as one that is being written.

    Raises OSError.
    """
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED) or not _is_text(entry.name):
                continue
            try:
                if entry.is_file() and (told := entry.stat()).st_size:
                    found[entry.name] = Stamp(told.st_size, told.st_mtime_ns)
            except OSError:  # it went between the two
                continue
    return dict(sorted(found.items()))


def being_written(path: Path) -> bool:
    """Whether a file is open for writing, where the kernel tells that at once: Linux, local disks, files of our own."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with path.open("rb") as file:
            try:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # EAGAIN: it is open for writing
            except BlockingIOError:
                return True
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    return False


def key_of(path: Path, stamp: Stamp, presets: Sequence[str]) -> str:
    """What a file is known by: name, size, time of change, both its ends, and what is made of it. Raises OSError."""
    digest = hashlib.sha256(repr((path.name, stamp.size_bytes, stamp.mtime_ns, *presets)).encode())
    with path.open("rb") as file:
        digest.update(file.read(_LOOKED_AT_BYTES))
        file.seek(max(0, stamp.size_bytes - _LOOKED_AT_BYTES))
        digest.update(file.read(_LOOKED_AT_BYTES))
    return digest.hexdigest()[:40]


def name_for(file: str, among: Collection[str]) -> str:
    """What a file's outputs begin with: its stem, or its whole name where another file has that stem."""
    stem = Path(file).stem
    return file if any(other != file and Path(other).stem == stem for other in among) else stem


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
