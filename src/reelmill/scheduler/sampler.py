"""Samples what no process sees by itself: counts of the database, the queue's lag, who answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from prometheus_client import Gauge

from reelmill.jobs.errors import Unavailable
from reelmill.jobs.operations import OPERATIONS, OTHER
from reelmill.jobs.states import JobState, TaskState
from reelmill.queue.port import Queue, QueueUnavailable, Topic, priority_class
from reelmill.store.statistics import Statistics, StatisticsStore
from reelmill.telemetry import metrics
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_MOST_OF_TIME = 0.02
_CHECK_SECONDS = 5.0
Key = TypeVar("Key")


class Sampler:
    """Sets gauges until cancelled. Each scheduler has one: they show the same numbers."""

    def __init__(
        self,
        statistics: StatisticsStore,
        queue: Queue,
        checks: Mapping[str, Callable[[], Awaitable[None]]],
        *,
        interval_seconds: float,
    ) -> None:
        """`checks` raise where a dependency (of metrics.DEPENDENCIES) is away."""
        self._statistics = statistics
        self._queue = queue
        self._checks = checks
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Sample until cancelled. To count a vast backlog takes long: then more seldom."""
        while True:
            took_seconds = await self.sample()
            await asyncio.sleep(max(self._interval_seconds, took_seconds / _MOST_OF_TIME))

    async def sample(self) -> float:
        """Set all gauges once; answers how long counting took. What can't be asked now has no number."""
        took_seconds, *_ = await asyncio.gather(self._count(), self._measure_lag(), *map(self._check, self._checks))
        return took_seconds or 0.0

    async def _count(self) -> float:
        began = time.monotonic()
        try:
            found = await self._statistics.read()
        except Exception as error:
            _tell("jobs", error)
            metrics.forget_counts()
            return 0.0
        show(found, relayed=not self._queue.outbox_is_queue)
        return time.monotonic() - began

    async def _measure_lag(self) -> None:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                lag = await self._queue.lag()
        except Exception as error:
            _tell("lag", error)
            metrics.forget_lag()
            return
        for topic, messages in lag.items():
            metrics.LAG[priority_class(topic)].set(messages)

    async def _check(self, name: str) -> None:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._checks[name]()
        except Exception as error:
            log.warning("a dependency is away", dependency=name, reason=str(error) or type(error).__name__)
            metrics.UP[name].set(0)
        else:
            metrics.UP[name].set(1)


def show(found: Statistics, *, relayed: bool) -> None:
    """Set the gauges to what was found. Where the outbox is itself the queue, it has no backlog of its own."""
    jobs, tasks = dict.fromkeys(metrics.JOBS, 0), dict.fromkeys(metrics.TASKS, 0)
    oldest = dict.fromkeys(metrics.OLDEST_READY, 0.0)
    for kind in found.open_tasks:
        priority = priority_class(Topic(kind.topic))
        # A job has one task.
        state = JobState.PROCESSING if kind.state is TaskState.RUNNING else JobState.QUEUED
        # One that this version does not know was written by the next.
        jobs[state, kind.operation if kind.operation in OPERATIONS else OTHER] += kind.tasks
        tasks[kind.state, priority] += kind.tasks
        oldest[priority] = max(oldest[priority], kind.oldest_seconds)
    _set(metrics.JOBS, jobs)
    _set(metrics.TASKS, tasks)
    _set(metrics.OLDEST_READY, oldest)
    metrics.show_pools((p.pool, p.ready, p.running, p.oldest_seconds) for p in found.pools)
    metrics.EXPIRED_LEASES.set(found.expired_leases)
    metrics.OUTBOX.set(found.outbox_messages if relayed else 0)
    metrics.OUTBOX_OLDEST.set(found.outbox_oldest_seconds if relayed else 0)
    metrics.SAMPLED.set_to_current_time()


def _set(gauges: Mapping[Key, Gauge], values: Mapping[Key, float]) -> None:
    for key, value in values.items():
        gauges[key].set(value)


def _tell(what: str, error: Exception) -> None:
    if isinstance(error, (Unavailable, QueueUnavailable, TimeoutError)):
        log.warning("can't measure now", what=what, reason=str(error) or type(error).__name__)
    else:
        log.exception("can't measure; it goes on", what=what)
