"""How often what is done again and again is done: by what each loop asks to sleep."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from waiting import patient

from reelmill.api import statuses as statuses_module
from reelmill.api.statuses import Statuses
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Status, job_channel, status_of
from reelmill.jobs.errors import Unavailable
from reelmill.scheduler import sampler as sampler_module
from reelmill.scheduler import scheduler as scheduler_module
from reelmill.scheduler.sampler import Sampler
from reelmill.scheduler.scheduler import Scheduler
from reelmill.telemetry.metrics import CACHE_HITS, CACHE_MISSES
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.intake import Intake

NOTHING: Any = None


class Enough(Exception):
    """The loop has slept often enough."""


class Slept:
    """In the place of asyncio in one module: notes what is asked for, and ends the loop."""

    def __init__(self, times: int) -> None:
        self.seconds: list[float] = []
        self._times = times

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == self._times:
            raise Enough


@pytest.mark.parametrize("interval", [1.0, 60.0])
async def test_a_scheduler_s_work_comes_at_its_interval_with_a_fifth_of_jitter(
    monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    slept, done = Slept(300), []

    async def work() -> None:
        done.append(1)
        if len(done) in (3, 4, 200):
            raise Unavailable("away")  # ends nothing

    scheduler = Scheduler(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)
    scheduler._random = random.Random(5)
    monkeypatch.setattr(scheduler_module, "asyncio", slept)
    with pytest.raises(Enough):
        await scheduler._every(interval, work)
    assert len(done) == 300
    assert 0.8 * interval <= min(slept.seconds) < 0.82 * interval
    assert 1.18 * interval < max(slept.seconds) <= 1.2 * interval


async def test_each_work_of_a_scheduler_has_its_own_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, float] = {}

    async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        asked[work.__name__] = seconds
        await asyncio.Event().wait()

    async def run() -> None:
        asked["relay"] = 0
        await asyncio.Event().wait()

    config: Any = SimpleNamespace(rescue_seconds=7.5)
    relay: Any = SimpleNamespace(run=run)
    scheduler = Scheduler(config, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, relay)
    monkeypatch.setattr(scheduler, "_every", every)
    running = asyncio.create_task(scheduler.run())
    async with patient():
        while len(asked) < 5:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asked == {"relay": 0, "rescue": 7.5, "look_after_unserved": 5.0, "delete_folders": 2.0, "retire": 60.0}


@pytest.mark.parametrize(("took", "waits"), [(0.0, 15.0), (0.2, 15.0), (0.3, 15.0), (1.0, 50.0), (6.0, 300.0)])
async def test_counting_takes_a_fiftieth_of_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch, took: float, waits: float
) -> None:
    slept = Slept(1)

    async def sample() -> float:
        return took

    sampler = Sampler(NOTHING, NOTHING, {}, interval_seconds=15)
    monkeypatch.setattr(sampler, "sample", sample)
    monkeypatch.setattr(sampler_module, "asyncio", slept)
    with pytest.raises(Enough):
        await sampler.run()
    assert slept.seconds == [pytest.approx(waits)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Claims:
    """Notes from when on claims look; `ready` tasks are there."""

    def __init__(self) -> None:
        self.since: list[float] = []
        self.asked: list[float] = []
        self.ready = 0

    async def ready_since(self, since: datetime) -> datetime:
        self.asked.append(since.timestamp())
        return since + timedelta(seconds=7)

    async def claim(self, owner: str, *, limit: int, since: datetime, **kinds_and_places: Any) -> list[Any]:
        self.since.append(since.timestamp())
        return [None] * min(limit, self.ready)


class Silent:
    """A consumer that no message comes to."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def receive(self, limit: int, timeout_seconds: float) -> list[Any]:
        self.waited.append(timeout_seconds)
        return []


async def test_a_worker_looks_by_itself_at_its_interval_and_at_most_half_an_interval_early_or_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claims: Any = Claims()
    consumer: Any = Silent()
    now = 1000.0
    monkeypatch.setattr("reelmill.worker.intake.time.monotonic", lambda: now)
    intake = Intake(claims, NOTHING, owner="me", sweep_seconds=10)
    intake._random = random.Random(5)
    after = []
    for _ in range(300):
        intake._schedule_sweep()
        after.append(intake._next_sweep - now)
    assert 5 <= min(after) < 5.1 and 14.9 < max(after) <= 15

    intake._next_sweep = 0
    assert await intake.take(consumer, 3, lambda task: None) == []
    assert (consumer.waited, len(claims.since)) == ([], 1), "at the start nobody waits for a message"
    waits = intake._next_sweep - now
    assert await intake.take(consumer, 3, lambda task: None) == []
    assert consumer.waited == [pytest.approx(waits)]
    claims.ready = 3
    await intake.take(consumer, 3, lambda task: None)
    await intake.take(consumer, 3, lambda task: None)
    assert consumer.waited[-1] == pytest.approx(0.02), "where all that was asked for came, more may be there"


async def test_claims_look_from_where_the_oldest_is_and_from_the_beginning_every_five_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claims: Any = Claims()
    consumer: Any = Silent()
    clock = Clock()
    monkeypatch.setattr("reelmill.worker.intake.time.monotonic", clock)
    intake = Intake(claims, NOTHING, owner="me", sweep_seconds=10)
    for clock.now in (0.0, 4.9, 5.1, 10.2, 299.0, 300.0):
        await intake.take(consumer, 3, lambda task: None)
    assert claims.asked == [0, 7, 14, 21, 0]
    assert claims.since == [7, 7, 14, 21, 28, 7]


# The cache in this process, by a clock that the test moves.


async def test_statuses_and_progress_live_each_for_its_time() -> None:
    clock, cache = Clock(), MemoryCache(status_ttl_seconds=10, final_ttl_seconds=3600)
    cache._statuses._clock = cache._progress._clock = clock
    tenant, running, done = uuid4(), uuid4(), uuid4()
    for job_id, final in ((running, False), (done, True)):
        await cache.put([Status(tenant_id=tenant, job_id=job_id, version=1, final=final, job=b"")])
    await cache.put_progress(tenant, running, 1, b"x")
    for now, statuses, progress in ((9.9, [True, True], True), (14.9, [False, True], True), (15, [False, True], False)):
        clock.now = now
        assert [await cache.get(tenant, job_id) is not None for job_id in (running, done)] == statuses
        assert (await cache.get_progress(tenant, running) is not None) is progress
    clock.now = 3600
    assert await cache.get(tenant, done) is None


async def test_hits_and_misses_are_counted_each_as_what_it_is() -> None:
    cache = MemoryCache(status_ttl_seconds=10, final_ttl_seconds=10)
    put = Status(tenant_id=uuid4(), job_id=uuid4(), version=1, final=False, job=b"")
    before = CACHE_HITS._value.get(), CACHE_MISSES._value.get()
    await cache.get(put.tenant_id, put.job_id)
    await cache.put([put])
    await cache.get(put.tenant_id, put.job_id)
    await cache.get(put.tenant_id, put.job_id)
    assert (CACHE_HITS._value.get() - before[0], CACHE_MISSES._value.get() - before[1]) == (2, 1)


@pytest.mark.parametrize("state", Job.State.keys())
def test_what_the_cache_keeps_of_a_job_is_the_basic_view(state: str) -> None:
    tenant, job = uuid4(), Job(id=str(uuid4()), state=state, version=7)
    job.error.command, job.error.stderr_tail, job.error.code, job.error.output = "c", "t", "X", "o"
    kept = status_of(tenant, job)
    assert (kept.tenant_id, str(kept.job_id), kept.version) == (tenant, job.id, 7)
    assert kept.final is (state in ("COMPLETED", "FAILED", "CANCELLED"))
    shown = Job.FromString(kept.job)
    assert (shown.error.code, shown.error.output, shown.error.command, shown.error.stderr_tail) == ("X", "o", "", "")
    assert job.error.command == "c", "the job itself is as it was"
    for only in ("command", "stderr_tail"):
        one = Job(id=job.id)
        setattr(one.error, only, "x")
        assert not getattr(Job.FromString(status_of(tenant, one).job).error, only)
    assert job_channel(tenant, kept.job_id) == f"job:{tenant}:{job.id}"


async def test_the_versions_that_were_told_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses_module, "_MAX_KNOWN", 2)
    tenant, cache = uuid4(), MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
    told = Statuses(NOTHING, cache)
    jobs = [Job(id=str(uuid4()), version=5) for _ in range(3)]
    await told.tell(tenant, jobs[:2])
    await told.tell(tenant, [Job(id=jobs[0].id, version=6)])  # told again: the other is now the older
    await told.tell(tenant, jobs[2:])
    assert {str(job_id): version for (_, job_id), version in told._told.items()} == {jobs[0].id: 6, jobs[2].id: 5}


async def test_what_one_tenant_was_told_says_nothing_of_anothers_job() -> None:
    one, other, cache = uuid4(), uuid4(), MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
    told, job_id = Statuses(NOTHING, cache), uuid4()
    await told.tell(one, [Job(id=str(job_id), version=9)])
    await cache.put([status_of(other, Job(id=str(job_id), version=2))])
    found = await told.cached(other, job_id)
    assert found is not None and found.version == 2
