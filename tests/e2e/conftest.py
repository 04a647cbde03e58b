"""Both set-ups: processes of their own, driven from outside; `up` begins as a user's."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import SharedServer
from fault.kit.deployment import Deployment
from media.watching import furnish, serving
from services.databases import Databases

from reelmill.store.migrate import migrate
from reelmill.store.switches import GRAPHS

_SHARED = {"REELMILL_LEASE_SECONDS": "60"}  # a slow machine is no fault


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An origin whose pages may read what jobs made; its pages play streams."""
    site = tmp_path_factory.mktemp("player")
    furnish(site)
    with serving(site) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path, player: str
) -> AsyncIterator[Deployment]:
    """PostgreSQL, Kafka, Redis, api, gateway, scheduler and two workers of one consumer group."""
    url = await databases.create()
    await migrate(url, {GRAPHS: True})
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    settings = {**_SHARED, "REELMILL_ALLOWED_ORIGINS": json.dumps([player])}
    async with Deployment(**servers, workers=2, settings=settings) as deployment:
        shutil.copy(clip, deployment.media / "talk.mp4")
        yield deployment
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedded(clip: Path, player: str) -> AsyncIterator[Deployment]:
    """`reelmill up` on an empty data folder."""
    limits = {
        **_SHARED,
        "REELMILL_ALLOWED_ORIGINS": json.dumps([player]),
        "REELMILL_FETCH_TIMEOUT_SECONDS": "1",
        "REELMILL_FETCH_TOTAL_SECONDS": "3",
        "REELMILL_INPUT_MAX_BYTES": str(20 * 2**20),
    }
    async with Deployment(
        database_url="embedded:", kinds=["up"], workers=0, settings=limits, as_a_user=True
    ) as deployment:
        shutil.copy(clip, deployment.media / "talk.mp4")
        yield deployment


@pytest.fixture(params=["embedded", "full"])
def system(request: pytest.FixtureRequest) -> Deployment:
    """Each of them in turn."""
    deployment: Deployment = request.getfixturevalue(request.param)
    return deployment
