"""What our storage does with files of this machine by itself."""

import asyncio
import hashlib
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file that was written."""

    size_bytes: int
    sha256: str


class HashedFile:
    """A file that is read once, from its beginning to its end, and hashed meanwhile. `read` blocks."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._hash = hashlib.sha256()
        self._reading = threading.Lock()
        self._closing = False
        self.size_bytes = 0
        """Read so far."""

    def read(self, size_bytes: int) -> bytes:
        """The next bytes; fewer at the end alone."""
        try:
            with self._reading:
                piece = self._file.read(size_bytes)
        finally:
            if self._closing:
                self._file.close()
        self._hash.update(piece)
        self.size_bytes += len(piece)
        return piece

    @property
    def sha256(self) -> str:
        """The digest of what was read, in hexadecimal."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close it; a read that is under way does so as it ends, and this does not wait for it."""
        self._closing = True
        if self._reading.acquire(blocking=False):
            self._file.close()
            self._reading.release()


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that is being written elsewhere, of which the first piece was read."""

    file: HashedFile
    piece_bytes: int
    first: bytes

    @property
    def whole(self) -> bool:
        """Whether there is no more."""
        return len(self.first) < self.piece_bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it."""
        piece = self.first
        while piece:
            yield piece
            piece = await asyncio.to_thread(self.file.read, self.piece_bytes)


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


def remove_named(folder: Path, beginning: str) -> None:
    """Delete the files in a folder whose names begin so."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(beginning):
            path.unlink(missing_ok=True)


def remove_old(folder: Path, oldest: float) -> int:
    """Delete files in folders of `folder` that were written before `oldest`, seconds of the epoch; answers how many.

    A folder that held nothing else for as long goes too.
    """
    removed = 0
    for inner in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError, NotADirectoryError):  # another got there first; no folder of ours
            empty_soon = inner.stat().st_mtime < oldest
            for path in inner.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
                    removed += 1
            if empty_soon:
                with suppress(OSError):  # something newer is in it
                    inner.rmdir()
    return removed
