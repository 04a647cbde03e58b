"""Starts the children that read foreign bytes: the one place that does, so that none has more than its Confinement.

A child dies with us, has a process group of its own, no descriptor but its three pipes, no environment but what it is
given, and reaches nothing but its files (media/sandbox). A server of our own forks it, which has no threads. (RLIMIT_AS
is not among the limits: it kills encoders with many threads, which reserve far more than they use.)
"""

import asyncio
import resource
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from reelmill.media.child import Child
from reelmill.media.confinement import Confinement
from reelmill.media.fork_server import ForkServer
from reelmill.media.sandbox import reach
from reelmill.media.sandbox.order import Order
from reelmill.media.sandbox.programs import program
from reelmill.media.sandbox.walls import Sandbox, Walls, standing
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
LOOK_SECONDS = 0.1
"""Between two looks at what a child takes."""
_DESCRIPTORS = 1024  # of a child


class Launcher:
    """Two fork servers, one of programs and the template of warm children."""

    def __init__(self, sandbox: Sandbox = "try", template: ForkServer | None = None) -> None:
        """`template`: None for one of its own. Raises RuntimeError where a wall is required that is missing."""
        self.walls: Walls = standing(sandbox)
        self._programs = ForkServer()
        self._template = template or ForkServer("reelmill.media.warm_child")

    async def run(self) -> None:
        """Keep a fork server until cancelled. Its end, or a start that fails, raises; the part's owner begins again."""
        await self._programs.run(self.walls)

    async def run_template(self) -> None:
        """Keep the template of warm children, as `run` keeps the fork server."""
        await self._template.run(self.walls)

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
        return await self._programs.start(argv[0], order, channel, line_bytes)

    async def fork_warm(self, confinement: Confinement, channel: socket.socket, *, line_bytes: int = 2**16) -> Child:
        """Start a warm child (warm_child.main), which reads `channel` and no file at all; otherwise as launch()."""
        order = Order(
            argv=(),
            environment={},
            folder=None,
            limits=_limits(confinement),
            reach=(),
            reads=(),
            receives=True,
        )
        return await self._template.start("a warm child", order.encoded(self.walls), channel, line_bytes)


@asynccontextmanager
async def running(sandbox: Sandbox = "try", template: ForkServer | None = None) -> AsyncIterator[Launcher]:
    """A launcher whose fork server lives as long as this context; `template` as Launcher takes it."""
    launcher = Launcher(sandbox, template)
    for lack in launcher.walls.lacking:
        log.warning("a wall of the sandbox is missing", reason=lack)
    server = supervised("fork_server", launcher.run)
    loaded = supervised("warm_template", launcher.run_template)
    try:
        yield launcher
    finally:
        await end(loaded)
        await end(server)


async def outgrown(pid: int, confinement: Confinement) -> int:
    """Returns, with its resident bytes, once a child has more than its memory; never for one that has not.

    One with too many threads counts as such: each takes memory of the kernel's.
    """
    import psutil  # late: what runs it is begun by then

    while True:
        with suppress(psutil.Error):  # it ended; whoever waits for it knows
            process = psutil.Process(pid)
            resident, threads = int(process.memory_info().rss), process.num_threads()
            if resident > confinement.memory_bytes or threads > confinement.threads:
                return resident
        await asyncio.sleep(LOOK_SECONDS)


def tied(argv: tuple[str, ...], *, signal: str = "KILL") -> tuple[str, ...]:
    """The argv of a program of our own that gets `signal` when the thread that starts it ends.

    The kernel sees to it, asked by util-linux's setpriv in the child itself. The argv as it is where there is none, as
    on macOS; then the child ends by itself.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", signal, "--", *argv) if setpriv else argv


def _limits(confinement: Confinement) -> tuple[tuple[int, int], ...]:
    return (
        (resource.RLIMIT_DATA, confinement.data_bytes),
        (resource.RLIMIT_FSIZE, confinement.file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    )


def _order(argv: tuple[str, ...], confinement: Confinement, folder: Path | None, *, receives: bool) -> Order:
    found, own = program(argv[0]), () if folder is None else (folder,)
    return Order(
        argv=argv,
        environment=confinement.environment,
        folder=str(folder) if folder else None,
        limits=_limits(confinement),
        reach=reach.rules(found, reads=confinement.reads, writes=own),
        reads=(argv[0], *map(str, (*found.runs, *confinement.reads))),
        receives=receives,
    )
