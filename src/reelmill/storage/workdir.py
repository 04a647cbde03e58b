"""Working directories: one for each attempt, locked by its worker, removed at its end or by the next worker."""

from pathlib import Path
from uuid import UUID

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage import space
from reelmill.storage.locked import LockedFolder, LockedFolders
from reelmill.telemetry.metrics import DISK_FREE, DISK_RESERVE


class WorkRoot:
    """The folder of the working directories; workers on one machine may share it."""

    def __init__(self, root: Path, *, reserve_bytes: int) -> None:
        self._root = root
        self._folders = LockedFolders(root)
        self._reserve_bytes = reserve_bytes
        DISK_RESERVE.set(reserve_bytes)
        DISK_FREE.set_function(self.free_bytes)

    def create(self, task_id: UUID, fence: int) -> LockedFolder:
        """A new, empty folder. Raises AttemptFailed DISK_FULL where the disk's reserve is used up."""
        self.check_space(0)
        try:
            return self._folders.create(f"{task_id}-{fence}")
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
        space.check_space(self._root, needed_bytes, self._reserve_bytes)

    def clean(self) -> int:
        """Remove folders whose workers are dead. Answers how many."""
        return self._folders.clean()
