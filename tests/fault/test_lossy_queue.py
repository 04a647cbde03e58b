"""Relays that lose, repeat and shuffle what they tell Kafka (fault.kit.unreliable_queue)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import SharedServer
from effort import SEED, short_or_long
from fault.conftest import QUICK, checked
from fault.kit.checker import messages
from fault.kit.deployment import Deployment
from services.databases import Databases

from reelmill.queue.port import parse_task_ready
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up, whose api and scheduler tell Kafka too little, too much, and in any order."""
    servers = {"queue_url": kafka_server.url, "cache_url": redis_server.url}
    settings = QUICK | {"REELMILL_TEST_SEED": str(SEED)}
    module = "fault.kit.unreliable_queue"
    async with checked(databases, clip, settings=settings, module=module, **servers) as deployment:
        yield deployment


async def test_messages_that_are_lost_repeated_and_shuffled(whole: Deployment) -> None:
    jobs = []
    for _ in range(short_or_long(10, 100)):
        jobs += await whole.submit(*[whole.quick_job(whole.talk)] * 4)
    done = await whole.finish(*jobs, timeout_seconds=300)
    assert {(job.state, job.attempt) for job in done} == {(Job.COMPLETED, 1)}, f"REELMILL_TEST_SEED={SEED}"
    told = [parse_task_ready(m.value()) for m in await asyncio.to_thread(messages, whole, "tasks.normal")]
    assert 0 < len(set(told)) < len(jobs), "some were lost"
    assert len(told) > len(set(told)), "some came twice"
