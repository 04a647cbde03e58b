"""HTTP clients of gateways."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import LASTING
from live import Reelmill


@pytest.fixture(scope="session")
def http(live: Reelmill) -> Iterator[httpx.Client]:
    """The whole system's gateway."""
    with httpx.Client(base_url=live.http, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def idle_gateway(idle_api: Reelmill) -> Iterator[Reelmill]:
    """`reelmill gateway` for the api without workers."""
    system = Reelmill("gateway", api_target=idle_api.grpc, upload_max_bytes=1000)
    with LASTING.run("idle_gateway", system) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def idle_http(idle_gateway: Reelmill) -> Iterator[httpx.Client]:
    """The gateway of the api without workers; it takes uploads of at most 1000 bytes."""
    with httpx.Client(base_url=idle_gateway.http, timeout=60) as client:
        yield client
