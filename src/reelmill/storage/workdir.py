"""Working directories: one for each attempt, locked by its worker, removed at its end or by the next worker.

A worker has one more for the inputs that it keeps.
"""

from pathlib import Path
from uuid import UUID, uuid4

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage import space
from reelmill.storage.locked import LockedFolder, LockedFolders
from reelmill.storage.space import Room
from reelmill.telemetry.metrics import DISK_FREE, DISK_RESERVE

KEPT = "kept-"
"""How names begin of folders that are no attempt's."""


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

    def free_bytes(self) -> int:
        """Free space of the disk."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return space.free_bytes(self._root)

    def check_space(self, needed_bytes: int) -> None:
        """Raise AttemptFailed DISK_FULL unless `needed_bytes` fit and leave the reserve free.

        Cheap: whoever lets a child write calls it again and again meanwhile.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.room.check(self._root, needed_bytes)

    def clean(self) -> int:
        """Remove folders whose workers are dead. Answers how many."""
        return self._folders.clean()
