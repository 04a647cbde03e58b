"""What a child process that reads foreign bytes may use. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SLACK_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Confinement:
    """Limits, reach and environment of one child; the launcher holds it to them, as far as the kernel can."""

    memory_bytes: int
    """Of resident memory: over it the child is killed."""
    file_bytes: int
    """Of one file that it writes (RLIMIT_FSIZE)."""
    threads: int = 4096
    """Over it the child is killed. (Encoders of 64 cores start some hundreds.)"""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of its environment: no variable of ours reaches a parser of foreign files."""
    reads: tuple[Path, ...] = ()
    """Files and folders that it reads, besides what its program needs to start: inputs, fonts, models."""

    @property
    def data_bytes(self) -> int:
        """Of private data (RLIMIT_DATA), which stops it between two looks at what is resident.

        Larger than that: stacks of threads count whole (8 MiB each), used or not. (Measured: 1.15 to 1.4 times of
        what was resident, with up to 56 threads.)
        """
        return self.memory_bytes * 3 // 2 + _SLACK_BYTES
