"""The disk's reserve: whoever writes looks before each piece, so that no stranger's size takes the disk to nothing."""

import shutil
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
