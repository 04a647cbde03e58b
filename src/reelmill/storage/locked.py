"""Folders that belong to a process for as long as it lives: what a dead one left is removed by the next."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """A folder that is ours for as long as its lock is held."""

    path: Path
    lock: int

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


class LockedFolders:
    """The folders in `root` whose names begin with `prefix`; processes may share them."""

    def __init__(self, root: Path, *, prefix: str = "") -> None:
        self._root = root
        self._prefix = prefix

    def create(self, name: str) -> LockedFolder:
        """A new, empty folder. Raises OSError."""
        path = self._root / f"{self._prefix}{name}"
        with self._alone():
            path.mkdir(mode=0o700)
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return LockedFolder(path, lock)

    def clean(self) -> int:
        """Remove folders whose owners are dead: their locks are free. Answers how many."""
        removed = 0
        for path in self._root.glob(f"{self._prefix}*") if self._root.is_dir() else ():
            lock = self._lock_of_dead(path)
            if lock is not None:
                LockedFolder(path, lock).remove()
                removed += 1
        return removed

    def _lock_of_dead(self, path: Path) -> int | None:
        try:
            with self._alone():
                lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # gone meanwhile, or no folder of ours
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps others from seeing a folder that is made and not locked yet."""
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(root, fcntl.LOCK_EX)
            yield
        finally:
            os.close(root)
