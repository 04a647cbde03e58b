"""Statuses of jobs that wait live long in Redis, and one that a change went by is not told for long."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from fault.kit.proxy import Proxy
from redis.asyncio import Redis as RedisClient
from services.process import HOST
from services.redis import Redis
from store.kit import TENANT, USER, Store, new_job
from waiting import patient

from reelmill.announce import Announcer
from reelmill.api.statuses import Statuses
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import status_of
from reelmill.cache.redis import RedisCache, status_key
from reelmill.scheduler.status_sweep import StatusSweep
from reelmill.store.changes import ChangeStore
from reelmill.store.records import StoredJob
from reelmill.v1.jobs_pb2 import Job

TTL_SECONDS, LONG_SECONDS = 60.0, 3600.0


@pytest.fixture(scope="module")
def server() -> object:
    """A Redis of the module's own."""
    with Redis() as made:
        yield made


@pytest.fixture
async def proxy(server: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """Stands before it."""
    monkeypatch.setattr("reelmill.cache.redis._TIMEOUT_SECONDS", 5.0)  # a busy Redis is no Redis that is away
    async with Proxy(server.port) as made:
        yield made


class Side:
    """An api, whoever changes jobs and a scheduler's sweep, on one Redis."""

    def __init__(self, store: Store, port: int, *, ttl_seconds: float = TTL_SECONDS) -> None:
        url = f"redis://{HOST}:{port}/0"
        self.store, scope = store, secrets.token_hex(4)
        self.cache = RedisCache(url, status_ttl_seconds=ttl_seconds, final_ttl_seconds=LONG_SECONDS, scope=scope)
        self.announcer = Announcer(self.cache)
        self.sweeper = StatusSweep(ChangeStore(store.database), self.cache, interval_seconds=0)

    def api(self) -> Statuses:
        """One that has told nothing yet."""
        return Statuses(self.store.jobs, self.cache)

    async def submit(self) -> UUID:
        """A job, announced as the api does."""
        [stored] = await self.store.jobs.create(TENANT, USER, [new_job()])
        assert isinstance(stored, StoredJob)
        await self.announcer.changed([stored])
        return UUID(stored.job.id)

    async def state(self, job_id: UUID) -> int:
        """What an api tells that has told nothing yet."""
        return (await self.api().get(TENANT, job_id)).state

    async def sweep(self) -> None:
        """Until one has gone through."""
        async with patient():
            while not await self.sweeper.sweep():
                await asyncio.sleep(0.02)

    async def left_seconds(self, job_id: UUID) -> float:
        """How long its status will live."""
        return await self.cache._redis.pttl(status_key(TENANT, job_id)) / 1000


@pytest.fixture
async def side(store: Store, proxy: Proxy) -> AsyncIterator[Side]:
    """With a watermark."""
    made = Side(store, proxy.port)
    await made.cache.start()
    await made.sweep()
    yield made
    await made.cache.stop()


async def test_a_job_that_waits_is_read_from_the_cache_for_long(side: Side) -> None:
    submitted, given_back = await side.submit(), await side.submit()
    assert await side.left_seconds(submitted) > TTL_SECONDS
    await side.sweep()
    await side.sweep()
    [task] = [t for t in await side.store.leases.claim("me", limit=2) if UUID(t.job.id) == given_back][:1]
    await side.store.leases.release(task.lease)
    await side.sweep()
    await side.api().refresh(TENANT, given_back)  # it is QUEUED again, and read now
    assert await side.left_seconds(given_back) > TTL_SECONDS


@pytest.mark.parametrize("cut_off", [False, True], ids=["its api died before it told", "Redis was away"])
async def test_a_change_that_the_cache_missed_is_told_after_the_next_comparison(
    side: Side, proxy: Proxy, cut_off: bool
) -> None:
    job_id, other = await side.submit(), await side.submit()
    if cut_off:
        await proxy.cut()
    cancelled = await side.store.jobs.cancel(TENANT, job_id, "")
    if cut_off:
        await side.announcer.changed([cancelled])  # raises nothing, and nobody hears it
        assert await side.state(job_id) == Job.CANCELLED  # while Redis is away
        assert not await side.sweeper.sweep()
        await proxy.restore()
        async with patient():
            while await side.cache.get(TENANT, other) is None:  # the breaker opens again
                await asyncio.sleep(0.02)
    else:
        assert await side.state(job_id) == Job.QUEUED  # as any cache may, for `status_ttl_seconds`
    await side.sweep()
    assert await side.state(job_id) == Job.CANCELLED
    assert (await side.cache.get(TENANT, other) or status_of(TENANT, Job(id=str(other)))).version == 1


async def test_where_nobody_compares_a_status_is_believed_as_long_as_ever(store: Store, proxy: Proxy) -> None:
    side = Side(store, proxy.port, ttl_seconds=0.5)
    await side.cache.start()
    left_seconds = 0.0
    async with patient():
        while left_seconds < LONG_SECONDS / 2:  # until it comes within half a second of the comparison
            await side.sweep()
            job_id = await side.submit()
            left_seconds = await side.left_seconds(job_id)
    assert left_seconds <= LONG_SECONDS
    await store.jobs.cancel(TENANT, job_id, "")
    async with patient():
        while (told := await side.state(job_id)) != Job.CANCELLED:
            assert told == Job.QUEUED, "as any cache may, for `ttl_seconds`"
            await asyncio.sleep(0.02)
    await side.cache.stop()


async def test_what_comes_long_after_it_was_known_does_not_live_long(side: Side) -> None:
    """As of a process that was stopped between its transaction and its call of Redis."""
    [late] = await side.store.jobs.create(TENANT, USER, [new_job()])
    assert isinstance(late, StoredJob)
    job_id = UUID(late.job.id)
    await side.store.jobs.cancel(TENANT, job_id, "")
    await side.sweep()
    await side.sweep()
    await side.announcer.changed([late])
    assert await side.left_seconds(job_id) <= TTL_SECONDS


async def test_a_redis_that_comes_back_with_what_it_had_once_is_not_believed(side: Side, server: Redis) -> None:
    job_id = await side.submit()
    key = status_key(TENANT, job_id)
    async with RedisClient.from_url(server.url) as redis:
        kept = await redis.dump(key)
        await side.announcer.changed([await side.store.jobs.cancel(TENANT, job_id, "")])
        await redis.delete(side.cache._watermark_key)  # which ended while Redis was away
        await redis.restore(key, 0, kept, replace=True)
    assert await side.state(job_id) == Job.CANCELLED
    await side.sweep()
    assert await side.state(job_id) == Job.CANCELLED


async def test_of_several_schedulers_one_compares_and_too_many_changes_end_it(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StatusSweep(ChangeStore(side.store.database), side.cache, interval_seconds=60)
    assert not await other.sweep()  # the watermark is young
    job_ids = [await side.submit() for _ in range(3)]
    monkeypatch.setattr("reelmill.scheduler.status_sweep._MOST_CHANGES", 2)
    await side.store.leases.claim("me", limit=3)
    assert not await side.sweeper.sweep()
    monkeypatch.undo()
    await side.sweep()
    assert {await side.state(job_id) for job_id in job_ids} == {Job.PROCESSING}


async def test_an_in_process_cache_has_nothing_to_compare(store: Store) -> None:
    cache = MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
    assert not await StatusSweep(ChangeStore(store.database), cache, interval_seconds=0).sweep()
