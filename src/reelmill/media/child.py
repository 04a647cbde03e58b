"""Children must not outlive us: a worker that is killed leaves no ffmpeg behind.

The kernel sees to it, asked by util-linux's setpriv in the child itself. (A preexec_fn could ask as
well, but to run Python between fork and exec crashes beside the threads of gRPC.)
"""

import shutil
from functools import cache


def tied(argv: tuple[str, ...], *, signal: str = "KILL") -> tuple[str, ...]:
    """The argv of a program that gets `signal` when the thread that starts it ends.

    The argv as it is where there is no setpriv, as on macOS; then the child ends by itself.
    """
    setpriv = _setpriv()
    return (setpriv, "--pdeathsig", signal, "--", *argv) if setpriv else argv


@cache
def _setpriv() -> str | None:
    return shutil.which("setpriv")
