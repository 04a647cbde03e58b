"""Looks after statuses that live long in the cache: what a change went by without telling is removed."""

import asyncio
import time

from reelmill.cache.port import Cache, Watermark
from reelmill.jobs.errors import Unavailable
from reelmill.store.changes import Changes, ChangeStore, Mark
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_MOST_CHANGES = 5000
"""In one comparison, which holds up Redis for some milliseconds. Where more is going on, nothing lives long."""
_MOST_OF_TIME = 0.05
_FRESH = 0.5  # of the interval: so young a watermark is another scheduler's


class StatusSweep:
    """Compares the cache with the database until cancelled. Of several schedulers one at a time does it."""

    def __init__(self, changes: ChangeStore, cache: Cache, *, interval_seconds: float) -> None:
        """`interval_seconds`: well below half of `status_ttl_seconds`, the life of a watermark."""
        self._changes = changes
        self._cache = cache
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Compare until cancelled. A database that is slow is asked more seldom: then nothing lives long."""
        while True:
            began = time.monotonic()
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("can't look after statuses now", reason=str(error))
            took_seconds = time.monotonic() - began
            await asyncio.sleep(max(self._interval_seconds, took_seconds / _MOST_OF_TIME))

    async def sweep(self) -> bool:
        """Compare once; answers whether there is a new watermark. Raises Unavailable."""
        before = await self._cache.watermark()
        if before is None or (before.state and before.age_seconds < _FRESH * self._interval_seconds):
            return False
        seen = _parse(before.state) if before.state else None
        changes = await self._changes.since(seen[0] if seen else None, limit=_MOST_CHANGES)
        if not changes.complete:
            log.info("too many jobs change for statuses to live long", most=_MOST_CHANGES)
            return False
        return await self._cache.advance(before, _next(before, seen, changes), changes.jobs)


_Seen = tuple[Mark, Mark, int]
"""The marks of the last two readings, and when the last one was."""


def _next(before: Watermark, seen: _Seen | None, changes: Changes) -> Watermark:
    """What is accepted was known at the reading before this one: what was read then may take until now to come."""
    mark, read_us = changes.mark, changes.read_us
    if seen is None or seen[1].server != mark.server:
        return Watermark(since_us=read_us, accepts_us=read_us, state=f"{mark} {mark} {read_us}")
    return Watermark(since_us=before.since_us, accepts_us=seen[2], state=f"{seen[1]} {mark} {read_us}")


def _parse(state: str) -> _Seen:
    older, newer, read_us = state.split(" ")
    return Mark.parse(older), Mark.parse(newer), int(read_us)
