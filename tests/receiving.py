"""A receiver of webhooks: it answers as a test says, and keeps what came."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from services.process import HOST
from waiting import eventually

Answer = str | None
"""What is sent back, from the status line on; None: nothing, until the other side leaves."""


def status(code: int, body: str = "", **headers: str) -> str:
    """An answer."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {code} X", f"Content-Length: {len(body.encode())}", *lines, "", body])


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """Its id."""
        return self.headers["webhook-id"]


@dataclass(kw_only=True, eq=False, slots=True)
class Receiver:
    """An HTTP server on a port of its own."""

    answer: Callable[[Message], Awaitable[Answer] | Answer] = lambda message: status(204)
    messages: list[Message] = field(default_factory=list)
    """All that came, taken or not."""
    taken: list[Message] = field(default_factory=list)
    """What was answered with 2xx."""
    port: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    def url(self, path: str = "/hook") -> str:
        """An address here."""
        return f"http://{HOST}:{self.port}{path}"

    async def start(self) -> None:
        """Listen, on the port of before where there was one."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be away."""
        if self._server:
            self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        self._connections.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition."""
        await eventually(holds, f"with {len(self.messages)} messages")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                message = Message(path=first.split()[1], headers=headers, body=body)
                self.messages.append(message)
                answer = self.answer(message)
                if not isinstance(answer, str | None):
                    answer = await answer
                if answer is None:
                    await reader.read()
                    break
                writer.write(answer.encode())
                await writer.drain()
                if answer.startswith("HTTP/1.1 2"):
                    self.taken.append(message)
        self._connections.discard(writer)
        writer.close()
