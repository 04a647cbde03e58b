"""Clients of HTTP share the authorities that they trust: to read these takes tens of milliseconds of an event loop."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from reelmill.client.channel import place
from reelmill.client.gateways import AsyncRest, Rest
from reelmill.storage import guarded_http

MAKERS: dict[str, Callable[[], Any]] = {
    "of strangers' addresses": lambda: guarded_http.client(allowed=(), read_timeout_seconds=1),
    "of a gateway": lambda: Rest(place("https://gateway", None, None)),
    "of a gateway, by asyncio": lambda: AsyncRest(place("https://gateway", None, None)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_only_the_first_client_of_a_process_reads_them(
    make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    read: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **given: read.append(str(given)))
    make()
    assert read == []


def test_they_are_checked() -> None:
    for make in MAKERS.values():
        made = make()
        context = getattr(made, "_http", made)._transport._pool._ssl_context
        assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname and context.get_ca_certs()
