"""Deployments to break. Leases are short, so that what happens after a fault happens soon."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio
from conftest import SharedServer
from fault.kit.checker import check, promises, read
from fault.kit.deployment import Deployment
from services.databases import Databases
from services.kafka import Kafka
from services.redis import Redis

from reelmill.store.migrate import migrate
from reelmill.store.switches import GRAPHS

QUICK = {
    "REELMILL_LEASE_SECONDS": "3",
    "REELMILL_HEARTBEAT_SECONDS": "0.5",
    "REELMILL_RESCUE_SECONDS": "1",
    "REELMILL_SWEEP_SECONDS": "2",
    "REELMILL_RELAY_SWEEP_SECONDS": "0.5",
    "REELMILL_STATUS_TTL_SECONDS": "2",
    "REELMILL_DRAIN_SECONDS": "5",
}

KINDS = ("api", "scheduler")
"""Beside workers: these tests talk to the api itself."""

SPREAD = {"REELMILL_SPREAD_CPU_SECONDS": "0.05"}
"""Even a short encode is a task of its own."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up with two workers. Faults are those of our own processes: the servers are everyone's."""
    async with checked(databases, clip, queue_url=kafka_server.url, cache_url=redis_server.url) as deployment:
        yield deployment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka() -> AsyncIterator[Kafka]:
    """A broker of the module's own."""
    broker = Kafka()
    await asyncio.to_thread(broker.start)
    yield broker
    await asyncio.to_thread(broker.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis() -> AsyncIterator[Redis]:
    """A Redis of the module's own."""
    server = Redis()
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.close)


@asynccontextmanager
async def checked(
    databases: Databases,
    clip: Path,
    *,
    workers: int = 2,
    settings: dict[str, str] = QUICK,
    of_workers: Sequence[Mapping[str, str]] = (),
    **more: str,
) -> AsyncIterator[Deployment]:
    """A deployment on a database of its own, with `more` of its arguments; at the end all is well.

    `of_workers`: more of the environment of each worker.
    """
    url = await databases.create()
    await migrate(url, {GRAPHS: True})
    made = Deployment(database_url=url, kinds=KINDS, workers=workers, settings=settings, **more)
    for worker, its_own in zip(made.workers, of_workers, strict=bool(of_workers)):
        worker.environment |= its_own
    async with made as deployment:
        shutil.copy(clip, deployment.talk)
        yield deployment
        await assert_all_is_well(deployment)
    await databases.drop(url)


async def assert_all_is_well(system: Deployment) -> None:
    """The end of a module's faults: everything that was promised holds, and everything is swept."""
    system.points.free_all()
    await system.revive()
    await system.settle()
    assert await check(system) == []


@pytest_asyncio.fixture(loop_scope="module")
async def whole(system: Deployment) -> AsyncIterator[Deployment]:
    """The system with all of its processes running; afterwards jobs end as was promised."""
    await system.revive()
    known = set(system.acknowledged)
    yield system
    system.points.free_all()
    await system.revive()
    await system.settle()
    found = await read(system.database_url)
    # Of those before it was seen that they ended well, and what came of them is looked at again at the module's end.
    assert list(promises(system, found, found.jobs.keys() - known)) == []
