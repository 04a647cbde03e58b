"""Working directories: one for each attempt, locked by its worker, removed at its end or by the next worker.

A worker has one more for the inputs that it keeps.
"""

import asyncio
import threading
from pathlib import Path
from uuid import UUID, uuid4

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage import space
from reelmill.storage.locked import LockedFolder, LockedFolders
from reelmill.storage.space import Room
from reelmill.telemetry.metrics import DISK_FREE, DISK_RESERVE

KEPT = "kept-"
"""How names begin of folders that are no attempt's."""


class AttemptFolder:
    """An attempt's working directory, made when it is first asked for: what is small never needs one."""

    def __init__(self, work: "WorkRoot", task_id: UUID, fence: int) -> None:
        self._work, self._task_id, self._fence = work, task_id, fence
        self._made: LockedFolder | None = None
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        """Where it is; `make` it before, on an event loop. Raises as that."""
        with self._lock:
            self._made = self._made or self._work.create(self._task_id, self._fence)
        return self._made.path

    async def make(self) -> Path:
        """Where it is, in a thread unless it is there: what is only kept may have to go before.

        Raises AttemptFailed DISK_FULL, as `WorkRoot.create` does.
        """
        return self._made.path if self._made else await asyncio.to_thread(lambda: self.path)

    async def remove(self) -> None:
        """Delete it and all in it, where it was made: a stream's thousands of files take seconds."""
        if self._made is not None:
            await asyncio.to_thread(self._made.remove)


class WorkRoot:
    """The folder of the working directories; workers on one machine may share it."""

    def __init__(self, root: Path, *, reserve_bytes: int) -> None:
        self._root = root
        self._folders = LockedFolders(root)
        self.room = Room(reserve_bytes)
        DISK_RESERVE.set(reserve_bytes)
        DISK_FREE.set_function(self.free_bytes)

    def create(self, task_id: UUID, fence: int) -> LockedFolder:
        """A new, empty folder. Raises AttemptFailed DISK_FULL where the disk's reserve is used up."""
        self.check_space(0)
        return self._create(f"{task_id}-{fence}")

    def create_kept(self) -> LockedFolder:
        """A new, empty folder for what a worker keeps longer than an attempt. Raises as `create`."""
        self.check_space(0)
        return self._create(f"{KEPT}{uuid4()}")

    def _create(self, name: str) -> LockedFolder:
        try:
            return self._folders.create(name)
        except OSError as error:
            raise AttemptFailed("DISK_FULL", f"can't make a working directory: {error}") from error

    def folder(self, task_id: UUID, fence: int) -> AttemptFolder:
        """A folder that is not made yet."""
        return AttemptFolder(self, task_id, fence)

    def free_bytes(self) -> int:
        """Free space of the disk."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return space.free_bytes(self._root)

    def check_space(self, needed_bytes: int) -> None:
        """Raise AttemptFailed DISK_FULL unless `needed_bytes` fit and leave the reserve free.

        Cheap: whoever lets a child write calls it again and again meanwhile.
        """
        if not self._root.is_dir():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.room.check(self._root, needed_bytes)

    def clean(self) -> int:
        """Remove folders whose workers are dead. Answers how many."""
        return self._folders.clean()
