"""Watch jobs: events from PostgreSQL by sequence number, wake-ups and progress from the cache.

However many watch, a change is read once by each process: one follower for each job, one poll for all jobs.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from reelmill.api.following import PAGE, Follower
from reelmill.api.statuses import Statuses
from reelmill.batching import Batcher
from reelmill.cache.port import Cache
from reelmill.jobs.errors import NotFound, Unavailable
from reelmill.store.jobs import JobStore
from reelmill.supervise import supervised
from reelmill.v1.jobs_pb2 import Job, JobEvent, Queue

POLL_SECONDS = 2.0  # wake-ups are best effort; this is how late an event can be without them
_POLLED_AT_ONCE = 1000
_PLACED_SECONDS = 5.0  # between two tellings of a job's place in the queue
_PLACED_AT_ONCE = 100  # of those in a poll: thousands may watch jobs that wait
Item = TypeVar("Item")
Placing = Callable[[Job], Awaitable[Queue | None]]
_CACHE_READS = 16  # at once: half of the cache's connections, which are everybody's


class Watches:
    """All watches in this process."""

    def __init__(
        self,
        jobs: JobStore,
        statuses: Statuses,
        cache: Cache,
        queue: Placing | None = None,
    ) -> None:
        """`queue`: what a QUEUED job waits behind; without it nobody is told."""
        self._queue = queue
        self._jobs = jobs
        self._statuses = statuses
        self._cache = cache
        self._followers: dict[tuple[UUID, UUID], Follower] = {}
        self._reader = Batcher(self._read)
        self._refresher = Batcher(self._refresh)
        self._turns = asyncio.Semaphore(_CACHE_READS)
        self._poller: asyncio.Task[None] | None = None

    async def watch(self, tenant_id: UUID, job_id: UUID, after: int) -> AsyncGenerator[JobEvent]:
        """Events of a tenant's job after a sequence number until the final one, with progress (sequence 0) in between.

        Raises NotFound. Ends at once where the final event was seen before.
        """
        woken = asyncio.Event()
        follower = self._join(tenant_id, job_id, woken)
        try:
            shown: JobEvent | None = None
            while True:
                woken.clear()
                if follower.last:
                    after = min(after, follower.last)  # later ones were seen before the database was restored
                    for event in follower.after(after):
                        yield event
                        after = event.sequence
                    if after < follower.last:  # more came while these were taken
                        continue
                    if follower.final:
                        return
                if follower.error:
                    raise follower.error.with_traceback(None)
                if follower.progress and follower.progress is not shown:
                    shown = follower.progress
                    yield shown
                await woken.wait()
        finally:
            self._leave(follower, woken)

    def _join(self, tenant_id: UUID, job_id: UUID, woken: asyncio.Event) -> Follower:
        follower = self._followers.get((tenant_id, job_id))
        if follower is None or follower.error:
            follower = Follower(
                tenant_id,
                job_id,
                read=self._reader.submit,
                refresh=self._refresher.submit,
                statuses=self._statuses,
                cache=self._cache,
                turns=self._turns,
            )
            self._followers[tenant_id, job_id] = follower
            follower.begin()
        follower.watchers.add(woken)
        if self._poller is None:
            self._poller = supervised("watch_poll", self._poll)
        return follower

    def _leave(self, follower: Follower, woken: asyncio.Event) -> None:
        follower.watchers.discard(woken)
        if follower.watchers:
            return
        follower.end()
        key = (follower.tenant_id, follower.job_id)
        if self._followers.get(key) is follower:
            del self._followers[key]
        if not self._followers and self._poller:
            self._poller.cancel()
            self._poller = None

    async def _read(self, wanted: Sequence[tuple[UUID, UUID, int]]) -> list[list[JobEvent]]:
        found: dict[tuple[UUID, UUID], list[JobEvent]] = defaultdict(list)
        for tenant_id, jobs in _by_tenant((tenant, (job, after)) for tenant, job, after in wanted).items():
            for event in await self._jobs.events_after(tenant_id, jobs, limit=PAGE):
                found[tenant_id, UUID(event.job_id)].append(event)
        return [found[tenant_id, job_id] for tenant_id, job_id, _ in wanted]

    async def _refresh(self, wanted: Sequence[tuple[UUID, UUID]]) -> list[None]:
        for tenant_id, job_ids in _by_tenant(wanted).items():
            await self._statuses.tell(tenant_id, await self._jobs.get_many(tenant_id, job_ids))
        return [None] * len(wanted)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS * random.uniform(0.75, 1.0))  # noqa: S311  # no secret: spreads processes
            followed = [f for f in self._followers.values() if f.last and not f.final and not f.error]
            for tenant_id, theirs in _by_tenant((f.tenant_id, f) for f in followed).items():
                for first in range(0, len(theirs), _POLLED_AT_ONCE):
                    await self._compare(tenant_id, theirs[first : first + _POLLED_AT_ONCE])
            if self._queue:
                await self._place(self._queue, time.monotonic())

    async def _place(self, queue: Placing, now: float) -> None:
        """Tell those that have waited for a while where they stand."""
        due = [f for f in self._followers.values() if f.queued and now - f.placed > _PLACED_SECONDS]
        for follower in due[:_PLACED_AT_ONCE]:
            follower.placed = now
            with suppress(NotFound, Unavailable):  # the comparison tells of these
                job = await self._statuses.get(follower.tenant_id, follower.job_id)
                if told := await queue(job):
                    follower.waits(told)

    async def _compare(self, tenant_id: UUID, followed: Sequence[Follower]) -> None:
        try:
            versions = await self._jobs.versions(tenant_id, [f.job_id for f in followed])
        except Unavailable as error:
            for follower in followed:
                follower.fail(error)
            return
        for follower in followed:
            version = versions.get(follower.job_id)
            if version is None:
                follower.fail(NotFound(f"there is no job {follower.job_id} any more"))
            elif version < follower.last:
                follower.forget()
            elif version > follower.last:
                follower.look(sure=True)
            elif follower.processing and time.monotonic() - follower.looked > POLL_SECONDS:
                follower.look()


def _by_tenant(items: Iterable[tuple[UUID, Item]]) -> dict[UUID, list[Item]]:
    """Items, each with whose it is, by that."""
    grouped: dict[UUID, list[Item]] = defaultdict(list)
    for tenant_id, item in items:
        grouped[tenant_id].append(item)
    return grouped
