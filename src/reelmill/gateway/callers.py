"""Whose request it is: its key goes along to the api, which asks; what an address failed at too often stays here."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from contextvars import ContextVar
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.datastructures import Headers

from reelmill.auth.authenticator import MISSING, WRONG
from reelmill.auth.callers import AUTHORIZATION, CLIENT_ADDRESS, EXPOSED, SHARED
from reelmill.auth.failures import MOST_BY_GATEWAY, Failures
from reelmill.gateway.problems import Problem

CLIENT: ContextVar[str] = ContextVar("client", default="")
"""The address of the request's client; of a proxy that is not trusted its own, with SHARED behind it."""
Networks = Sequence[IPv4Network | IPv6Network]
_MOST_BYTES = 4096  # of the header: gRPC takes 8 KiB of all metadata
_MOST_GOOD = 10_000  # headers that the api took, remembered


def client_address(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """Whom a request comes from, by its connection and its headers X-Forwarded-For, each proxy adding one behind."""
    told = [part.strip() for value in forwarded for part in value.split(",")]
    address = peer
    while told and _among(address, trusted):
        address = told.pop()
    if not _is_address(address):
        address = peer
    return f"{address}{SHARED}" if told and address == peer else address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _among(text: str, networks: Networks) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in networks)


class Callers:
    """Takes Authorization from a request to the api's call."""

    def __init__(self, *, required: bool, exposed: bool) -> None:
        """`required`: a request without it is refused here. `exposed`: others than this machine reach the gateway."""
        self._required = required
        self._exposed = exposed
        self._failures = Failures()
        self._of_proxies = Failures(MOST_BY_GATEWAY)
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def metadata(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        """What goes along with a call. Raises Problem: 401 without a key, 429 after too many that were no good."""
        given = headers.getlist("authorization")
        told = [(CLIENT_ADDRESS, CLIENT.get())] if CLIENT.get() else []
        if self._exposed:
            told.append(EXPOSED)
        if len(given) != 1 or not _is_metadata(given[0]):  # no key, whatever it is; an api that asks for one says so
            if self._required:
                raise _unauthenticated(WRONG if given else MISSING)
            return tuple(told)
        if self._table().blocked(CLIENT.get()) and _digest(given[0]) not in self._good:
            detail = "too many requests from this address had no good key; try again in a minute"
            raise Problem(429, "BUSY", detail, headers={"Retry-After": "60"})
        return (*told, (AUTHORIZATION, given[0]))

    def ended(self, headers: Headers, *, good: bool) -> None:
        """Whether the api knew who called."""
        for given in headers.getlist("authorization"):
            digest = _digest(given)
            self._good.pop(digest, None)
            if good:
                self._good[digest] = None
                if len(self._good) > _MOST_GOOD:
                    self._good.popitem(last=False)
            else:
                self._table().note(CLIENT.get())

    def _table(self) -> Failures:
        return self._of_proxies if CLIENT.get().endswith(SHARED) else self._failures


def _is_metadata(text: str) -> bool:
    """Whether gRPC can carry a text."""
    return text.isascii() and text.isprintable() and len(text) <= _MOST_BYTES


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode(errors="replace")).digest()


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "UNAUTHENTICATED", detail, headers={"WWW-Authenticate": "Bearer"})
