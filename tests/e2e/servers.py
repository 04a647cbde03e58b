"""An HTTP server that misbehaves in every way that an input's address can."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.process import HOST


@asynccontextmanager
async def naughty_server() -> AsyncIterator[str]:
    """/404 and /500 answer so; /slow sends a header and no more; /endless never ends. Answers its address."""
    server = await asyncio.start_server(_serve, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        path = (await reader.readline()).split()[1].decode()
        while (await reader.readline()).strip():
            continue
        await _ANSWERS[path.partition("?")[0]](reader, writer)
    except (OSError, IndexError):
        pass
    finally:
        writer.close()


async def _slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbeginning")
    await writer.drain()
    await reader.read()  # until the client gives up


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(bytes(65536))
        await writer.drain()


def _status(status: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    return answer


_ANSWERS = {"/404": _status(404), "/500": _status(500), "/slow": _slow, "/endless": _endless}
