"""The audit log's writer: what was done is written in batches, a moment later."""

import asyncio
from collections import deque
from itertools import islice

from reelmill.jobs.errors import Unavailable
from reelmill.store.access import AuditStore, Done
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
MOST_WAITING = 20_000
"""Rows that wait for a database that is away; what comes after is only in the log."""
_GATHER_SECONDS = 0.1  # one statement for all calls of that time; as much is lost with a process that is killed
_AGAIN_SECONDS = 1.0
_BATCH = 500


class Auditor:
    """Writes what was done."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store
        self._waiting: deque[Done] = deque()
        self._due = asyncio.Event()

    async def record(self, done: Done) -> None:
        """Written once this returns. Raises Unavailable."""
        await self._store.add([done])

    def note(self, done: Done) -> None:
        """To be written soon."""
        if len(self._waiting) >= MOST_WAITING:
            log.warning(
                "no room in the audit log's queue", method=done.method, target=done.target, outcome=done.outcome
            )
            return
        self._waiting.append(done)
        self._due.set()

    async def run(self) -> None:
        """Write what is noted, for ever."""
        while True:
            await self._due.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.flush()
            except Unavailable as error:
                log.warning("the audit log waits", reason=str(error), events=len(self._waiting))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def flush(self) -> None:
        """Write all that waits. Raises Unavailable."""
        while self._waiting:
            some = list(islice(self._waiting, _BATCH))
            await self._store.add(some)
            for _ in some:
                self._waiting.popleft()
        self._due.clear()
