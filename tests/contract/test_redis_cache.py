"""What the Redis cache alone has: times to live, other processes, and a server that is away or slow."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from contract.conftest import FINAL_TTL_SECONDS, STATUS_TTL_SECONDS, redis_cache
from contract.test_cache import kept, status
from redis.asyncio import Redis as RedisClient
from services.redis import Redis
from waiting import PATIENCE_SECONDS, patient

from reelmill.cache import redis_channels
from reelmill.cache.missed import Missed
from reelmill.cache.port import Cache, CacheUnavailable, Status, job_channel
from reelmill.cache.redis import RedisCache, progress_key, status_key
from reelmill.cache.redis_channels import _SILENCE_SECONDS
from reelmill.passwords import password_of
from reelmill.telemetry.metrics import PART_ENDS

TIMEOUT_SECONDS = 0.5  # the adapter's own
SLACK_SECONDS = 0.45  # of the quickest, on a busy machine; less than a second timeout


@pytest.fixture
async def shared(redis_server, patient_cache: None) -> AsyncIterator[RedisCache]:
    """A cache on everyone's Redis."""
    cache = redis_cache(redis_server.url)
    await cache.start()
    yield cache
    await cache.stop()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Redis]:
    """A Redis that the tests of this module may stop and freeze."""
    with Redis() as server:
        yield server


@pytest.fixture
async def own(own_server: Redis) -> AsyncIterator[RedisCache]:
    """A cache on the module's own Redis, which runs."""
    cache = redis_cache(own_server.url)
    await cache.start()
    await cache.check()
    yield cache
    own_server.resume()
    await cache.stop()


async def available(cache: Cache) -> None:
    """Wait until the breaker lets calls through and they work."""
    put = status()
    async with patient():
        while await kept(cache, put) is None:
            await cache.put([put])
            await asyncio.sleep(0.05)


async def test_each_key_has_its_time_to_live(shared: RedisCache, redis_server) -> None:
    running, done = status(), status(final=True)
    await shared.put([running, done])
    await shared.put_progress(running.tenant_id, running.job_id, 1, b"1 %")
    async with RedisClient.from_url(redis_server.url) as redis:
        for key, seconds in (
            (status_key(running.tenant_id, running.job_id), STATUS_TTL_SECONDS),
            (status_key(done.tenant_id, done.job_id), FINAL_TTL_SECONDS),
            (progress_key(running.tenant_id, running.job_id), 15),
        ):
            left_ms = await redis.pttl(key)
            assert (seconds - 10) * 1000 < left_ms <= seconds * 1000


async def test_a_final_status_lives_longer_than_the_one_it_replaces(shared: RedisCache, redis_server) -> None:
    running = status(1)
    await shared.put([running])
    await shared.put([status(2, final=True, like=running)])
    async with RedisClient.from_url(redis_server.url) as redis:
        assert await redis.pttl(status_key(running.tenant_id, running.job_id)) > STATUS_TTL_SECONDS * 1000


async def test_other_processes_read_and_hear_what_one_puts(shared: RedisCache, redis_server) -> None:
    other, put = redis_cache(redis_server.url), status()
    await other.start()
    async with other.subscribe(job_channel(put.tenant_id, put.job_id)) as subscription:
        await shared.put([put])
        assert await subscription.wait(PATIENCE_SECONDS)
    assert await kept(other, put) == put
    await other.stop()


async def test_a_server_that_is_away_costs_answers_but_no_errors(own: RedisCache, own_server: Redis) -> None:
    put = status()
    await own.put([put])
    own_server.stop()
    try:
        for _ in range(5):
            assert await kept(own, put) is None
            assert await own.get_progress(put.tenant_id, put.job_id) is None
            await own.put([put])
            await own.put_progress(put.tenant_id, put.job_id, 1, b"1 %")
            await own.notify("c")
        with pytest.raises(CacheUnavailable):
            await own.check()
        async with own.subscribe("c") as subscription:
            assert not await subscription.wait(0.05)
    finally:
        own_server.start()
    await available(own)


async def test_a_cache_that_starts_without_its_server_finds_it_later(own_server: Redis) -> None:
    own_server.stop()
    cache = redis_cache(own_server.url)
    try:
        await cache.start()
        assert await kept(cache, status()) is None
    finally:
        own_server.start()
    await available(cache)
    await cache.stop()


async def test_subscriptions_survive_a_restart(own: RedisCache, own_server: Redis) -> None:
    async with own.subscribe("c") as subscription:
        await asyncio.to_thread(own_server.restart)
        assert await subscription.wait(PATIENCE_SECONDS)  # woken: something may have been missed
        await available(own)
        await own.notify("c")
        assert await subscription.wait(PATIENCE_SECONDS)


async def test_a_listener_that_nobody_used_for_long_confirms_at_once(
    shared: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shared.subscribe("c"):
        pass
    await asyncio.sleep(_SILENCE_SECONDS + 0.5)  # it asks whether Redis lives, while nothing is subscribed
    monkeypatch.setattr(redis_channels, "_CONFIRM_SECONDS", PATIENCE_SECONDS)  # what no answer to it would cost
    began = time.monotonic()
    async with shared.subscribe("c") as subscription:
        assert time.monotonic() - began < PATIENCE_SECONDS / 2
        await shared.notify("c")
        assert await subscription.wait(PATIENCE_SECONDS)
    assert PART_ENDS.labels("redis_channels")._value.get() == 0


async def test_a_frozen_server_costs_one_timeout_a_call_and_then_nothing(own: RedisCache, own_server: Redis) -> None:
    await available(own)
    own_server.pause()
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert await kept(own, status()) is None
        took.append(time.monotonic() - began)
    assert min(took) < TIMEOUT_SECONDS + SLACK_SECONDS
    # Now the breaker is open.
    began = time.monotonic()
    for _ in range(20):
        await own.put([status()])
    assert time.monotonic() - began < 10 * TIMEOUT_SECONDS
    own_server.resume()
    await available(own)


async def test_a_wrong_password_makes_it_as_if_away(own_server: Redis) -> None:
    admin = RedisClient.from_url(own_server.url)
    await admin.config_set("requirepass", "secret")
    right, wrong = (redis_cache(own_server.url.replace("//", f"//:{p}@")) for p in ("secret", "guess"))
    try:
        await wrong.start()
        await right.start()
        await right.check()
        with pytest.raises(CacheUnavailable, match="password"):
            await wrong.check()
        assert await kept(wrong, status()) is None
    finally:
        await admin.config_set("requirepass", "")
        await admin.aclose()
        await right.stop()
        await wrong.stop()


async def test_before_start_and_after_stop_it_is_as_if_away(redis_server) -> None:
    cache, put = redis_cache(redis_server.url), status()
    await cache.put([put])
    assert await kept(cache, put) is None
    with pytest.raises(CacheUnavailable):
        await cache.check()
    await cache.start()
    await cache.put([put])
    await cache.stop()
    assert await kept(cache, put) is None


@pytest.mark.parametrize(
    "url", ["http://localhost:6379", "redis://u:se[cret@localhost", "redis://u:s\u2100cret@localhost"]
)
def test_a_url_of_another_form_is_refused_naming_the_setting_and_not_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="REELMILL_CACHE_URL: ") as caught:
        redis_cache(url)
    assert "cret" not in str(caught.value)


async def test_a_connection_that_is_closed_in_the_moment_of_a_write_is_a_miss(
    shared: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")  # as uvloop says it

    put = status()
    await shared.put([put])
    with monkeypatch.context() as patch:
        patch.setattr(shared._pool, "get_connection", closed)
        assert await kept(shared, put) is None
    assert await kept(shared, put) == put


async def test_what_was_missed_is_put_again_the_newest_of_each_job(
    own: RedisCache, own_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelmill.cache.missed._FOR_SECONDS", PATIENCE_SECONDS)  # a server's start may take long
    await available(own)
    one, other, cut_short = status(2), status(), status()
    async with own.subscribe(job_channel(one.tenant_id, one.job_id)) as subscription:
        own_server.pause()
        cancelled = asyncio.create_task(own.put([cut_short]))
        await own.put([one, other])
        await own.put([status(1, like=one)])
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        own_server.resume()
        async with patient():
            while await kept(own, cut_short) is None or await kept(own, other) is None:
                await asyncio.sleep(0.02)
        assert await kept(own, one) == one
        assert await subscription.wait(PATIENCE_SECONDS)
    async with patient():
        while own._missed._waiting:
            await asyncio.sleep(0.02)


async def test_what_was_missed_for_long_or_is_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Sequence[Status]] = []

    async def put(statuses: Sequence[Status]) -> bool:
        tried.append(statuses)
        return False

    monkeypatch.setattr("reelmill.cache.missed._MAX_STATUSES", 3)
    monkeypatch.setattr("reelmill.cache.missed._FOR_SECONDS", 0.2)
    missed, statuses = Missed(put), [status() for _ in range(5)]
    missed.add(statuses)
    task = missed._task
    assert task
    async with patient():
        await task
    assert 2 <= len(tried) < 10, "ever more seldom"
    assert all(one == statuses[2:] for one in tried)
    await missed.stop()


async def test_who_gives_up_while_a_connection_greets_leaves_none_with_an_answer_to_come(
    own: RedisCache, own_server: Redis
) -> None:
    await available(own)
    put = status()
    await own.put([put])
    await own._pool.disconnect()
    own_server.pause()
    reading = asyncio.create_task(kept(own, put))
    async with patient():
        while own._pool._available_connections:
            await asyncio.sleep(0)
    await asyncio.sleep(0.05)  # it connects, and waits for an answer to what it said first
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    own_server.resume()
    for _ in range(5):
        assert await kept(own, put) in (put, None)
    await available(own)
    assert await kept(own, put) == put


async def test_a_password_that_changes_in_its_file_is_used_from_the_next_connection_on(tmp_path: Path) -> None:
    with Redis() as server:
        file, (head, tail) = tmp_path / "url", server.url.split("//")
        admin = RedisClient.from_url(server.url)
        await admin.execute_command("ACL", "SETUSER", "app", "on", ">old", "allkeys", "allchannels", "allcommands")
        url = f"{head}//app:old@{tail}"
        file.write_text(url)
        cache = RedisCache(
            url, status_ttl_seconds=STATUS_TTL_SECONDS, final_ttl_seconds=FINAL_TTL_SECONDS,
            password=password_of(url, file),
        )  # fmt: skip
        await cache.start()
        try:
            await available(cache)
            await admin.execute_command("ACL", "SETUSER", "app", "resetpass", ">new")
            await admin.client_kill_filter(user="app", skipme=True)
            with pytest.raises(CacheUnavailable):
                while True:  # until a new connection is needed
                    await cache.check()
            file.write_text(url.replace("old", "new"))
            await available(cache)
            await cache.check()
        finally:
            await cache.stop()
            await admin.aclose()
