"""A loop that stands still again and again, longer than Redis is waited for: its changes still come by wake-ups."""

import asyncio
import itertools
import time

import pytest
from conftest import SharedServer
from store.kit import TENANT, Store
from waiting import patient

from reelmill.announce import Announcer
from reelmill.api import watching
from reelmill.api.statuses import Statuses
from reelmill.api.watching import Watches
from reelmill.cache import redis as redis_module
from reelmill.cache.redis import RedisCache
from reelmill.jobs.states import Phase
from reelmill.store.database import Database
from reelmill.telemetry.metrics import HEARD

TIMEOUT_SECONDS = 0.15  # for which Redis is waited for here
STALL_SECONDS = 0.2
STALLS = 40


async def stall(after: int) -> None:
    """Hold up the loop, `after` turns of it from now."""
    for _ in range(after):
        await asyncio.sleep(0)
    time.sleep(STALL_SECONDS)


async def test_each_change_is_heard_by_its_wake_up(
    database: Database, redis_server: SharedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_module, "_TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    monkeypatch.setattr(watching, "POLL_SECONDS", 3600.0)  # what no wake-up tells is never heard
    store = Store(database)
    api, worker = (RedisCache(redis_server.url, status_ttl_seconds=60, final_ttl_seconds=60) for _ in range(2))
    for cache in (api, worker):
        await cache.start()
    new = await store.submit()
    task = await store.claim(new)
    watches = Watches(store.jobs, Statuses(store.jobs, api), api)
    seen: list[int] = []
    heard = asyncio.Event()

    async def watch() -> None:
        async for event in watches.watch(TENANT, new.id, 0):
            seen.append(event.sequence)
            heard.set()

    watcher = asyncio.create_task(watch())

    async def until(version: int) -> None:
        async with patient():
            while version not in seen:
                heard.clear()
                await heard.wait()

    await until(2)
    phases = itertools.cycle((Phase.TRANSCODING, Phase.PACKAGING))
    before = {by: counter._value.get() for by, counter in HEARD.items()}
    for after in range(STALLS):
        stored = await store.leases.report(task.lease, next(phases), [])
        assert stored
        stalling = asyncio.create_task(stall(after))
        await Announcer(worker).changed([stored])
        await stalling
        await until(stored.job.version)
    told = {by: counter._value.get() - before[by] for by, counter in HEARD.items()}
    assert told == {"wakeup": STALLS, "poll": 0}
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    for cache in (api, worker):
        await cache.stop()
