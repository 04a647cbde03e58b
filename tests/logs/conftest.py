"""What real processes logged of real jobs."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from fault.kit.deployment import Deployment
from services.databases import Databases
from telemetry.written import Written


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def written(databases: Databases, clip: Path) -> AsyncIterator[Written]:
    """Two jobs' lines, of all four processes."""
    url = await databases.create()
    settings = {"REELMILL_LEASE_SECONDS": "2", "REELMILL_HEARTBEAT_SECONDS": "0.5", "REELMILL_WORKER_SLOTS": "1"}
    async with Deployment(database_url=url, workers=2, settings=settings) as deployment:
        shutil.copy(clip, deployment.talk)
        scratched = deployment.media / "scratched.mp4"
        whole = clip.read_bytes()
        middle = slice(len(whole) // 3, len(whole) // 2)
        scratched.write_bytes(whole[: middle.start] + b"\xff" * len(whole[middle]) + whole[middle.stop :])
        deployment.points.hold("task.encoding")
        [rescued] = await deployment.submit(deployment.short_encode(deployment.talk))
        arrival = await deployment.points.reached("task.encoding")
        await asyncio.to_thread(deployment.process_of(arrival.pid).kill)
        [damaged] = await deployment.submit(deployment.short_encode(scratched))
        await deployment.finish(rescued, damaged)
        lines = {
            process.folder.name.removeprefix("reelmill-"): process.log.read_text().splitlines()
            for process in deployment.all
        }
    yield Written(lines=lines, rescued=rescued.id, damaged=damaged.id)
    await databases.drop(url)
