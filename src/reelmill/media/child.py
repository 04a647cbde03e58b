"""Children must not outlive the worker: a worker that is killed leaves no ffmpeg behind."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask the kernel to KILL this process when the thread that started it ends. Linux only.

    Runs between fork and exec: it must not take locks.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
