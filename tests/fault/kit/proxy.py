"""A TCP proxy that cuts, forgets, delays, half-closes, fails single calls and restores connections."""

import asyncio
import math
from contextlib import suppress
from types import TracebackType
from typing import Self

from services.process import HOST, free_port


class Proxy:
    """Stands before a server on loopback. Its port stays its own, whatever happens behind it."""

    def __init__(self, target_port: int, *, port: int = 0) -> None:
        self.port = port or free_port()
        self._target_port = target_port
        self._delay_seconds = 0.0
        self.calls = 0
        """Pieces of what clients said: calls, as long as each waits for its answer."""
        self._failing = range(0)
        self._frozen = asyncio.Event()
        self._frozen.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def cut(self) -> None:
        """Reset all connections and refuse new ones, as a server that died does."""
        if self._server:
            self._server.close()
            self._server = None
        self.drop()
        self._over.set()

    def drop(self) -> None:
        """Reset all connections; new ones are taken."""
        for writer in list(self._writers):
            writer.transport.abort()

    def forget(self) -> None:
        """Take what comes on all connections and forward nothing ever again, not even their ends; new ones work.

        So does a network that drops what was idle for long, without a word to either side.
        """
        self._forgotten |= self._writers

    def half_close(self) -> None:
        """End what clients hear of all connections; what they say still arrives."""
        for writer in list(self._writers):
            with suppress(OSError, RuntimeError):
                writer.write_eof()

    def freeze(self) -> None:
        """Keep all connections open and forward nothing, as a partition does."""
        self._frozen.clear()

    def delay(self, seconds: float) -> None:
        """Hold back everything for a while, in each direction."""
        self._delay_seconds = seconds

    def fail(self, first: int, *, times: float = math.inf) -> None:
        """Reset the connection instead of forwarding a call: `times` calls, counted from now, from `first` (1) on."""
        begin = self.calls + first - 1
        self._failing = range(begin, begin + int(min(times, 10**9)))

    async def restore(self) -> None:
        """Forward again, at once."""
        self._delay_seconds = 0.0
        self._failing = range(0)
        self._frozen.set()
        if self._server is None:
            self._over.clear()
            self._server = await asyncio.start_server(self._on_connection, HOST, self.port, reuse_address=True)

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, there_writer}
        self._writers |= pair
        try:
            await asyncio.gather(self._forward(reader, there_writer, calls=True), self._forward(there_reader, writer))
        finally:
            self._writers -= pair
            self._forgotten -= pair
            for end in pair:
                end.transport.abort()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, calls: bool = False
    ) -> None:
        try:
            while data := await reader.read(65536):
                if writer in self._forgotten:
                    continue
                if calls:
                    self.calls += 1
                    if self.calls - 1 in self._failing:
                        raise ConnectionResetError
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await self._frozen.wait()
                writer.write(data)
                await writer.drain()
            if writer in self._forgotten:
                await self._over.wait()
            writer.write_eof()
        except (OSError, RuntimeError):  # a reset goes on as a reset
            if writer in self._forgotten:
                await self._over.wait()
            writer.transport.abort()
