"""What this machine, or this container, has, and what planning makes of it."""

import os
from pathlib import Path

from reelmill.media.contract import PlanContext
from reelmill.media.spreading import Worth
from reelmill.settings import Settings

# Control groups, versions 2 and 1: the limit of a container.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes(limits: tuple[Path, ...] = _LIMITS) -> int:
    """Memory that there is: the container's limit, or all of the machine's where that is less."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in limits:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # "max": none
            found.append(int(text))
    return min(found)


def plan_context(settings: Settings) -> PlanContext:
    """What planning knows of a worker with these settings."""
    cores = settings.worker_cores or os.cpu_count() or 1
    return PlanContext(
        threads=max(1, cores // settings.worker_slots),
        memory_bytes=(settings.worker_memory_bytes or available_bytes() * 3 // 4) // settings.worker_slots,
    )


def worth(settings: Settings) -> Worth:
    """What becomes a task of its own."""
    return Worth(
        least_cpu_seconds=settings.spread_cpu_seconds,
        longest_chunk_seconds=settings.chunk_seconds,
        pieces_bytes=settings.pieces_max_bytes,
    )
