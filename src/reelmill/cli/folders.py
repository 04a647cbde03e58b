"""Folders that one process has at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


@contextmanager
def private_folder(base: Path) -> Iterator[Path]:
    """The first folder base/0, base/1, … that no other process has; it is ours while the context is open.

    Shared, a run's jobs could go to the worker of another one, which may read other folders only.
    """
    for number in count():
        folder = base / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
