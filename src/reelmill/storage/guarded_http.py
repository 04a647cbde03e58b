"""HTTP for addresses that strangers choose: it connects to public hosts, and those allowed, only, at every redirect.

The check sits where the connection is made, on the very address that is connected to, so that a
name which resolves to something else the second time gains nothing.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import cache
from typing import Any

import httpcore
import httpx

from reelmill.storage.networks import Network, may_connect
from reelmill.storage.uris import check_http

_HEADERS = {"user-agent": "Reelmill", "accept-encoding": "identity"}
_KEPT_CONNECTIONS, _KEPT_SECONDS = 100, 5.0


class ForbiddenAddress(httpcore.ConnectError):
    """The host resolves to an address that is neither public nor allowed."""


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, allowed: Sequence[Network], resolving: Executor | None) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._allowed = allowed
        self._resolving = resolving

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                if self._resolving:
                    found = await loop.run_in_executor(self._resolving, _addresses, host, port)
                else:
                    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} is not resolved in time") from error
        except (OSError, UnicodeError) as error:  # the second for a name that the resolver does not take
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if refused := next((a for a in addresses if not may_connect(a, self._allowed)), None):
            raise ForbiddenAddress(f"{host} has the private address {refused}")
        for address in addresses[:-1]:
            # A machine may have no route for addresses of one kind.
            with contextlib.suppress(httpcore.ConnectError):
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _addresses(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own transport on a connection pool that has our backend: httpx has no argument for it."""

    def __init__(self, allowed: Sequence[Network], resolving: Executor | None, connections: int) -> None:
        super().__init__(verify=_authorities())
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_authorities(),
            max_connections=connections,
            max_keepalive_connections=_KEPT_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_GuardedBackend(allowed, resolving),
        )


@cache
def _authorities() -> ssl.SSLContext:
    """Whom all clients trust. To read these takes the event loop tens of milliseconds, and each fetch has a client."""
    return httpx.create_ssl_context(trust_env=False)


def is_forbidden(error: BaseException) -> bool:
    """Whether an error, or what led to it, is that an address is forbidden."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddress):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


async def _check(request: httpx.Request) -> None:
    """Refuse what can't be an address before anything is asked of it, of a redirect's target too."""
    try:
        check_http(str(request.url))
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from None


def _sending(headers: Mapping[str, str], uri: str) -> Callable[[httpx.Request], Awaitable[None]]:
    """What puts headers into requests to the origin of `uri`, until one goes elsewhere, and into no other."""
    origin, usual, left = _origin(httpx.URL(uri)), dict(_HEADERS), False

    async def send(request: httpx.Request) -> None:
        nonlocal left
        left = left or _origin(request.url) != origin
        for name, value in headers.items():
            if not left:
                request.headers[name] = value
                continue
            request.headers.pop(name, None)  # a redirect takes over what stood in the request before
            if name.lower() in usual:
                request.headers[name] = usual[name.lower()]

    return send


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """RFC 6454."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def client(
    *,
    allowed: Sequence[Network],
    read_timeout_seconds: float,
    redirects: bool = True,
    connections: int = 10,
    resolving: Executor | None = None,
    headers: Mapping[str, str] | None = None,
    uri: str = "",
) -> httpx.AsyncClient:
    """A client. It follows up to 5 redirects, or none, and takes no proxy from the environment.

    `allowed` are networks that it connects to besides the public internet; `connections` at once; `resolving` asks for
    names' addresses, for whoever must not wait behind names that others ask for. `headers` go to the origin of `uri`
    and to no other.
    """
    return httpx.AsyncClient(
        transport=_Transport(allowed, resolving, connections),
        timeout=httpx.Timeout(read_timeout_seconds, connect=min(10.0, read_timeout_seconds)),
        event_hooks={"request": [_check, *([_sending(headers, uri)] if headers else [])]},
        follow_redirects=redirects,
        max_redirects=5,
        trust_env=False,
        headers=_HEADERS,
    )
