"""Brings an http input to the worker's disk."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage import guarded_http

_GONE = (404, 410)
_WAIT = (408, 425, 429)


async def fetch_http(
    uri: str, target: Path, *, allow_private: bool, max_bytes: int, timeout_seconds: float, total_seconds: float
) -> int:
    """Write what `uri` answers to `target`; answers its size in bytes.

    Raises AttemptFailed: INPUT_NOT_FOUND, INPUT_FORBIDDEN, INPUT_TOO_LARGE, INPUT_EMPTY,
    INPUT_TIMEOUT, INPUT_UNAVAILABLE, DISK_FULL.
    """
    shown = without_secrets(uri)
    try:
        async with (
            asyncio.timeout(total_seconds),
            guarded_http.client(allow_private=allow_private, read_timeout_seconds=timeout_seconds) as client,
            client.stream("GET", uri) as response,
        ):
            _check_status(response.status_code, shown)
            return await _write(response, target, max_bytes, shown)
    except TimeoutError:
        message = f"{shown} took longer than {total_seconds:g} s (setting fetch_total_seconds)"
        raise AttemptFailed("INPUT_TIMEOUT", message) from None
    except httpx.TimeoutException:
        message = f"{shown} sent nothing for {timeout_seconds:g} s (setting fetch_timeout_seconds)"
        raise AttemptFailed("INPUT_TIMEOUT", message) from None
    except httpx.TooManyRedirects:
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} redirects more than 5 times") from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} leads to an address that is not fetched: {error}") from None
    except httpx.HTTPError as error:
        if _is_forbidden(error):
            message = f"{shown}: {error}; set REELMILL_HTTP_ALLOW_PRIVATE=true to allow such addresses"
            raise AttemptFailed("INPUT_FORBIDDEN", message) from None
        raise AttemptFailed("INPUT_UNAVAILABLE", f"{shown}: {str(error) or type(error).__name__}") from None


def _is_forbidden(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, guarded_http.ForbiddenAddress):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _check_status(status: int, shown: str) -> None:
    if status in _GONE:
        raise AttemptFailed("INPUT_NOT_FOUND", f"{shown} answered {status}")
    if status in _WAIT or status >= 500:
        raise AttemptFailed("INPUT_UNAVAILABLE", f"{shown} answered {status}")
    if status != 200:
        raise AttemptFailed("INPUT_FORBIDDEN", f"{shown} answered {status}")


async def _write(response: httpx.Response, target: Path, max_bytes: int, shown: str) -> int:
    announced = int(response.headers.get("content-length") or 0)
    if announced > max_bytes:
        raise too_large(shown, max_bytes)

    async def counted() -> AsyncIterator[bytes]:
        size = 0
        async for chunk in response.aiter_bytes(2**18):
            size += len(chunk)
            if size > max_bytes:
                raise too_large(shown, max_bytes)
            yield chunk

    size = await save(counted(), target)
    if size == 0:
        raise AttemptFailed("INPUT_EMPTY", f"{shown} has no bytes")
    return size


async def save(chunks: AsyncIterable[bytes], target: Path) -> int:
    """Write what comes to `target`; answers its size in bytes. Raises AttemptFailed DISK_FULL."""
    size = 0
    try:
        file = target.open("wb", buffering=0)
    except OSError as error:
        raise _disk_full(error) from error
    with file:
        async for chunk in chunks:
            try:
                size += await asyncio.to_thread(_write_all, file, memoryview(chunk))
            except OSError as error:
                raise _disk_full(error) from error
    return size


def _write_all(file: FileIO, chunk: memoryview) -> int:
    written = 0
    while written < len(chunk):
        written += file.write(chunk[written:])
    return written


def _disk_full(error: OSError) -> AttemptFailed:
    return AttemptFailed("DISK_FULL", f"the input can't be written to the worker's disk: {error.strerror}")


def too_large(shown: str, max_bytes: int) -> AttemptFailed:
    """The failure of an input over the limit."""
    return AttemptFailed("INPUT_TOO_LARGE", f"{shown} is larger than {max_bytes} bytes (setting input_max_bytes)")


def without_secrets(uri: str) -> str:
    """The address without password and query, which may hold signatures: for messages and logs."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
