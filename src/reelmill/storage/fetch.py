"""Brings an http input to the worker's disk."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.validators import Validator
from reelmill.storage.networks import Network
from reelmill.storage.space import Room

if TYPE_CHECKING:
    import httpx

_FLUSH_BYTES = 2**18
_FLUSH_SECONDS = 0.5
_GONE = (404, 410)
_WAIT = (408, 425, 429)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """How http inputs are fetched; times in seconds."""

    allowed: tuple[Network, ...] = ()
    """Networks that are connected to besides the public internet."""
    timeout_seconds: float
    """Longest silence; also the time over which the speed is measured."""
    total_seconds: float
    least_bytes_per_second: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """An input on this machine."""

    path: Path
    size_bytes: int
    validator: Validator
    lacking_bytes: int = 0
    """So many were left out: nobody was to read them, and they are zeros."""


def check_unchanged(expected: Validator | None, found: Validator, shown: str) -> None:
    """Raise AttemptFailed INPUT_CHANGED where an input is not what was expected; None expects nothing."""
    if expected is not None and (change := expected.change_to(found)):
        raise AttemptFailed("INPUT_CHANGED", f"{shown} was changed since the job first read it: {change}")


async def fetch_http(
    uri: str,
    target: Path,
    *,
    limits: HttpLimits,
    max_bytes: int,
    room: Room | None = None,
    expected: Validator | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    """Write what `uri` answers to `target`; `expected` is what it answered before.

    `headers`: it is asked with, and no other origin.

    Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_FORBIDDEN, INPUT_TOO_LARGE, INPUT_EMPTY, INPUT_UNSUPPORTED,
    INPUT_CHANGED, INPUT_TIMEOUT, INPUT_UNAVAILABLE, DISK_FULL.
    """
    shown = without_secrets(uri)
    async with _asked(uri, limits, expected, headers) as (response, found):
        size = await _write(response, target, limits, max_bytes, room, shown)
        found = replace(found, size_bytes=size)
        check_unchanged(expected, found, shown)
        return Fetched(path=target, size_bytes=size, validator=found)


async def read_http(uri: str, *, limits: HttpLimits, max_bytes: int, headers: Mapping[str, str] | None = None) -> bytes:
    """What `uri` answers, which goes to no disk; `headers` as of fetch_http. Raises as that."""
    shown = without_secrets(uri)
    async with _asked(uri, limits, None, headers) as (response, _):
        _check_identity(response, shown)
        found = bytearray()
        async for chunk in response.aiter_raw():
            found += chunk
            if len(found) > max_bytes:
                raise AttemptFailed("INPUT_TOO_LARGE", f"{shown} answered more than {max_bytes} bytes")
        return bytes(found)


async def look_http(uri: str, *, limits: HttpLimits, expected: Validator | None = None) -> Validator:
    """What `uri` is now. Raises as fetch_http.

    Its body is not read. It is asked by GET: a signed address may allow no other method.
    """
    async with _asked(uri, limits, expected) as (_, found):
        return found


@asynccontextmanager
async def _asked(
    uri: str, limits: HttpLimits, expected: Validator | None, headers: Mapping[str, str] | None = None
) -> "AsyncIterator[tuple[httpx.Response, Validator]]":
    """What `uri` answers, before its body is read; what goes wrong with it then, too, is told as AttemptFailed."""
    import httpx  # late: files and objects need none of it, and a start would wait for it

    from reelmill.storage import guarded_http

    shown = without_secrets(uri)
    try:
        async with (
            asyncio.timeout(limits.total_seconds),
            guarded_http.client(
                allowed=limits.allowed, read_timeout_seconds=limits.timeout_seconds, headers=headers, uri=uri
            ) as client,
            client.stream("GET", uri) as response,
        ):
            _check_status(response.status_code, shown)
            # Its headers are compared before its body is read. No If-Match is sent: it says no more, a weak ETag never
            # matches (RFC 9110, 13.1.1), and who signs addresses may refuse what was not signed.
            found = _validator(response)
            check_unchanged(expected, found, shown)
            yield response, found
    except TimeoutError:
        message = f"{shown} took longer than {limits.total_seconds:g} s (setting fetch_total_seconds)"
        raise AttemptFailed("INPUT_TIMEOUT", message) from None
    except httpx.TimeoutException:
        message = f"{shown} sent nothing for {limits.timeout_seconds:g} s (setting fetch_timeout_seconds)"
        raise AttemptFailed("INPUT_TIMEOUT", message) from None
    except httpx.TooManyRedirects:
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} redirects more than 5 times") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
        # UnicodeError: of a redirect's host name that is none.
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} leads to an address that is not fetched: {error}") from None
    except httpx.HTTPError as error:
        if guarded_http.is_forbidden(error):
            message = f"{shown}: {error}; REELMILL_HTTP_ALLOWED_NETWORKS lists private networks that are allowed"
            raise AttemptFailed("INPUT_FORBIDDEN", message) from None
        raise AttemptFailed("INPUT_UNAVAILABLE", f"{shown}: {str(error) or type(error).__name__}") from None


def _check_status(status: int, shown: str) -> None:
    if status in _GONE:
        raise AttemptFailed("INPUT_NOT_FOUND", f"{shown} answered {status}")
    if status in _WAIT or status >= 500:
        raise AttemptFailed("INPUT_UNAVAILABLE", f"{shown} answered {status}")
    if status != 200:
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} answered {status}")


def _validator(response: "httpx.Response") -> Validator:
    headers = response.headers
    announced = headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else 0
    return Validator.of_answer(size_bytes=size, etag=headers.get("etag"), modified=headers.get("last-modified"))


def _check_identity(response: "httpx.Response", shown: str) -> None:
    # We asked for identity. A decoder would make gigabytes of kilobytes before anybody counts.
    if (encoding := response.headers.get("content-encoding", "identity").strip().lower()) != "identity":
        message = f"{shown} answered with Content-Encoding {encoding[:40]!r}; serve the file as it is"
        raise AttemptFailed("INPUT_UNSUPPORTED", message)


async def _write(
    response: "httpx.Response", target: Path, limits: HttpLimits, max_bytes: int, room: Room | None, shown: str
) -> int:
    _check_identity(response, shown)
    announced = int(response.headers.get("content-length") or 0)
    if announced > max_bytes:
        raise too_large(shown, max_bytes)

    async def counted() -> AsyncIterator[bytes]:
        size = 0
        async for chunk in paced(response.aiter_raw(), limits.least_bytes_per_second, limits.timeout_seconds, shown):
            size += len(chunk)
            if size > max_bytes:
                raise too_large(shown, max_bytes)
            yield chunk

    size = await save(counted(), target, room=room)
    if size == 0:
        raise AttemptFailed("INPUT_EMPTY", f"{shown} has no bytes")
    return size


async def paced(
    chunks: AsyncIterable[bytes], least_bytes_per_second: float, window_seconds: float, shown: str
) -> AsyncIterator[bytes]:
    """What comes, joined to larger chunks. Raises AttemptFailed INPUT_TIMEOUT where one window brings too little."""
    clock = asyncio.get_running_loop().time
    source = aiter(chunks)
    began, received, buffer, flushed = clock(), 0, bytearray(), clock()
    reading: asyncio.Future[bytes | None] = asyncio.ensure_future(_next(source))
    try:
        while True:
            await asyncio.wait({reading}, timeout=max(0.0, began + window_seconds - clock()))
            if reading.done():
                if (chunk := reading.result()) is None:
                    break
                received += len(chunk)
                buffer += chunk
                reading = asyncio.ensure_future(_next(source))
            now = clock()
            if now - began >= window_seconds:
                if received < least_bytes_per_second * window_seconds:
                    speed = f"{received} bytes in {window_seconds:g} s"
                    least = f"{least_bytes_per_second:g} bytes a second (setting fetch_min_bytes_per_second)"
                    raise AttemptFailed("INPUT_TIMEOUT", f"{shown} sent {speed}; the least is {least}")
                began, received = now, 0
            if buffer and (len(buffer) >= _FLUSH_BYTES or now - flushed >= _FLUSH_SECONDS):
                yield bytes(buffer)
                buffer, flushed = bytearray(), now
        if buffer:
            yield bytes(buffer)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _next(source: AsyncIterator[bytes]) -> bytes | None:
    """The next chunk, None after the last: a StopAsyncIteration can't leave a task."""
    return await anext(source, None)


async def save(chunks: AsyncIterable[bytes], target: Path, *, room: Room | None = None, at: int | None = None) -> int:
    """Write what comes to `target`; answers its size in bytes. `at`: to that place in a file that is there.

    Raises AttemptFailed DISK_FULL, as soon as there is no room left, too.
    """
    size, room = 0, room or Room()
    try:
        file = target.open("wb" if at is None else "r+b", buffering=0)
        file.seek(at or 0)
    except OSError as error:
        raise disk_full(error) from error
    with file:
        async for chunk in chunks:
            try:
                size += await asyncio.to_thread(_write_all, file, memoryview(chunk), room, target.parent)
            except OSError as error:
                raise disk_full(error) from error
    return size


def _write_all(file: FileIO, chunk: memoryview, room: Room, folder: Path) -> int:
    room.check(folder, len(chunk))
    written = 0
    while written < len(chunk):
        written += file.write(chunk[written:])
    return written


def disk_full(error: OSError) -> AttemptFailed:
    """The failure of a write to the worker's disk."""
    return AttemptFailed("DISK_FULL", f"the input can't be written to the worker's disk: {error.strerror}")


def too_large(shown: str, max_bytes: int) -> AttemptFailed:
    """The failure of an input over the limit."""
    return AttemptFailed("INPUT_TOO_LARGE", f"{shown} is larger than {max_bytes} bytes (setting input_max_bytes)")


def without_secrets(uri: str) -> str:
    """The address without password and query, which may hold signatures: for messages and logs."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
