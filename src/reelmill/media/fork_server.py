"""A fork server, seen from the process that has it started: watched, asked, and gone with it."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import reelmill
from reelmill.jobs.errors import Unavailable
from reelmill.media.child import Child
from reelmill.media.sandbox.order import encoded_walls
from reelmill.media.sandbox.walls import Walls
from reelmill.media.sandbox.zygote import FAULT

_LAUNCH_SECONDS = 30.0  # for a fork server that begins again on a busy machine


class ForkServer:
    """A process of media/sandbox/zygote.py."""

    def __init__(self, *loads: str) -> None:
        """`loads`: the module of a template; none for one whose children become programs."""
        self._loads = loads
        self._server: socket.socket | None = None
        self._up = asyncio.Event()

    async def run(self, walls: Walls) -> None:
        """Keep the process until cancelled. Its end, or a start that fails, raises; the part's owner begins again."""
        ours, server = self._begin(walls)
        self._server = ours
        self._up.set()
        try:
            await asyncio.get_running_loop().sock_recv(ours, 1)  # it says nothing: so it ended
        finally:
            self._up.clear()
            self._server = None
            code = await self._end(ours, server)
        raise RuntimeError(f"the fork server ended with code {code}")

    def _begin(self, walls: Walls) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                argv = (*python("reelmill.media.sandbox.zygote"), str(os.getpid()), encoded_walls(walls), *self._loads)
                # Not asyncio's: that one has a thread wait for each child.
                return ours, subprocess.Popen(
                    argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True
                )
        except BaseException:
            ours.close()
            raise

    async def _end(self, ours: socket.socket, server: subprocess.Popen[bytes]) -> int:
        ours.close()  # it ends with this, and its children with it
        if self._loads:
            server.kill()  # it may be loading still; the kernel ends its children
        return await asyncio.shield(asyncio.to_thread(server.wait))

    async def start(self, name: str, order: bytes, channel: socket.socket | None, line_bytes: int) -> Child:
        """A child by an encoded Order; `name` is what errors call it.

        Raises OSError where it can't be started, Unavailable where there is no fork server for 30 s.
        """
        try:
            async with asyncio.timeout(_LAUNCH_SECONDS):
                while True:
                    await self._up.wait()
                    child = await self._ask(name, order, channel, line_bytes)
                    if child is not None:
                        return child
                    await asyncio.sleep(0.01)  # until who waits for the server hears of its end
        except TimeoutError as error:
            raise Unavailable("the server that starts ffmpeg does not answer") from error

    async def _ask(self, name: str, order: bytes, channel: socket.socket | None, line_bytes: int) -> Child | None:
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
        raise OSError(int(number) or errno.EPERM, words, name)

    async def _send(self, descriptors: list[int]) -> None:
        while self._server is not None:
            try:
                socket.send_fds(self._server, [b"o"], descriptors)
                return
            except BlockingIOError:  # it is slower than we are: so wait
                await asyncio.sleep(0.001)
        raise BrokenPipeError


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
