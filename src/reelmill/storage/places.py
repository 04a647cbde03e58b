"""Where a file really lies: links followed, `..` resolved, and bind mounts seen through."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    real = Path(os.path.realpath(path))
    found = Place("", real)
    for mounted, device, root in _mounts():  # of several on one another the last one is seen
        if real.is_relative_to(mounted):
            found = Place(device, root / real.relative_to(mounted))
    return found


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


def _mounts() -> Sequence[tuple[Path, str, Path]]:
    """Mount point, device, and what of the device is mounted there; in the order of mounting."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    # proc(5): id, parent, major:minor, root, mount point, …; a blank is written \040.
    fields = (line.split(" ", 5) for line in lines)
    found = [(Path(_plain(mounted)), device, Path(_plain(root))) for _, _, device, root, mounted, *_ in fields]
    return sorted(found, key=lambda mount: len(mount[0].parts))


def _plain(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
