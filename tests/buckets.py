"""A small S3 of the test's own: it counts what is asked, and its bodies wait where the test wants it."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass
class Bucket:
    """Objects by path, `/bucket/key`; any credentials do. As a web server it serves ranges, too."""

    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of each request."""
    refuse: int = 0
    """So many of the next reads answer 404."""
    lives: int = 10**9
    """So many reads are answered; then its addresses have expired."""
    untagged: bool = False
    """It tells neither ETag nor time."""
    port: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    """Not set: bodies stop in their middle."""
    half: asyncio.Event = field(default_factory=asyncio.Event)
    """The first half of a body was sent."""

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def count(self, method: str) -> int:
        """Requests of a method."""
        return sum(one == method for one, _, _ in self.asked)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, *_ = head.split()
            fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in head.splitlines()[1:])}
            path = target.partition("?")[0]
            self.asked.append((method, path, fields.get("range", "")))
            if self.count("GET") > self.lives:
                path = "expired"
            if method == "PUT":
                self.objects[path] = await self._body(reader, fields)
                writer.write(b'HTTP/1.1 200 OK\r\nETag: "put"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
            else:
                await self._answer(writer, method, self.objects.get(path), fields.get("range", ""))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
        return await reader.readexactly(int(fields.get("content-length", 0)))

    async def _answer(self, writer: asyncio.StreamWriter, method: str, content: bytes | None, wanted: str) -> None:
        if content is None or (self.refuse and method == "GET"):
            self.refuse -= content is not None
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        begin, end = 0, len(content)
        if ranged := re.fullmatch(r"bytes=(\d+)-(\d*)", wanted):
            begin, end = int(ranged[1]), min(end, int(ranged[2] or end - 1) + 1)
            writer.write(b"HTTP/1.1 206 Partial Content\r\n")
            writer.write(b"Content-Range: bytes %d-%d/%d\r\n" % (begin, end - 1, len(content)))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n")
        if not self.untagged:
            writer.write(b'ETag: "%s"\r\n' % _tag(content))
        writer.write(b"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n" * (not self.untagged))
        writer.write(b"Accept-Ranges: bytes\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % (end - begin))
        if method == "HEAD":
            return
        middle = (begin + end) // 2
        writer.write(content[begin:middle])
        await writer.drain()
        self.half.set()
        await self.go_on.wait()
        writer.write(content[middle:end])


@lru_cache(maxsize=8)
def _tag(content: bytes) -> bytes:
    """Of an object; Python keeps the hash that finds it here with the bytes."""
    return hashlib.sha256(content).hexdigest().encode()


@asynccontextmanager
async def serving_bucket(**objects: bytes) -> AsyncIterator[Bucket]:
    """One with objects `/bucket/NAME.mp4`, whose bodies come at once until `go_on` is cleared."""
    bucket = Bucket({f"/bucket/{name}.mp4": content for name, content in objects.items()})
    bucket.go_on.set()
    server = await asyncio.start_server(bucket.serve, "127.0.0.1", 0)
    bucket.port = server.sockets[0].getsockname()[1]
    try:
        yield bucket
    finally:
        bucket.go_on.set()
        server.close()
