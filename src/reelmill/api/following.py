"""What happens to one job, read once for all who watch it.

A watcher is a place in the job's history and an event that wakes it, so a slow one costs nothing, misses no state, and
sees of progress the newest alone.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from reelmill.api.statuses import Statuses
from reelmill.cache.port import Cache, job_channel
from reelmill.jobs.errors import NotFound
from reelmill.jobs.states import FINAL_JOB_STATES
from reelmill.supervise import supervised
from reelmill.telemetry.metrics import HEARD
from reelmill.v1.jobs_pb2 import Job, JobEvent, Queue

_FINAL = frozenset(Job.State.Value(state) for state in FINAL_JOB_STATES)
PAGE = 1000
"""Most events that are read at once."""
_PATIENCE_SECONDS = 60.0
_SLICE = 25  # watchers that are woken at once; then whatever else is ready has its turn

Reader = Callable[[tuple[UUID, UUID, int]], Awaitable[Sequence[JobEvent]]]
Refresher = Callable[[tuple[UUID, UUID]], Awaitable[None]]


class Follower:
    """Follows one job from `begin` to `end`, or to its final event."""

    def __init__(
        self,
        tenant_id: UUID,
        job_id: UUID,
        *,
        read: Reader,
        refresh: Refresher,
        statuses: Statuses,
        cache: Cache,
        turns: asyncio.Semaphore,
    ) -> None:
        """`read`: a tenant's job's events after a sequence number, oldest first, at most PAGE.

        `refresh`: brings its status to the cache. `turns`: how many may read the cache at once.
        """
        self.tenant_id = tenant_id
        self.job_id = job_id
        self.progress: JobEvent | None = None
        self.error: Exception | None = None
        """Why it ended, where that was not the final event."""
        self.watchers: set[asyncio.Event] = set()
        self.looked = 0.0
        """When it last looked, in monotonic seconds."""
        self.placed = time.monotonic()
        """When it last was told its place in the queue, or joined."""
        self._read = read
        self._refresh = refresh
        self._statuses = statuses
        self._cache = cache
        self._turns = turns
        self._events: list[JobEvent] = []
        self._progress = b""
        self._due = asyncio.Event()
        self._sure = True
        self._polled = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def last(self) -> int:
        """The newest event's sequence number, which is the job's version; 0 before it is known."""
        return self._events[-1].sequence if self._events else 0

    @property
    def final(self) -> bool:
        """Whether the last event is there."""
        return bool(self._events) and self._events[-1].state in _FINAL

    @property
    def queued(self) -> bool:
        """Whether it waits for a worker."""
        return bool(self._events) and self._events[-1].state == Job.QUEUED

    @property
    def processing(self) -> bool:
        """Whether there may be progress."""
        return bool(self._events) and self._events[-1].state == Job.PROCESSING

    def after(self, sequence: int) -> list[JobEvent]:
        """The events after a sequence number."""
        return self._events[bisect_right(self._events, sequence, key=lambda event: event.sequence) :]

    def begin(self) -> None:
        """Start to follow, in the running event loop."""
        self._tasks = (asyncio.create_task(self._follow()), supervised("watch_wakeups", self._hear))

    def end(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()

    def look(self, *, sure: bool = False) -> None:
        """Something may have happened; `sure`: it has, whatever the cache says."""
        self._sure |= sure
        self._polled |= sure and not self._due.is_set()
        self._due.set()

    def forget(self) -> None:
        """The database was restored from a backup: its history is another."""
        self._events.clear()
        self.look(sure=True)

    def waits(self, queue: Queue) -> None:
        """Tell the watchers what the job waits behind, if that is new."""
        told, last = self.progress, self._events[-1]
        if last.state != Job.QUEUED or (
            told and told.HasField("queue") and told.queue.tasks_before == queue.tasks_before
        ):
            return
        self.progress = self._now()
        self.progress.queue.CopyFrom(queue)
        for watcher in self.watchers:
            watcher.set()

    def fail(self, error: Exception) -> None:
        """Tell the watchers why they hear no more."""
        self.error = error
        self.end()
        for watcher in self.watchers:
            watcher.set()

    async def _hear(self) -> None:
        async with self._cache.subscribe(job_channel(self.tenant_id, self.job_id)) as news:
            self.look()  # at what happened before we listened
            while True:
                if await news.wait(_PATIENCE_SECONDS):
                    self.look()

    async def _follow(self) -> None:
        try:
            while not self.final:
                self._due.clear()
                if await self._catch_up():
                    await self._tell()
                if not self.final:
                    await self._due.wait()
            self.end()
        except Exception as error:
            self.fail(error)

    async def _catch_up(self) -> bool:
        """Read what is new; answers whether anything is."""
        self.looked = time.monotonic()
        sure, self._sure, polled, self._polled = self._sure, False, self._polled, False
        joins, news = not self._events, False
        async with self._turns:
            status = await self._statuses.cached(self.tenant_id, self.job_id)
        if sure or status is None or status.version > self.last:
            more = True
            while more:
                events = await self._read((self.tenant_id, self.job_id, self.last))
                for event in events:
                    self._add(event)
                more = len(events) == PAGE
                news |= bool(events)
            if news and not joins:
                HEARD["poll" if polled else "wakeup"].inc()
            if not self._events:
                raise NotFound(f"there is no job {self.job_id}")
            if news and (status is None or status.version < self.last):
                await self._refresh((self.tenant_id, self.job_id))
        async with self._turns:
            progress = (await self._cache.get_progress(self.tenant_id, self.job_id) or b"") if self.processing else b""
        if progress != self._progress:
            self._progress, news = progress, True
            self.progress = self._of_progress() if progress else None
        return news

    def _add(self, event: JobEvent) -> None:
        if self.progress and self.progress.HasField("queue"):
            self.progress = None
        if self._events and event.attempt != self._events[-1].attempt:
            self._progress = b""
        # Who reads the percentage of an event without one reads 0.
        if event.state == Job.COMPLETED:
            event.progress.percent = 100.0
        elif event.state == Job.PROCESSING and self._progress:
            event.progress.MergeFromString(self._progress)
        self._events.append(event)

    def _of_progress(self) -> JobEvent:
        event = self._now()
        event.progress.MergeFromString(self._progress)
        return event

    def _now(self) -> JobEvent:
        """What is known to go on, without a place in the history."""
        last = self._events[-1]
        event = JobEvent(job_id=last.job_id, state=last.state, phase=last.phase, attempt=last.attempt)
        event.time.GetCurrentTime()
        return event

    async def _tell(self) -> None:
        """Wake the watchers, with at most half of the loop's time: other calls don't wait for thousands of them."""
        waiting = tuple(self.watchers)
        for first in range(0, len(waiting), _SLICE):
            began = time.monotonic()
            for watcher in waiting[first : first + _SLICE]:
                watcher.set()
            await asyncio.sleep(0)  # in which they run
            if first + _SLICE < len(waiting):
                await asyncio.sleep(time.monotonic() - began)
