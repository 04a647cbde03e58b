"""HTTP for addresses that strangers choose: it connects to public hosts only, at every redirect.

The check sits where the connection is made, on the very address that is connected to, so that a
name which resolves to something else the second time gains nothing.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

# An IPv4 address stands in their last 32 bits (RFC 6052); the local ones (RFC 8215) lead inside.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")


class ForbiddenAddress(httpcore.ConnectError):
    """The host resolves to an address that is not public."""


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

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
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} is not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} can't be resolved: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if refused := next((a for a in addresses if not is_public(a)), None):
            raise ForbiddenAddress(f"{host} has the private address {refused}")
        for address in addresses[:-1]:
            # A machine may have no route for addresses of one kind.
            with contextlib.suppress(httpcore.ConnectError):
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own transport on a connection pool that has our backend: httpx has no argument for it."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False), network_backend=_GuardedBackend()
        )


def client(*, allow_private: bool, read_timeout_seconds: float) -> httpx.AsyncClient:
    """A client for one fetch. It follows up to 5 redirects, and takes no proxy from the environment."""
    return httpx.AsyncClient(
        transport=None if allow_private else _Transport(),
        timeout=httpx.Timeout(read_timeout_seconds, connect=min(10.0, read_timeout_seconds)),
        follow_redirects=True,
        max_redirects=5,
        trust_env=False,
        headers={"user-agent": "Reelmill", "accept-encoding": "identity"},
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet's."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64_LOCAL:
            return False
        translated = ipaddress.IPv4Address(ip.packed[-4:]) if ip in _NAT64 else None
        if inner := ip.ipv4_mapped or ip.sixtofour or translated:
            ip = inner
    return ip.is_global and not ip.is_multicast
