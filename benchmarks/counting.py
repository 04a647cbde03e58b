"""How often a task that does nothing was run, counted alike for everybody.

A worker's thread adds to eight bytes of a file that it maps; the benchmark sums the files.
"""

import mmap
import os
import struct
import threading
from pathlib import Path

_VARIABLE = "BENCHMARK_COUNTERS"
_local = threading.local()


def count() -> None:
    """One more; in a process that was started with `environment`."""
    try:
        cell = _local.cell
    except AttributeError:
        path = Path(os.environ[_VARIABLE], f"{os.getpid()}-{threading.get_ident()}")
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            cell = _local.cell = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    cell[0] += 1


def environment(folder: Path) -> dict[str, str]:
    """What a worker's process needs to count in `folder`."""
    return {_VARIABLE: str(folder)}


def total(folder: Path) -> int:
    """The count of all workers so far."""
    return sum(struct.unpack("Q", data)[0] for path in folder.iterdir() if len(data := path.read_bytes()) == 8)
