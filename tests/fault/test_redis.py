"""Redis flushed, stopped, empty, slow, or behind a wrong password: only latency changes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conftest import SharedServer
from fault.conftest import checked
from fault.kit.deployment import Deployment
from fault.kit.proxy import Proxy
from redis.asyncio import Redis as Client
from services.databases import Databases
from services.process import HOST
from services.redis import Redis
from waiting import patient

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(redis: Redis) -> AsyncIterator[Proxy]:
    """Stands before the module's Redis."""
    async with Proxy(redis.port) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, proxy: Proxy, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up on that Redis."""
    cache_url = f"redis://{HOST}:{proxy.port}/0"
    async with checked(databases, clip, workers=1, queue_url=kafka_server.url, cache_url=cache_url) as deployment:
        yield deployment


class Reader:
    """A client that asks for a job again and again, and remembers what it saw."""

    def __init__(self, system: Deployment, job: Job) -> None:
        self.versions: list[int] = []
        self._system = system
        self._job = job

    async def run(self) -> Job:
        """Ask until the job has ended."""
        while True:
            found = await self._system.client.get_job(self._job.id)
            self.versions.append(found.version)
            if found.HasField("end_time"):
                return found
            await asyncio.sleep(0.05)


async def assert_jobs_end_while(system: Deployment, fault: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Jobs that run while a fault goes on are COMPLETED, and no client's view goes back in time."""
    breaking = asyncio.create_task(fault())
    try:
        encodes = (system.short_encode(system.talk), system.chunked_job(system.talk))
        jobs = await system.submit(*encodes, *[system.quick_job(system.talk)] * 4)
        readers = [Reader(system, job) for job in jobs]
        async with patient():
            seen = await asyncio.gather(*(reader.run() for reader in readers))
        done = await system.finish(*jobs)
    finally:
        async with patient():
            while not breaking.done():  # a client that reads an answer may swallow a cancellation
                breaking.cancel()
                await asyncio.wait([breaking], timeout=1)
        if not breaking.cancelled():
            breaking.result()
    assert {(job.state, job.attempt) for job in [*seen, *done]} == {(Job.COMPLETED, 1)}
    assert all(reader.versions == sorted(reader.versions) for reader in readers)


async def test_flushed_all_the_time(whole: Deployment, redis: Redis) -> None:
    async def flush() -> None:
        async with Client.from_url(redis.url) as client:
            while True:
                await client.flushall()
                await asyncio.sleep(0.2)

    await assert_jobs_end_while(whole, flush)


async def test_stopped_and_restarted_empty(whole: Deployment, redis: Redis) -> None:
    async def stop_and_start() -> None:
        while True:
            await asyncio.to_thread(redis.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(redis.start)
            await asyncio.sleep(1)

    try:
        await assert_jobs_end_while(whole, stop_and_start)
    finally:
        if not redis.running:
            await asyncio.to_thread(redis.start)


async def test_cut_off_and_back_with_what_it_knew(whole: Deployment, proxy: Proxy) -> None:
    async def cut_and_restore() -> None:
        while True:
            await proxy.cut()
            await asyncio.sleep(0.7)
            await proxy.restore()
            await asyncio.sleep(0.5)

    try:
        await assert_jobs_end_while(whole, cut_and_restore)
    finally:
        await proxy.restore()


async def test_answers_that_take_two_seconds(whole: Deployment, proxy: Proxy) -> None:
    async def slow() -> None:
        proxy.delay(2)
        await asyncio.Event().wait()

    try:
        await assert_jobs_end_while(whole, slow)
    finally:
        await proxy.restore()


async def test_a_wrong_password(whole: Deployment, redis: Redis) -> None:
    async with Client.from_url(redis.url) as client:
        await client.config_set("requirepass", "another")
        await client.client_kill_filter(_type="normal", skipme=True)
        try:
            await assert_jobs_end_while(whole, asyncio.Event().wait)
        finally:
            await client.config_set("requirepass", "")
