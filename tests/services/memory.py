"""Temporary files in memory: what a run makes and deletes there costs a disk's file system more CPU than PostgreSQL.

(ext4 gives an inode again only some seconds after its file was deleted, and looks at each that it may not give yet.)
"""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_FREE_BYTES = 8 * 2**30  # a run keeps 4 GB there at its end
_NOT_WITH = frozenset({"TMPDIR", "REELMILL_TEST_LONG", "REELMILL_TEST_CHAOS_MINUTES"})  # nobody knows what these keep
_NAME = "mill-"  # short: a socket's path has 107 bytes


def hold_temporary_files(memory: Path = _MEMORY, free_bytes: int = _FREE_BYTES) -> Path | None:
    """Have this process and all that it starts keep temporary files in memory: in a folder, to be removed at its end.

    None, and nothing is changed, where there is too little of it, no program can be run from there, a run is long, or
    TMPDIR names another place. Folders of runs that were killed are removed.
    """
    if _NOT_WITH & os.environ.keys() or not os.access(memory, os.W_OK | os.X_OK):
        return None
    for left in memory.glob(f"{_NAME}*"):
        pid = left.name.removeprefix(_NAME)
        if pid.isdigit() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    if os.statvfs(memory).f_flag & os.ST_NOEXEC or shutil.disk_usage(memory).free < free_bytes:
        return None
    if psutil.virtual_memory().available < 2 * free_bytes:
        return None
    folder = memory / f"{_NAME}{os.getpid()}"
    if folder.exists():  # of another user's, who had our number before
        return None
    folder.mkdir()
    folder.chmod(0o1777)  # as /tmp: servers run as users of their own
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # it is looked up again
    return folder
