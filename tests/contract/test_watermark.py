"""Redis: a QUEUED job's status lives long while a watermark vouches for it, and is believed no longer than that."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from contract.conftest import FINAL_TTL_SECONDS, STATUS_TTL_SECONDS, redis_cache
from contract.test_cache import kept, status
from redis.asyncio import Redis as RedisClient

from reelmill.cache.port import Status, Watermark, status_of
from reelmill.cache.redis import RedisCache, status_key
from reelmill.v1.jobs_pb2 import Job

SINCE, ACCEPTS = 1000, 2000


@pytest.fixture
async def cache(redis_server) -> AsyncIterator[RedisCache]:
    """A cache that shares its watermark with nobody."""
    made = redis_cache(redis_server.url, scope=secrets.token_hex(4))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def redis(redis_server) -> AsyncIterator[RedisClient]:
    """What others do to it."""
    async with RedisClient.from_url(redis_server.url) as client:
        yield client


def queued(known_us: int, *, version: int = 1, like: Status | None = None) -> Status:
    return replace(status(version, like=like), known_us=known_us)


async def advance(cache: RedisCache, *changed: Status, since_us: int = SINCE, accepts_us: int = ACCEPTS) -> bool:
    before = await cache.watermark()
    assert before
    now = Watermark(since_us=since_us, accepts_us=accepts_us, state="what is next")
    return await cache.advance(before, now, [(s.tenant_id, s.job_id, s.version) for s in changed])


async def lives_long(redis: RedisClient, put: Status) -> bool:
    left_ms: int = await redis.pttl(status_key(put.tenant_id, put.job_id))
    assert 0 < left_ms <= FINAL_TTL_SECONDS * 1000
    return left_ms > STATUS_TTL_SECONDS * 1000


async def test_a_status_lives_long_that_was_known_since_the_reading_before(
    cache: RedisCache, redis: RedisClient
) -> None:
    early, late, running = queued(ACCEPTS - 1), queued(ACCEPTS), queued(0)
    await cache.put([early, late, running])
    assert not await lives_long(redis, late)  # nobody looks after anything
    assert (await cache.watermark() or Watermark()).since_us == 0
    await cache.put([again := queued(ACCEPTS)])
    assert not await lives_long(redis, again)  # it only begins
    assert await advance(cache)
    await cache.put([early, late, running, again])
    assert [await lives_long(redis, put) for put in (early, late, running, again)] == [False, True, False, True]
    assert [await kept(cache, put) for put in (early, late, running)] == [early, late, running]


async def test_a_change_ends_the_long_life(cache: RedisCache, redis: RedisClient) -> None:
    assert await advance(cache)
    told, untold, same = queued(ACCEPTS), queued(ACCEPTS), queued(ACCEPTS)
    await cache.put([told, untold, same])
    await cache.put([status(2, like=told)])
    assert (await kept(cache, told), await lives_long(redis, told)) == (status(2, like=told), False)
    assert await advance(cache, status(2, like=untold), status(1, like=same), status(2, like=told), status())
    assert await kept(cache, untold) is None
    assert (await kept(cache, same), await kept(cache, told)) == (same, status(2, like=told))


async def test_without_a_watermark_nothing_is_believed_for_long_and_what_is_read_anew_is(
    cache: RedisCache, redis: RedisClient
) -> None:
    assert await advance(cache)
    put, another = queued(ACCEPTS), queued(ACCEPTS)
    await cache.put([put, another])
    await redis.delete(cache._watermark_key)
    assert await kept(cache, put) is None
    await cache.put([replace(put, known_us=ACCEPTS + 5)])  # read from the database: as before there were watermarks
    assert (await kept(cache, put), await lives_long(redis, put)) == (put, False)
    assert await advance(cache, since_us=ACCEPTS + 10, accepts_us=ACCEPTS + 10)  # another begins
    assert (await kept(cache, put), await kept(cache, another)) == (put, None)
    await cache.put([replace(another, known_us=ACCEPTS + 10)])
    assert (await kept(cache, another), await lives_long(redis, another)) == (another, True)


async def test_a_list_of_jobs_does_not_shorten_what_is_believed(cache: RedisCache, redis: RedisClient) -> None:
    assert await advance(cache)
    put = queued(ACCEPTS)
    await cache.put([put])
    await cache.put([replace(put, known_us=known) for known in (0, 1)])  # of the same version, known less well
    assert await lives_long(redis, put)


async def test_who_was_away_while_a_watermark_ended_or_another_came_does_not_go_on(cache: RedisCache) -> None:
    first, second = await cache.watermark(), await cache.watermark()
    assert first
    assert second
    assert first.token == second.token
    assert await cache.advance(first, Watermark(since_us=1, accepts_us=1, state="a"), [])
    put = queued(1)
    await cache.put([put])
    assert not await cache.advance(second, Watermark(since_us=1, accepts_us=1, state="b"), [])
    seen = await cache.watermark()
    assert seen
    assert (seen.since_us, seen.accepts_us, seen.state) == (1, 1, "a")
    assert 0 <= seen.age_seconds < STATUS_TTL_SECONDS / 2
    await cache._redis.delete(cache._watermark_key)
    begun = await cache.watermark()
    assert begun
    assert begun.token not in (first.token, seen.token)
    for gone in (first, seen):
        changed = [(put.tenant_id, put.job_id, 2)]
        assert not await cache.advance(gone, Watermark(since_us=1, accepts_us=1, state="c"), changed)
    assert await kept(cache, put) is None


async def test_a_watermark_lives_half_as_long_as_a_status(cache: RedisCache, redis: RedisClient) -> None:
    await cache.watermark()
    assert await redis.pttl(cache._watermark_key) <= STATUS_TTL_SECONDS * 500
    await advance(cache)
    assert 0 < await redis.pttl(cache._watermark_key) <= STATUS_TTL_SECONDS * 500


async def test_a_release_that_knows_no_watermark_finds_no_status_that_it_would_believe(
    cache: RedisCache, redis: RedisClient
) -> None:
    assert await advance(cache)
    put = queued(ACCEPTS)
    await cache.put([put])
    key = status_key(put.tenant_id, put.job_id)
    assert await redis.hget(key, "job") is None
    await redis.hset(key, mapping={"version": 2, "final": 0, "job": b"theirs"})  # as it writes the next one
    found = await kept(cache, put)
    assert found
    assert (found.version, found.job) == (2, b"theirs")


def test_when_a_status_was_known() -> None:
    job = Job(id=str(uuid4()), state=Job.QUEUED, version=1)
    job.create_time.FromMicroseconds(7)
    assert status_of(uuid4(), job).known_us == 7
    assert status_of(uuid4(), job, known_us=9).known_us == 9
    job.version = 3  # it came back: only who reads it knows since when
    assert (status_of(uuid4(), job).known_us, status_of(uuid4(), job, known_us=9).known_us) == (0, 9)
    job.state = Job.PROCESSING
    assert status_of(uuid4(), job, known_us=9).known_us == 0
