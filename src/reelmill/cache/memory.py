"""The cache inside one process, for embedded mode. Subscribers of other processes hear nothing."""

import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from uuid import UUID

from reelmill.cache.port import Status, Subscription, Watermark, job_channel
from reelmill.cache.subscriptions import Channels
from reelmill.jobs.progress import Part, combined
from reelmill.telemetry.metrics import CACHE_HITS, CACHE_MISSES
from reelmill.v1.jobs_pb2 import Progress

_PROGRESS_SECONDS = 15.0
_MAX_ITEMS = 100_000
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Expiring(Generic[Key, Value]):
    """A dict whose items live for a while; beyond `max_items` the oldest give way."""

    def __init__(self, *, max_items: int = _MAX_ITEMS, clock: Callable[[], float] = time.monotonic) -> None:
        self._items: dict[Key, tuple[float, Value]] = {}
        self._deadlines: list[tuple[float, int, Key]] = []
        self._order = itertools.count()  # keys themselves need not compare
        self._max_items = max_items
        self._clock = clock

    def get(self, key: Key) -> Value | None:
        """The value, or None where there is none or its time is over."""
        deadline, value = self._items.get(key, (0.0, None))
        return value if self._clock() < deadline else None

    def set(self, key: Key, value: Value, ttl_seconds: float) -> None:
        """Keep a value for `ttl_seconds`."""
        now = self._clock()
        self._items.pop(key, None)
        self._items[key] = (now + ttl_seconds, value)
        heapq.heappush(self._deadlines, (now + ttl_seconds, next(self._order), key))
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, due = heapq.heappop(self._deadlines)
            # A value that was replaced since has its own, later entry.
            if due in self._items and self._items[due][0] <= now:
                del self._items[due]
        if len(self._items) > self._max_items:
            del self._items[next(iter(self._items))]


class MemoryCache:
    """Implements reelmill.cache.port.Cache."""

    def __init__(self, *, status_ttl_seconds: float, final_ttl_seconds: float) -> None:
        self._status_ttl_seconds = status_ttl_seconds
        self._final_ttl_seconds = final_ttl_seconds
        self._statuses: _Expiring[tuple[UUID, UUID], Status] = _Expiring()
        self._progress: _Expiring[tuple[UUID, UUID], dict[UUID | None, tuple[int, Part | None, bytes]]] = _Expiring()
        self._channels = Channels()

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from."""

    async def put(self, statuses: Sequence[Status]) -> None:
        """Keep each status unless one of the same or a later version is there; notify its channel."""
        for status in statuses:
            key = (status.tenant_id, status.job_id)
            kept = self._statuses.get(key)
            if kept is None or kept.version < status.version:
                ttl_seconds = self._final_ttl_seconds if status.final else self._status_ttl_seconds
                self._statuses.set(key, status, ttl_seconds)
                self._channels.wake(job_channel(status.tenant_id, status.job_id))

    async def get(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        """The status, or None."""
        status = self._statuses.get((tenant_id, job_id))
        (CACHE_MISSES if status is None else CACHE_HITS).inc()
        return status

    async def put_progress(
        self, tenant_id: UUID, job_id: UUID, fence: int, progress: bytes, part: Part | None = None
    ) -> None:
        """Keep an attempt's progress for 15 s unless a later attempt's is there; notify its channel."""
        kept = self._progress.get((tenant_id, job_id)) or {}
        task_id = part.task_id if part else None
        if task_id not in kept or kept[task_id][0] <= fence:
            self._progress.set((tenant_id, job_id), kept | {task_id: (fence, part, progress)}, _PROGRESS_SECONDS)
            self._channels.wake(job_channel(tenant_id, job_id))

    async def get_progress(self, tenant_id: UUID, job_id: UUID) -> bytes | None:
        """The newest progress of the job, or None."""
        kept = self._progress.get((tenant_id, job_id)) or {}
        parts = [(part, Progress.FromString(progress)) for _, part, progress in kept.values() if part]
        if parts:
            return combined(parts).SerializeToString()
        return kept[None][2] if kept else None

    async def watermark(self) -> Watermark | None:
        """None: what is unfinished never lives long here."""
        return None

    async def advance(self, before: Watermark, now: Watermark, changed: Sequence[tuple[UUID, UUID, int]]) -> bool:
        """There is no watermark here."""
        return False

    async def get_task_progress(self, tenant_id: UUID, job_id: UUID) -> dict[UUID | None, bytes]:
        """The newest progress of each of the job's tasks; under None that of the only one."""
        kept = self._progress.get((tenant_id, job_id)) or {}
        return {task_id: progress for task_id, (_, _, progress) in kept.items()}

    async def notify(self, channel: str) -> None:
        """Wake the subscribers of a channel in this process."""
        self._channels.wake(channel)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscription]:
        """Listen to a channel while the context is open."""
        subscriber = self._channels.add(channel)
        try:
            yield subscriber
        finally:
            self._channels.remove(channel, subscriber)

    async def check(self) -> None:
        """This process always answers."""
