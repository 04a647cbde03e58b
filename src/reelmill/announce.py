"""The one place that tells of jobs that changed: the counters of ends, and the cache with who watches there."""

from collections.abc import Sequence

from reelmill.cache.port import Cache, status_of
from reelmill.store.records import StoredJob
from reelmill.telemetry.metrics import count_ends


class Announcer:
    """Tells of each change once, right after the transaction that made it."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def changed(self, stored: Sequence[StoredJob]) -> None:
        """Jobs as a transaction left them, or found them. A cache that is away raises nothing."""
        if stored:
            count_ends(s.job for s in stored if not s.already)
            await self._cache.put([status_of(s.tenant_id, s.job) for s in stored])
