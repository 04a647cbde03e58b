"""Starts the children that read foreign bytes: the one place that does, so that none has more than its Confinement.

A child dies with us, has a process group of its own, no descriptor but its three pipes, no environment but what it is
given, and reaches nothing but its files (media/sandbox). A server of our own forks it, which has no threads. (RLIMIT_AS
is not among the limits: it kills encoders with many threads, which reserve far more than they use.)
"""

import asyncio
import errno
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

import psutil

import reelmill
from reelmill.jobs.errors import Unavailable
from reelmill.media.child import Child
from reelmill.media.confinement import Confinement
from reelmill.media.sandbox import reach
from reelmill.media.sandbox.order import Order, encoded_walls
from reelmill.media.sandbox.programs import program
from reelmill.media.sandbox.walls import Sandbox, Walls, standing
from reelmill.media.sandbox.zygote import FAULT
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_LOOK_SECONDS = 0.1
_LAUNCH_SECONDS = 30.0  # for a fork server that begins again on a busy machine
_DESCRIPTORS = 1024  # of a child


class Launcher:
    """The fork server, seen from its process: started, watched, asked."""

    def __init__(self, sandbox: Sandbox = "try") -> None:
        """Raises RuntimeError where the sandbox is required and this machine lacks some of it."""
        self.walls: Walls = standing(sandbox)
        self._server: socket.socket | None = None
        self._up = asyncio.Event()

    async def run(self) -> None:
        """Keep a fork server until cancelled. Its end, or a start that fails, raises; the part's owner begins again."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            with theirs:
                argv = (*python("reelmill.media.sandbox.zygote"), str(os.getpid()), encoded_walls(self.walls))
                # Not asyncio's: that one has a thread wait for each child.
                server = subprocess.Popen(
                    argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True
                )
            self._server = ours
            self._up.set()
            try:
                await asyncio.get_running_loop().sock_recv(ours, 1)  # it says nothing: so it ended
            finally:
                self._up.clear()
                self._server = None
                ours.close()  # it ends with this, and its children with it
                code = await asyncio.shield(asyncio.to_thread(server.wait))
        raise RuntimeError(f"the fork server ended with code {code}")

    async def launch(
        self,
        argv: tuple[str, ...],
        confinement: Confinement,
        *,
        folder: Path | None = None,
        channel: socket.socket | None = None,
        line_bytes: int = 2**16,
    ) -> Child:
        """Start a program, `argv[0]` by its path, in `folder`, the only one that it writes to.

        Its stdout is a pipe whose lines have up to `line_bytes`; its stdin is empty, or `channel`, which may bring
        descriptors. Raises OSError where it can't be started, Unavailable where there is no fork server for 30 s.
        """
        order = _order(argv, confinement, folder, receives=channel is not None).encoded(self.walls)
        try:
            async with asyncio.timeout(_LAUNCH_SECONDS):
                while True:
                    await self._up.wait()
                    child = await self._ask(argv, order, channel, line_bytes)
                    if child is not None:
                        return child
                    await asyncio.sleep(0.01)  # until who waits for the server hears of its end
        except TimeoutError as error:
            raise Unavailable("the server that starts ffmpeg does not answer") from error

    async def _ask(
        self, argv: tuple[str, ...], order: bytes, channel: socket.socket | None, line_bytes: int
    ) -> Child | None:
        """The child; None where the server ended meanwhile."""
        with ExitStack() as passed:
            send: list[int] = [passed.enter_context(_file(order))]
            heard = []
            for _ in ("teller", "fault", "stdout", "stderr"):
                read, write = os.pipe()
                passed.callback(os.close, write)
                send.append(write)
                heard.append(read)
            teller, fault, *pipes = heard
            readers = [await _reader(descriptor, line_bytes) for descriptor in (fault, *pipes)]
            child = Child(teller, readers[1][0], readers[2][0])
            child.owns(*(transport for _, transport in readers))
            try:
                await self._send([*send, *([channel.fileno()] if channel else [])])
            except (BrokenPipeError, ConnectionResetError):
                child.forget()
                return None
            except BaseException:
                child.forget()
                raise
        try:
            text = await readers[0][0].read()
            if await child.started() and not text:
                return child
        except BaseException:
            child.abandon()
            raise
        child.abandon()
        if not text:
            return None
        number, _, words = text.removeprefix(FAULT).decode(errors="replace").strip().partition(" ")
        raise OSError(int(number) or errno.EPERM, words, argv[0])

    async def _send(self, descriptors: list[int]) -> None:
        while self._server is not None:
            try:
                socket.send_fds(self._server, [b"o"], descriptors)
                return
            except BlockingIOError:  # it is slower than we are: so wait
                await asyncio.sleep(0.001)
        raise BrokenPipeError


@asynccontextmanager
async def running(sandbox: Sandbox = "try") -> AsyncIterator[Launcher]:
    """A launcher whose fork server lives as long as this context."""
    launcher = Launcher(sandbox)
    for lack in launcher.walls.lacking:
        log.warning("a wall of the sandbox is missing", reason=lack)
    server = supervised("fork_server", launcher.run)
    try:
        yield launcher
    finally:
        await end(server)


def python(module: str) -> tuple[str, ...]:
    """The argv of a module's main(), in a Python that finds it where we did and runs nothing that lies elsewhere.

    -I, -S: no variable, no folder that we were started in, no file of anybody's site-packages names code to run.
    """
    folders = [str(folder) for folder in _code()]
    run = f"import sys; sys.path += {folders!r}; from {module} import main; main()"
    return (sys.executable, "-I", "-S", "-B", "-c", run)


@cache
def python_reads() -> tuple[Path, ...]:
    """What such a Python reads to start."""
    return tuple({Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), *(f.resolve() for f in _code())})


@cache
def _code() -> tuple[Path, ...]:
    ours = Path(reelmill.__file__).parents[1]
    sites = (Path(folder) for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages"))
    return tuple(dict.fromkeys((ours, *sites)))


async def outgrown(pid: int, confinement: Confinement) -> int:
    """Returns, with its resident bytes, once a child has more than its memory; never for one that has not.

    One with too many threads counts as such: each takes memory of the kernel's.
    """
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            process = psutil.Process(pid)
            resident, threads = int(process.memory_info().rss), process.num_threads()
        except psutil.Error:  # it ended; whoever waits for it knows
            continue
        if resident > confinement.memory_bytes or threads > confinement.threads:
            return resident


def tied(argv: tuple[str, ...], *, signal: str = "KILL") -> tuple[str, ...]:
    """The argv of a program of our own that gets `signal` when the thread that starts it ends.

    The kernel sees to it, asked by util-linux's setpriv in the child itself. The argv as it is where there is none, as
    on macOS; then the child ends by itself.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", signal, "--", *argv) if setpriv else argv


def _order(argv: tuple[str, ...], confinement: Confinement, folder: Path | None, *, receives: bool) -> Order:
    found, own = program(argv[0]), () if folder is None else (folder,)
    return Order(
        argv=argv,
        environment=confinement.environment,
        folder=str(folder) if folder else None,
        limits=(
            (resource.RLIMIT_DATA, confinement.data_bytes),
            (resource.RLIMIT_FSIZE, confinement.file_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, _DESCRIPTORS),
        ),
        reach=reach.rules(found, reads=confinement.reads, writes=own),
        reads=(argv[0], *map(str, (*found.runs, *confinement.reads))),
        receives=receives,
    )


@contextmanager
def _file(order: bytes) -> Iterator[int]:
    """A file without a name that holds an order of any size."""
    with os.fdopen(os.memfd_create("order"), "wb") if sys.platform == "linux" else tempfile.TemporaryFile() as file:
        file.write(order)
        file.flush()
        yield file.fileno()


async def _reader(descriptor: int, line_bytes: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=line_bytes, loop=loop)
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader, loop=loop), pipe)
    return reader, transport
