"""What this machine, or this container, has."""

from pathlib import Path

import psutil

# Control groups, versions 2 and 1: the limit of a container.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes(limits: tuple[Path, ...] = _LIMITS) -> int:
    """Memory that there is: the container's limit, or all of the machine's where that is less."""
    found = [int(psutil.virtual_memory().total)]
    for path in limits:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # "max": none
            found.append(int(text))
    return min(found)
