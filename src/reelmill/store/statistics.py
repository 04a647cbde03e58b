"""Numbers about the whole system, for metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reelmill.jobs.places import DEFAULT_POOL
from reelmill.jobs.states import TaskState
from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("statistics")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTasks:
    """How many tasks of a kind have not ended."""

    state: TaskState
    operation: str
    topic: str
    """The topic of their class of priority."""
    tasks: int
    oldest_seconds: float
    """How long the oldest has been READY; 0 for other states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolTasks:
    """How many tasks of a pool wait for a worker or run."""

    pool: str
    """`other`: all pools that no living worker is of, and that nobody named to us."""
    ready: int
    running: int
    oldest_seconds: float
    """How long the oldest has been READY; 0 where none is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """The whole system at one time."""

    open_tasks: Sequence[OpenTasks]
    pools: Sequence[PoolTasks]
    expired_leases: int
    outbox_messages: int
    outbox_oldest_seconds: float


class StatisticsStore:
    """Counts, over all tenants."""

    def __init__(
        self, database: Database, *, silent_after: timedelta = timedelta(seconds=10), pools: Sequence[str] = ()
    ) -> None:
        """A worker that told nothing for longer than `silent_after` is none; `pools` are told in any case."""
        self._database = database
        self._silent_after = silent_after
        self._pools = sorted({DEFAULT_POOL, *pools})

    async def read(self) -> Statistics:
        """Count. Raises Unavailable."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["count_open_tasks"])
            pools = await connection.fetch(_SQL["count_by_pool"], self._silent_after, self._pools)
            expired = await connection.fetchval(_SQL["count_expired_leases"])
            outbox = await connection.fetchrow(_SQL["measure_outbox"])
        return Statistics(
            open_tasks=[
                OpenTasks(
                    state=TaskState(row["state"]),
                    operation=row["operation"],
                    topic=row["topic"],
                    tasks=row["tasks"],
                    oldest_seconds=row["oldest_seconds"],
                )
                for row in rows
            ],
            pools=[PoolTasks(**row) for row in pools],
            expired_leases=expired,
            outbox_messages=outbox["messages"],
            outbox_oldest_seconds=outbox["oldest_seconds"],
        )
