"""Numbers about the whole system, for metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

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
class Statistics:
    """The whole system at one time."""

    open_tasks: Sequence[OpenTasks]
    expired_leases: int
    outbox_messages: int
    outbox_oldest_seconds: float


class StatisticsStore:
    """Counts, over all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Statistics:
        """Count. Raises Unavailable."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["count_open_tasks"])
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
            expired_leases=expired,
            outbox_messages=outbox["messages"],
            outbox_oldest_seconds=outbox["oldest_seconds"],
        )
