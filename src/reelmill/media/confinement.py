"""What a child process that reads foreign bytes may use. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Confinement:
    """Limits, paths and environment of one child; the launcher holds it to them, as far as the kernel can."""

    memory_bytes: int
    """Of private data (RLIMIT_DATA), and of what is resident: over it the child is killed."""
    file_bytes: int
    """Of one file that it writes (RLIMIT_FSIZE)."""
    reads: tuple[Path, ...] = ()
    """Files and folders that it reads."""
    writes: tuple[Path, ...] = ()
    """Folders that it writes to."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of its environment: no variable of ours reaches a parser of foreign files."""
