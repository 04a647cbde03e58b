"""However many watch, a change is read once; nobody misses a state, and a slow watcher holds up nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest
from waiting import patient

from reelmill.api import watching
from reelmill.api.statuses import Statuses
from reelmill.api.watching import Watches
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Status, status_of
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.jobs.states import Phase
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.leases import LeaseStore
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Input, Job, JobEvent, Output, Progress

TENANT = DEFAULT_IDENTITY.tenant_id
WATCHERS = 400


class Counted(Database):
    """Counts how often a connection is asked for, which is once for each statement or two; can be away."""

    statements = 0
    away = False

    def connection(self) -> AbstractAsyncContextManager[Any]:
        self.statements += 1
        if self.away:
            raise Unavailable("away")
        return super().connection()


class CountedCache(MemoryCache):
    """Counts reads."""

    reads = 0

    async def get(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        self.reads += 1
        return await super().get(tenant_id, job_id)

    async def get_progress(self, tenant_id: UUID, job_id: UUID) -> bytes | None:
        self.reads += 1
        return await super().get_progress(tenant_id, job_id)


class Watched:
    """What the watchers of a process have, and what they cost."""

    def __init__(self, store: Counted, database: Database) -> None:
        self.store = store
        self.cache = CountedCache(status_ttl_seconds=60, final_ttl_seconds=60)
        self.jobs, self.leases = JobStore(database), LeaseStore(database, lease_seconds=60)
        counted = JobStore(store)
        self.watches = Watches(counted, Statuses(counted, self.cache), self.cache)
        self.seen: list[list[JobEvent]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def create(self, count: int = 1) -> list[NewJob]:
        job = Job(inputs=[Input(uri="file:///a")], outputs=[Output(name="o", preset="web-mp4")], priority=50)
        new = [NewJob(id=uuid4(), task_id=uuid4(), job=job, output_prefix="file:///out/") for _ in range(count)]
        await self.jobs.create(TENANT, DEFAULT_IDENTITY.user_id, new)
        return new

    def watch(self, job_id: UUID, after: int = 0) -> list[JobEvent]:
        seen: list[JobEvent] = []

        async def follow() -> None:
            async for event in self.watches.watch(TENANT, job_id, after):
                seen.append(event)

        self.seen.append(seen)
        self.tasks.append(asyncio.create_task(follow()))
        return seen

    async def tell(self, job: Job) -> None:
        await self.cache.put([status_of(TENANT, job)])

    async def all_saw(self, **last: Any) -> None:
        """Until each watcher's newest event has these fields."""
        async with patient():
            while not all(s and all(getattr(s[-1], n) == v for n, v in last.items()) for s in self.seen):
                await asyncio.sleep(0.001)

    def spent(self) -> tuple[int, int]:
        """Statements and reads of the cache since the last call."""
        answer = self.store.statements, self.cache.reads
        self.store.statements = self.cache.reads = 0
        return answer


@pytest.fixture
async def watched(database: Database, database_url: str) -> AsyncIterator[Watched]:
    store = Counted(database_url, pool_size=4, publish_events=True, application="test")
    await store.start()
    made = Watched(store, database)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await store.stop()


def sequences(events: Sequence[JobEvent]) -> list[int]:
    return [event.sequence for event in events if event.sequence]


async def test_a_change_is_read_once_for_all_watchers_of_a_job(watched: Watched) -> None:
    [new] = await watched.create()
    for _ in range(WATCHERS):
        watched.watch(new.id)
    await watched.all_saw(state=Job.QUEUED)
    statements, reads = watched.spent()
    assert statements <= 4 and reads <= 4, "joined"

    [task] = await watched.leases.claim("worker", limit=1)
    await watched.tell(await watched.jobs.get(TENANT, new.id))
    await watched.all_saw(state=Job.PROCESSING)
    statements, reads = watched.spent()
    assert statements <= 2 and reads <= 4, "a new state"

    percents = range(1, 21)
    for percent in percents:
        await watched.cache.put_progress(TENANT, new.id, task.fence, Progress(percent=percent).SerializeToString())
        await watched.all_saw(progress=Progress(percent=percent))
    statements, reads = watched.spent()
    assert statements <= 2 and reads <= 4 * len(percents), "progress"

    late = watched.watch(new.id)
    later = watched.watch(new.id, after=1)
    await watched.all_saw(state=Job.PROCESSING)
    assert (sequences(late), sequences(later)) == ([1, 2], [2])
    assert watched.spent()[0] <= 1, "who joins gets the history that is there"

    await watched.jobs.cancel(TENANT, new.id, "")
    stored = await watched.leases.cancelled(task.lease)
    assert stored
    await watched.tell(stored.job)
    async with patient():
        await asyncio.gather(*watched.tasks)
    history = sequences(late)
    assert history == list(range(1, stored.job.version + 1))
    assert all(sequences(seen) == history for seen in watched.seen if seen is not later)
    assert watched.spent()[0] <= 3
    watched.watch(new.id, after=stored.job.version)
    await watched.tasks[-1]
    assert watched.seen[-1] == [], "nothing is new to who saw the end"


async def test_a_slow_watcher_misses_progress_and_no_state_and_holds_up_nobody(watched: Watched) -> None:
    [new] = await watched.create()
    slow = watched.watches.watch(TENANT, new.id, 0)
    assert (await anext(slow)).state == Job.QUEUED  # and then it reads no more
    quick = watched.watch(new.id)
    [task] = await watched.leases.claim("worker", limit=1)
    for percent in range(100):
        if percent % 20 == 0:
            phase = (Phase.PROBING, Phase.TRANSCODING)[percent % 40 // 20]
            stored = await watched.leases.report(task.lease, phase, [])
            assert stored
            await watched.tell(stored.job)
            await watched.all_saw(sequence=stored.job.version)
        await watched.cache.put_progress(TENANT, new.id, task.fence, Progress(percent=percent + 1).SerializeToString())
        await watched.all_saw(progress=Progress(percent=percent + 1))
    assert len(quick) - len(sequences(quick)) == 100
    caught_up = [await anext(slow) for _ in range(len(sequences(quick)))]
    assert [1, *sequences(caught_up)] == sequences(quick)
    assert caught_up[-1].progress.percent == 100, "of progress it sees the newest"
    await slow.aclose()


async def test_many_idle_jobs_are_polled_in_one_statement_and_changes_are_found_without_a_wake_up(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    jobs = await watched.create(WATCHERS)
    for new in jobs:
        watched.watch(new.id)
    await watched.all_saw(state=Job.QUEUED)
    assert watched.spent()[0] < WATCHERS / 4, "those who begin to watch together are answered together"
    polls = 0
    versions = watched.watches._jobs.versions

    async def counted(tenant_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, int]:
        nonlocal polls
        polls += 1
        return await versions(tenant_id, job_ids)

    monkeypatch.setattr(watched.watches._jobs, "versions", counted)
    watched.spent()
    async with patient():
        while polls < 10:
            await asyncio.sleep(0.001)
    statements, reads = watched.spent()
    assert statements <= polls + 1 and reads == 0

    for new in jobs:
        await watched.jobs.cancel(TENANT, new.id, "")
    async with patient():
        await asyncio.gather(*watched.tasks)
    assert {tuple(e.state for e in seen) for seen in watched.seen} == {(Job.QUEUED, Job.CANCELLED)}
    assert watched.watches._followers == {} and watched.watches._poller is None, "who leaves leaves nothing"


async def test_watchers_hear_why_they_hear_no_more_and_may_come_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    with pytest.raises(NotFound, match="there is no job"):
        await anext(watched.watches.watch(TENANT, uuid4(), 0))
    [new] = await watched.create()
    for _ in range(3):
        watched.watch(new.id)
    await watched.all_saw(state=Job.QUEUED)
    watched.store.away = True
    async with patient():
        heard = await asyncio.gather(*watched.tasks, return_exceptions=True)
    assert [type(error) for error in heard] == [Unavailable] * 3
    watched.store.away = False
    watched.watch(new.id)
    async with patient():
        while not watched.seen[-1]:
            await asyncio.sleep(0.001)


async def test_a_restored_database_has_another_history(watched: Watched) -> None:
    [new] = await watched.create()
    seen = watched.watch(new.id)
    await watched.all_saw(state=Job.QUEUED)
    [follower] = watched.watches._followers.values()
    follower._events.append(JobEvent(job_id=str(new.id), sequence=7, state=Job.PROCESSING))  # lost by the backup
    await watched.watches._compare(TENANT, [follower])
    await watched.jobs.cancel(TENANT, new.id, "")
    follower.look(sure=True)
    async with patient():
        await watched.tasks[0]
    assert sequences(seen) == [1, 2]
