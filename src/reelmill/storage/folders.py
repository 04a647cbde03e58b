"""What our storage does with files of this machine by itself."""

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_private(folder: Path) -> None:
    """A folder that its owner alone may enter, made where it is missing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(PermissionError):  # somebody else's, as a volume that is shared: its modes are theirs to choose
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)


def remove_folder(path: Path) -> None:
    """Delete a folder and all in it; one that is not there is fine."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)


def remove_old(folder: Path, oldest: float) -> int:
    """Delete folders in `folder` that were made before `oldest`, seconds of the epoch; answers how many."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another got there first
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path)
                removed += 1
    return removed
