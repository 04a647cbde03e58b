"""Where a file really lies: links followed, `..` resolved, and bind mounts seen through."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Place:
    """A path inside its file system: two names of one folder have the same place."""

    device: str
    path: Path

    def below(self, other: "Place") -> bool:
        """Whether it is the other, or lies in it."""
        return self.device == other.device and self.path.is_relative_to(other.path)


def place_of(path: Path) -> Place:
    """The place of a path, which need not exist. Where the kernel lists no mounts, links alone are followed."""
    real = os.path.realpath(path)
    inside = real if real.endswith("/") else f"{real}/"
    for mounted, device, root in reversed(_mounts()):  # of several on one another the last one is seen
        if inside.startswith(mounted):
            return Place(device, Path(root, real[len(mounted) :]))
    return Place("", Path(real))


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path, all symbolic links followed, lies below one of the folders."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def inside_any(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path lies in one of the folders, by whatever name and mount."""
    place = place_of(path)
    return any(place.below(place_of(folder)) for folder in folders)


def parts_below(path: Path, folder: Path) -> tuple[str, ...] | None:
    """How a path goes on below a folder, by whatever name and mount; None where it lies elsewhere."""
    place, top = place_of(path), place_of(folder)
    return place.path.relative_to(top.path).parts if place.below(top) else None


def _mounts() -> Sequence[tuple[str, str, str]]:
    """Mount point with a / at its end, device, and what of the device is mounted there; in the order of mounting."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - each check asks
            return _parsed(file.read())
    except OSError:
        return ()


@lru_cache(maxsize=8)  # it is asked anew for each check, and answers the same
def _parsed(text: str) -> Sequence[tuple[str, str, str]]:
    # proc(5): id, parent, major:minor, root, mount point, …; a blank is written \040.
    fields = (line.split(" ", 5) for line in text.splitlines())
    found = [(_plain(mounted).rstrip("/") + "/", device, _plain(root)) for _, _, device, root, mounted, *_ in fields]
    return sorted(found, key=lambda mount: mount[0].count("/"))


def _plain(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
