"""The disk's reserve: whoever writes looks before each piece, so that no stranger's size takes the disk to nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed


def free_bytes(folder: Path) -> int:
    """Free space of the disk of a folder that exists."""
    return shutil.disk_usage(folder).free


def check_space(folder: Path, needed_bytes: int, reserve_bytes: int) -> None:
    """Raise AttemptFailed DISK_FULL unless `needed_bytes` fit on the folder's disk and leave the reserve free."""
    try:
        free = free_bytes(folder)
    except OSError as error:
        raise AttemptFailed("DISK_FULL", f"the disk can't be looked at: {error.strerror}") from error
    if free - needed_bytes < reserve_bytes:
        raise AttemptFailed(
            "DISK_FULL",
            f"the disk has {free} bytes free; {needed_bytes} are needed and {reserve_bytes} are to stay free"
            " (setting disk_reserve_bytes)",
        )


class Room:
    """What may be written to disks: a reserve stays free, and what is only kept goes before anybody is refused."""

    def __init__(self, reserve_bytes: int = 0) -> None:
        self.reserve_bytes = reserve_bytes
        self._yielding: list[Callable[[Path], bool]] = []

    def yields(self, give_way: Callable[[Path], bool]) -> None:
        """`give_way` removes something from the disk of a folder, and tells whether there was anything."""
        self._yielding.append(give_way)

    def check(self, folder: Path, needed_bytes: int) -> None:
        """As check_space; asked again for as long as something gives way."""
        while True:
            try:
                return check_space(folder, needed_bytes, self.reserve_bytes)
            except AttemptFailed:
                if not any(give_way(folder) for give_way in self._yielding):
                    raise
