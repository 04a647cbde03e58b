"""What the api knows of how things go: what waits, how fast it is begun, what kinds of work take.

Read from the database at most every two seconds, whoever asks however often; and where it is away, nobody waits for it.
"""

import asyncio
import math
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from reelmill.jobs.errors import Unavailable
from reelmill.jobs.measures import Measure, Rates
from reelmill.jobs.places import DEFAULT_POOL, place
from reelmill.jobs.progress import tell_range
from reelmill.jobs.queueing import Pace, start
from reelmill.media.estimating import TASK
from reelmill.store.measures import MeasureStore
from reelmill.store.tasks import BEFORE_COUNTED
from reelmill.store.waiting import Line, WaitingStore
from reelmill.telemetry.logs import get_logger
from reelmill.v1.jobs_pb2 import Job, Queue

log = get_logger(__name__)
_LINES_SECONDS, _RATES_SECONDS = 2.0, 10.0
_OLD_SECONDS = 30.0  # what was read before is told no more
_PATIENCE_SECONDS = 0.5  # of who asks, where nothing is known yet
_MOST_HOMES = 64  # places that are looked at though nothing waits there
_TASK_SECONDS = 10.0  # where none was measured
Value = TypeVar("Value")


class Outlook:
    """Tells queue positions and rates."""

    def __init__(self, waiting: WaitingStore, measures: MeasureStore, *, silent_seconds: float) -> None:
        """`silent_seconds`: a worker that is not heard of for longer is none."""
        self._waiting = waiting
        self._silent_after = timedelta(seconds=silent_seconds)
        self._lines = _Known[Mapping[str, Line]](self._read_lines, _LINES_SECONDS, {})
        self._rates = _Known[Rates](measures.rates, _RATES_SECONDS, Rates())
        self._paces: dict[str, Pace] = {}
        self._read_at = 0.0
        self._homes = deque([DEFAULT_POOL], maxlen=_MOST_HOMES)
        self._told: dict[tuple[str, int], bytes] = {}
        """Places and how many stand before, as they are told until the lines are read again."""

    async def rates(self) -> Rates:
        """What is known of kinds of work."""
        return await self._rates.get()

    async def slots(self, job: Job) -> int:
        """Of all living workers that can run a job."""
        lines = await self._lines.get()
        return lines.get(self._home(job), Line()).slots

    async def queue(self, job: Job) -> Queue | None:
        """What a QUEUED job waits behind; what one would, that is submitted now. None where that is not known now."""
        lines, rates = await self._lines.get(), await self._rates.get()
        if not lines:
            return None
        at = _place(lines, job, self._home(job))
        if at not in self._told:
            self._told[at] = self._tell(at, lines, rates).SerializeToString()
        told = Queue.FromString(self._told[at])
        if job.HasField("next_attempt_time"):
            for name in ("start", "start_earliest", "start_latest"):
                told.ClearField(name)
        return told

    def _home(self, job: Job) -> str:
        """The place of a job, which is looked at from the next reading on, also where nothing waits."""
        home = place(job.pool or DEFAULT_POOL, job.requires)
        if home not in self._homes:
            self._homes.append(home)
        return home

    def _tell(self, at: tuple[str, int], lines: Mapping[str, Line], rates: Rates) -> Queue:
        name, before = at
        line, told = lines.get(name, Line()), Queue(tasks_before=before)
        begun = start(
            before,
            slots=line.slots,
            free=line.free_slots,
            task_seconds=rates.mean(TASK, Measure.WALL) or _TASK_SECONDS,
            pace=self._paces.get(name, Pace()),
        )
        if begun:
            tell_range(told, "start", begun)
        return told

    async def _read_lines(self) -> Mapping[str, Line]:
        before, since = self._lines.value, time.monotonic() - self._read_at
        lines = await self._waiting.lines(*self._homes, silent_after=self._silent_after)
        self._read_at = time.monotonic()
        self._paces = {
            name: self._paces.get(name, Pace()).on(len(before[name].tasks - line.tasks), since)
            for name, line in lines.items()
            if name in before
        }
        self._told.clear()
        return lines


def _place(lines: Mapping[str, Line], job: Job, home: str) -> tuple[str, int]:
    """Where a job waits, and how many tasks before it."""
    if job.id:
        job_id = UUID(job.id)
        for name, line in lines.items():
            if (at := line.jobs.get(job_id)) is not None:
                return name, at
    # It is newer than what we know, or stands further back: all of its priority and above go first.
    line = lines.get(home, Line())
    if len(line.priorities) >= BEFORE_COUNTED and job.id:
        return home, BEFORE_COUNTED
    return home, bisect_right(line.priorities, -job.priority, key=lambda priority: -priority)


class _Known(Generic[Value]):
    """Something that is read again where it is asked for and old."""

    def __init__(self, read: Callable[[], Awaitable[Value]], life_seconds: float, nothing: Value) -> None:
        self._read = read
        self._life_seconds = life_seconds
        self._nothing = nothing
        self._due = 0.0
        self._read_at = -math.inf
        self._patient_until = 0.0
        self._reading: asyncio.Task[None] | None = None
        self.value = nothing

    async def get(self) -> Value:
        """What was read last. Only where nothing was, this waits a little."""
        now = time.monotonic()
        if now >= self._due and self._reading is None:
            self._reading = asyncio.create_task(self._refresh())
            self._patient_until = now + _PATIENCE_SECONDS
        if now - self._read_at > _OLD_SECONDS:
            self.value = self._nothing
            if self._reading and now < self._patient_until:  # nobody more waits where the database hangs
                await asyncio.wait([self._reading], timeout=self._patient_until - now)
        return self.value

    async def _refresh(self) -> None:
        try:
            self.value = await self._read()
            self._read_at = time.monotonic()
        except Unavailable:
            return  # what is known goes on to be told, for a while
        except Exception:
            log.exception("can't read how things go")
        finally:
            self._due = time.monotonic() + self._life_seconds
            self._reading = None
