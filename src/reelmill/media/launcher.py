"""Starts the children that read foreign bytes: the one place that does, so that none has more than its Confinement.

A child dies with us, has a process group of its own, no descriptor but its three pipes, and no environment but what
it is given. Limits are set by util-linux's prlimit before the program runs; a preexec_fn could do so too, but Python
code between fork and exec crashes beside the threads of gRPC. (RLIMIT_AS is not among them: it kills encoders with many
threads, which reserve far more than they use.)
"""

import asyncio
import os
import shutil
import signal
from functools import cache
from pathlib import Path

import psutil

from reelmill.media.confinement import Confinement

_LOOK_SECONDS = 0.1


async def launch(
    argv: tuple[str, ...],
    confinement: Confinement,
    *,
    folder: Path | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    stderr: int | None = asyncio.subprocess.PIPE,
    line_bytes: int = 2**16,
) -> asyncio.subprocess.Process:
    """Start a program, `argv[0]` by its path, in `folder`; its stdout is a pipe whose lines have up to `line_bytes`."""
    return await asyncio.create_subprocess_exec(
        *tied(_limited(argv, confinement)),
        cwd=folder,
        env=dict(confinement.environment),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        limit=line_bytes,
        start_new_session=True,  # a process group of its own, to be killed whole; Ctrl-C is ours to handle
    )


async def outgrown(pid: int, confinement: Confinement) -> int:
    """Returns, with its resident bytes, once a child has more than its memory; never for one that has not."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            resident = int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:  # it ended; whoever waits for it knows
            resident = 0
        if resident > confinement.memory_bytes:
            return resident


def kill_group(process: asyncio.subprocess.Process) -> None:
    """End a child and all that it started, at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def tied(argv: tuple[str, ...], *, signal: str = "KILL") -> tuple[str, ...]:
    """The argv of a program that gets `signal` when the thread that starts it ends.

    The kernel sees to it, asked by util-linux's setpriv in the child itself. The argv as it is where there is none, as
    on macOS; then the child ends by itself.
    """
    setpriv = _path("setpriv")
    return (setpriv, "--pdeathsig", signal, "--", *argv) if setpriv else argv


def _limited(argv: tuple[str, ...], confinement: Confinement) -> tuple[str, ...]:
    prlimit = _path("prlimit")
    if prlimit is None:
        return argv
    data, file = confinement.data_bytes, confinement.file_bytes
    return (prlimit, f"--data={data}", f"--fsize={file}", "--core=0", "--", *argv)


@cache
def _path(program: str) -> str | None:
    return shutil.which(program)
