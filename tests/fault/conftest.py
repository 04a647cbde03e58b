"""Deployments to break. Leases are short, so that what happens after a fault happens soon."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from conftest import SharedServer
from fault.kit.checker import check, promises, read
from fault.kit.deployment import Deployment
from services.databases import Databases

QUICK = {
    "REELMILL_LEASE_SECONDS": "3",
    "REELMILL_HEARTBEAT_SECONDS": "0.5",
    "REELMILL_RESCUE_SECONDS": "0.3",
    "REELMILL_SWEEP_SECONDS": "2",
    "REELMILL_RELAY_SWEEP_SECONDS": "0.5",
    "REELMILL_STATUS_TTL_SECONDS": "2",
    "REELMILL_DRAIN_SECONDS": "5",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up with two workers. Faults are those of our own processes: the servers are everyone's."""
    url = await databases.create()
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    async with Deployment(**servers, workers=2, settings=QUICK) as deployment:
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
    yield system
    system.points.free_all()
    await system.revive()
    await system.settle()
    assert list(promises(system, await read(system.database_url))) == []
