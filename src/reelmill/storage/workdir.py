"""Working directories: one for each attempt, locked by its worker, removed at its end or by the next worker."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage import space
from reelmill.telemetry.metrics import DISK_FREE, DISK_RESERVE


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A folder that belongs to one attempt for as long as its lock is held."""

    path: Path
    lock: int

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


class WorkRoot:
    """The folder of the working directories; workers on one machine may share it."""

    def __init__(self, root: Path, *, reserve_bytes: int) -> None:
        self._root = root
        self._reserve_bytes = reserve_bytes
        DISK_RESERVE.set(reserve_bytes)
        DISK_FREE.set_function(self.free_bytes)

    def create(self, task_id: UUID, fence: int) -> WorkFolder:
        """A new, empty folder. Raises AttemptFailed DISK_FULL where the disk's reserve is used up."""
        self.check_space(0)
        path = self._root / f"{task_id}-{fence}"
        try:
            with self._alone():
                path.mkdir(mode=0o700)
                lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AttemptFailed("DISK_FULL", f"can't make a working directory: {error}") from error
        return WorkFolder(path, lock)

    def free_bytes(self) -> int:
        """Free space of the disk."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return space.free_bytes(self._root)

    def check_space(self, needed_bytes: int) -> None:
        """Raise AttemptFailed DISK_FULL unless `needed_bytes` fit and leave the reserve free.

        Cheap: whoever lets a child write calls it again and again meanwhile.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        space.check_space(self._root, needed_bytes, self._reserve_bytes)

    def clean(self) -> int:
        """Remove folders whose workers are dead: their locks are free. Answers how many."""
        removed = 0
        for path in self._root.iterdir() if self._root.is_dir() else ():
            lock = self._lock_of_dead(path)
            if lock is not None:
                WorkFolder(path, lock).remove()
                removed += 1
        return removed

    def _lock_of_dead(self, path: Path) -> int | None:
        try:
            with self._alone():
                lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
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
