"""Who works: workers tell it with their heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reelmill.jobs.places import ENGINE
from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("workers")
_MOST_BUILDS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class LivingWorker:
    """What a worker tells of itself."""

    owner: str
    """Names its leases."""
    version: str
    kinds: tuple[str, ...]
    """Of tasks that it can run."""
    pool: str
    labels: tuple[str, ...]
    slots: int
    """0 while it drains: it takes no more tasks."""
    running: int
    """Tasks that it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenWorker:
    """A worker as it was last heard of."""

    worker: LivingWorker
    start_time: datetime
    seen_time: datetime
    silent_seconds: float
    """Since `seen_time`, by the database's clock."""


class WorkerStore:
    """Workers of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, worker: LivingWorker) -> None:
        """The worker lives. Raises Unavailable."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["announce_worker"],
                worker.owner,
                worker.version,
                worker.kinds,
                worker.pool,
                worker.labels,
                worker.slots,
                worker.running,
            )

    async def forget(self, owner: str) -> None:
        """The worker has ended. Raises Unavailable."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["forget_worker"], owner)

    async def slots(self, kinds: Sequence[str], place: str, *, silent_after: timedelta) -> int:
        """How many slots there are of workers that run tasks of all these kinds in a place, and told so lately."""
        async with self._database.connection() as connection:
            slots: int = await connection.fetchval(_SQL["count_slots"], kinds, place, silent_after)
        return slots

    async def builds(self, place: str, *, silent_after: timedelta) -> list[tuple[str, str]]:
        """The releases and builds of ffmpeg of workers that take tasks of a place, and told so lately: a few of them.

        A build is told as the label that names it. Raises Unavailable.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_builds"], place, silent_after, f"{ENGINE}%", _MOST_BUILDS)
        return [(row["version"], row["label"]) for row in rows]

    async def page(self, *, after: str, limit: int) -> list[SeenWorker]:
        """Workers in the order of their names, after one."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_workers"], after, limit)
        return [
            SeenWorker(
                worker=LivingWorker(
                    owner=row["owner"],
                    version=row["version"],
                    kinds=tuple(row["kinds"]),
                    pool=row["pool"],
                    labels=tuple(row["labels"]),
                    slots=row["slots"],
                    running=row["running"],
                ),
                start_time=row["start_time"],
                seen_time=row["seen_time"],
                silent_seconds=row["silent_seconds"],
            )
            for row in rows
        ]
