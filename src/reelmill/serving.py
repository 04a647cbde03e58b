"""Serves an ASGI application over HTTP, by uvicorn."""

import asyncio
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from reelmill.supervise import supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_GRACE_SECONDS = 5
_OTHER_FILES = 1000
_KEEP_ALIVE_SECONDS = 75


@asynccontextmanager
async def running_http(
    name: str,
    application: Starlette,
    host: str,
    port: int,
    *,
    protocol: type[asyncio.Protocol],
    drain_seconds: float = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve an application as the part `name`; answers its port. `protocol` is uvicorn's, or a kind of it.

    With `tls` it is HTTPS.

    Raises OSError where the port is taken.

    At the end it first answers with `Connection: close` for `drain_seconds`: a client that sends on an idle
    connection in the moment in which it is closed would have to guess whether it was heard.
    """
    with _listening(host, port) as listener:
        async with application.router.lifespan_context(application):
            serving = _Serving(application, listener, protocol, tls)
            stop = asyncio.Event()
            task = supervised(name, serving.run, until=stop)
            try:
                await serving.begun()
                yield int(listener.getsockname()[1])
            finally:
                stop.set()
                if drain_seconds:
                    serving.say_goodbye()
                    await asyncio.wait([task], timeout=drain_seconds)
                serving.leave()
                await asyncio.gather(task, return_exceptions=True)


def allow_files(connections: int) -> None:
    """Let this process have as many files open as so many connections take, or as many as the system allows."""
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning("the system allows fewer files than connections may need", allowed=allowed, wanted=wanted)


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"can't listen on {host}:{port}: {error.strerror}; choose another port") from error
    return listener


class _Serving:
    """Uvicorn's server, and the next one where it ends: the listening socket and all connections outlive it."""

    def __init__(
        self,
        application: Starlette,
        listener: socket.socket,
        protocol: type[asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._config = uvicorn.Config(
            application,
            http=protocol,
            log_config=None,
            access_log=False,
            lifespan="off",  # ours to keep: uvicorn's would be one more task that can end
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._config.ssl = tls  # uvicorn would read files of its own, once
        self._state = ServerState()
        self._server = uvicorn.Server(self._config)
        self._leaving = False

    async def run(self) -> None:
        """Serve until `leave`."""
        server = self._server = uvicorn.Server(self._config)
        server.server_state = self._state
        server.should_exit = self._leaving
        copy = self._listener.dup()  # uvicorn closes it
        try:
            await server._serve([copy])  # not serve(): signals are the process's to handle
        finally:
            for accepting in getattr(server, "servers", ()):
                accepting.close()
            copy.close()

    async def begun(self) -> None:
        """Wait until it accepts connections."""
        while not self._server.started:
            await asyncio.sleep(0.01)

    def say_goodbye(self) -> None:
        """From the next second on each answer closes its connection."""
        self._config.encoded_headers.append((b"connection", b"close"))

    def leave(self) -> None:
        """End, with the answers under way."""
        self._leaving = self._server.should_exit = True
