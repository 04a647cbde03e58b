"""Statuses that did not reach the cache, and are put again: who watches their jobs would else hear by a poll.

A server that was away for a moment loses none of them; nor does a loop of ours that stood still for longer than the
server is waited for, so that its answer was there and came too late.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from reelmill.cache.port import Status
from reelmill.supervise import end

_FOR_SECONDS = 5.0  # later than that, watchers have polled and statuses have been read anew
_FIRST_RETRY_SECONDS = 0.05  # after one at once
_MAX_RETRY_SECONDS = 0.5
_MAX_STATUSES = 10_000
_AT_ONCE = 500


class Missed:
    """Puts again what was missed, until it succeeds, for 5 s. A newer status of a job takes an older one's place."""

    def __init__(self, put: Callable[[Sequence[Status]], Awaitable[bool]]) -> None:
        """`put` answers whether it did."""
        self._put = put
        self._waiting: dict[tuple[UUID, UUID], tuple[float, Status]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, statuses: Sequence[Status]) -> None:
        """These were missed. The oldest give way where there are too many."""
        for status in statuses:
            key = (status.tenant_id, status.job_id)
            _, kept = self._waiting.pop(key, (0.0, status))
            newest = max(kept, status, key=lambda one: one.version)
            self._waiting[key] = (time.monotonic() + _FOR_SECONDS, newest)
        while len(self._waiting) > _MAX_STATUSES:
            del self._waiting[next(iter(self._waiting))]
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="missed statuses")

    async def stop(self) -> None:
        """Give up what waits."""
        task, self._task = self._task, None
        self._waiting.clear()
        await end(task)

    async def _run(self) -> None:
        retry_seconds = 0.0
        while self._waiting:
            await asyncio.sleep(retry_seconds)
            for key in [key for key, (until, _) in self._waiting.items() if until < time.monotonic()]:
                del self._waiting[key]
            batch = [status for _, status in list(self._waiting.values())[:_AT_ONCE]]
            if batch and await self._put(batch):
                retry_seconds = 0.0
                for status in batch:
                    key = (status.tenant_id, status.job_id)
                    if key in self._waiting and self._waiting[key][1] is status:
                        del self._waiting[key]
            else:
                retry_seconds = min(max(_FIRST_RETRY_SECONDS, 2 * retry_seconds), _MAX_RETRY_SECONDS)
