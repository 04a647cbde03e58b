"""Where a file really lies: links followed, `..` resolved, and bind mounts seen through."""

import os
import select
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Place:
    """A path inside its file system: two names of one folder have the same place."""

    device: str
    path: str
    """With a / at its end. A text, for a job's paths are looked at a hundred times."""

    def below(self, other: "Place") -> bool:
        """Whether it is the other, or lies in it."""
        return self.device == other.device and self.path.startswith(other.path)


class Places:
    """Where paths lie at one moment: mounts are read once, and each path is followed once."""

    def __init__(self) -> None:
        self._mounts = _mounts.now()
        self._followed: dict[Path, str] = {}

    def place_of(self, path: Path) -> Place:
        """The place of a path, which need not exist. Where the kernel lists no mounts, links alone are followed."""
        real = self._real(path)
        inside = _folder(real)
        for mounted, device, root in reversed(self._mounts):  # of several on one another the last one is seen
            if inside.startswith(mounted):
                return Place(device, _folder(root) + inside[len(mounted) :])
        return Place("", inside)

    def within(self, path: Path, folders: Iterable[Path]) -> bool:
        """Whether a path, all symbolic links followed, lies below one of the folders."""
        real = _folder(self._real(path))
        return any(real.startswith(_folder(self._real(folder))) for folder in folders)

    def inside_any(self, path: Path, folders: Iterable[Path]) -> bool:
        """Whether a path lies in one of the folders, by whatever name and mount."""
        place = self.place_of(path)
        return any(place.below(self.place_of(folder)) for folder in folders)

    def parts_below(self, path: Path, folder: Path) -> tuple[str, ...] | None:
        """How a path goes on below a folder, by whatever name and mount; None where it lies elsewhere."""
        place, top = self.place_of(path), self.place_of(folder)
        return tuple(filter(None, place.path[len(top.path) :].split("/"))) if place.below(top) else None

    def _real(self, path: Path) -> str:
        if (found := self._followed.get(path)) is None:
            found = self._followed[path] = os.path.realpath(path)
        return found


def _folder(real: str) -> str:
    """A path that was followed, with a / at its end."""
    return real if real.endswith("/") else f"{real}/"


class _Mounts:
    """The kernel's list of mounts, which is read again where a poll tells that it changed (proc(5))."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._poll = select.poll()
        self._file = -1
        self._found: Sequence[tuple[str, str, str]] = ()

    def now(self) -> Sequence[tuple[str, str, str]]:
        """In the order of mounting: each one's point with a / at its end, its device, and what of that is there."""
        with self._lock:
            try:
                if self._file < 0:
                    self._file = os.open(_MOUNTS, os.O_RDONLY | os.O_CLOEXEC)  # for as long as the process lives
                    self._poll.register(self._file, select.POLLPRI)
                    self._found = self._read()
                while self._poll.poll(0):
                    self._found = self._read()
            except OSError:
                return ()
            return self._found

    def _read(self) -> Sequence[tuple[str, str, str]]:
        os.lseek(self._file, 0, os.SEEK_SET)
        pieces = iter(lambda: os.read(self._file, 2**16), b"")
        return _parsed(b"".join(pieces).decode("utf-8", "surrogateescape"))


def _parsed(text: str) -> Sequence[tuple[str, str, str]]:
    # proc(5): id, parent, major:minor, root, mount point, …; a blank is written \040.
    fields = (line.split(" ", 5) for line in text.splitlines())
    found = [(_plain(mounted).rstrip("/") + "/", device, _plain(root)) for _, _, device, root, mounted, *_ in fields]
    return sorted(found, key=lambda mount: mount[0].count("/"))


def _plain(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


_mounts = _Mounts()
