"""Processes: children that share a port, and what a command does with its own."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from reelmill.cli.problems import INTERRUPTED, Problem
from reelmill.media.launcher import tied

if TYPE_CHECKING:
    from reelmill.settings import Settings

_FULL_BYTES = 2**20  # with less, what fails fails for that
_UP_FILE = "up.pid"
_LOOKS, _LOOK_SECONDS = 20, 0.02
_KILL_AFTER_SECONDS = 45.0  # an api drains in 10, a worker in drain_seconds


def since_start_seconds() -> float:
    """Time since this process was started, the interpreter's own start included."""
    import psutil  # late: `run` needs it at a second Ctrl-C alone

    return time.time() - psutil.Process().create_time()


def require_free(host: str, port: int, option: str) -> None:
    """Raise Problem where someone listens on a port; gRPC itself would share it with them."""
    if port == 0:
        return
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            by = f" by {who}" if (who := listener(port)) else ""
            raise Problem(
                f"can't listen on {host}:{port}: {error.strerror}{by}; choose another with {option} PORT"
            ) from error


def listener(port: int) -> str:
    """Who listens on a port, as far as we may see it: a `reelmill up` with its data folder, another program, or ""."""
    import psutil

    try:
        listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.pid)
        holders = [psutil.Process(c.pid) for c in listening if c.laddr and c.laddr[1] == port]
        # The oldest: a child that is just being started has all that its parent has, for a moment.
        process = min(holders, key=psutil.Process.create_time)
        for file in process.open_files():
            if Path(file.path).name == _UP_FILE:
                return f"`reelmill up` (process {process.pid}, data in {Path(file.path).parent})"
        return f"{process.name()} (process {process.pid})"
    except (psutil.Error, OSError, ValueError):
        return ""


@contextmanager
def known_as_up(data: Path) -> Iterator[Callable[[str, str], None]]:
    """Hold a file of the data folder open, by which `listener` knows a process for the `up` of that folder.

    Called with the addresses of REST and gRPC, what it yields has `running_up` find them while the file is held.
    """
    with (data / _UP_FILE).open("a+") as file:
        alone = _locked(file)

        def write(*lines: str) -> None:
            if alone:  # of several on one folder the first is known
                file.truncate(0)
                file.write("".join(f"{line}\n" for line in (str(os.getpid()), *lines)))
                file.flush()

        write()
        yield lambda http, grpc: write(http, grpc)


def _locked(file: TextIO) -> bool:
    """Whether a file is ours alone; who only looks holds it for a moment."""
    for _ in range(_LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def running_up(data: Path) -> tuple[str, str] | None:
    """Where the `reelmill up` of a data folder answers, REST and gRPC; None where none runs, or none is ready."""
    try:
        with (data / _UP_FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                _, http, grpc = file.read().split()
                return http, grpc
    except (OSError, ValueError):
        pass
    return None


@contextmanager
def full_disk_told(settings: "Settings") -> Iterator[None]:
    """Tell what fails on a full disk as that: each part has errors of its own for it, and most don't say so."""
    try:
        yield
    except Exception as error:
        folder = settings.data_dir.expanduser().absolute()
        there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110 - Path's raises where it may not look
        total, _, free = shutil.disk_usage(there)
        if not total or free >= _FULL_BYTES or isinstance(error, Problem) or "its disk is full" in str(error):
            raise
        raise Problem(
            f"REELMILL_DATA_DIR: the disk of {folder} is full ({free} bytes free);"
            " free some space, or name a folder on another disk"
        ) from error


@contextmanager
def interruptible(stop: asyncio.Event) -> Iterator[None]:
    """Tell what fails after SIGINT as an interruption: a terminal's Ctrl-C reaches our children as well."""
    try:
        yield
    except Exception as error:
        if not stop.is_set() or isinstance(error, Problem):
            raise
        raise Problem("interrupted", exit_code=INTERRUPTED) from error


def force_on_interrupt() -> None:
    """From here on SIGINT ends this process and its children at once."""

    def force() -> None:
        import psutil

        for child in psutil.Process().children(recursive=True):
            child.kill()
        os._exit(INTERRUPTED)

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, force)


async def supervise(command: Sequence[str], count: int, *, health_port: int) -> None:
    """Run `reelmill command` `count` times until SIGTERM or SIGINT. Raises Problem where one ends before.

    A health port that is not 0 is the first child's; each further one has the next.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    children: list[asyncio.subprocess.Process] = []
    try:
        for i in range(count):
            environment = dict(os.environ)
            if health_port:
                environment["REELMILL_HEALTH_PORT"] = str(health_port + i)
            children.append(
                await asyncio.create_subprocess_exec(
                    *tied((sys.executable, "-P", "-m", "reelmill", *command), signal="TERM"), env=environment
                )
            )
        stopping = asyncio.create_task(stop.wait())
        waits = [asyncio.create_task(child.wait()) for child in children]
        await asyncio.wait([stopping, *waits], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not stop.is_set():
            codes = [child.returncode for child in children if child.returncode is not None]
            raise Problem(f"one of {count} processes ended with code {codes[0]}; stopped the others")
    finally:
        await _stop(children)


async def _stop(children: Sequence[asyncio.subprocess.Process]) -> None:
    running = [child for child in children if child.returncode is None]
    for child in running:
        child.terminate()
    if not running:
        return
    waits = [asyncio.create_task(child.wait()) for child in running]
    _, late = await asyncio.wait(waits, timeout=_KILL_AFTER_SECONDS)
    if late:
        for child in running:
            if child.returncode is None:
                child.kill()
        await asyncio.wait(waits)
