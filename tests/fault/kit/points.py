"""Stops processes at named points (reelmill.points) and tells the test which process is there."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from waiting import soon


class Arrival:
    """A process that waits at a point until `go`, or until it is killed."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.left = asyncio.Event()

    def go(self) -> None:
        """Let it go on."""
        self.left.set()


class Points:
    """Listens on a Unix socket. Points that are not held are passed at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, int] = defaultdict(int)
        self._arrived: dict[str, asyncio.Queue[Arrival]] = defaultdict(asyncio.Queue)
        self._waiting: set[Arrival] = set()
        self._server: asyncio.Server | None = None

    def hold(self, name: str, *, times: int = 1) -> None:
        """Stop the next `times` processes that reach a point."""
        self._held[name] = times

    async def reached(self, name: str) -> Arrival:
        """The next process that was stopped at a point. Raises TimeoutError."""
        return await soon(self._arrived[name].get())

    def free_all(self) -> None:
        """Hold nothing any more, and let all go on."""
        self._held.clear()
        self._arrived.clear()
        for arrival in self._waiting:
            arrival.go()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._on_connection, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free_all()
        assert self._server
        self._server.close()

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, _, pid = (await reader.readline()).decode().partition(" ")  # empty of one that was killed meanwhile
        if pid and self._held[name] > 0:
            self._held[name] -= 1
            arrival = Arrival(name, int(pid))
            self._waiting.add(arrival)
            self._arrived[name].put_nowait(arrival)
            gone = asyncio.ensure_future(reader.read())  # ends when the process does
            going = asyncio.ensure_future(arrival.left.wait())
            await asyncio.wait([gone, going], return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            going.cancel()
            self._waiting.discard(arrival)
        with suppress(OSError):
            writer.write(b"go\n")
            await writer.drain()
        writer.close()
