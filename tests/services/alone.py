"""One installs at a time, of all processes of this user: two would build the same, or meet at dpkg's lock."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_threads = threading.RLock()
_depth = 0


def cache() -> Path:
    """Where what was fetched and built stays."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "reelmill-tests"


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else is in here meanwhile. May be entered again from within."""
    global _depth
    with _threads:
        if _depth:
            yield
            return
        cache().mkdir(parents=True, exist_ok=True)
        with (cache() / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _depth += 1
            try:
                yield
            finally:
                _depth -= 1
