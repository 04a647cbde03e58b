"""Tasks that no living worker can take: they are told of, and what can be done for them is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from reelmill.jobs.places import ENGINE
from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("unserved")
_MOST_LOOKED_AT, _MOST_PLACES = 1000, 100
"""Clients name places: no more are compared with workers, and told of, at once."""
_MOST_TASKS = 1000
"""Of a place that are told of, and jobs of it that are freed at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unserved:
    """READY tasks of a kind and place that no living worker takes."""

    kind: str
    place: str
    tasks: int
    served_otherwise: bool
    """Whether a worker would take them, had it another build of ffmpeg."""


class UnservedStore:
    """Tasks of all tenants. A worker that told nothing for longer than `silent_after` is none."""

    def __init__(self, database: Database, *, silent_after: timedelta) -> None:
        self._database = database
        self._silent_after = silent_after

    async def find(self) -> tuple[list[Unserved], int]:
        """Kinds and places, those with the longest waiting task first, at most 100; and how many tasks wait in all.

        Of clients that name thousands of places the 1,000 are looked at in which a task has waited longest.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["find_unserved"], self._silent_after, _MOST_PLACES, ENGINE, _MOST_LOOKED_AT
            )
        found = [
            Unserved(**{name: row[name] for name in ("kind", "place", "tasks", "served_otherwise")}) for row in rows
        ]
        return found, rows[0]["all_tasks"] if rows else 0

    async def warn(self, unserved: Sequence[Unserved], *, after: timedelta) -> None:
        """Tell it in the logs of jobs that wait for longer than `after`, once in each."""
        if unserved:
            kinds, places = [u.kind for u in unserved], [u.place for u in unserved]
            messages = [_told(u) for u in unserved]
            async with self._database.connection() as connection:
                await connection.execute(_SQL["warn_unserved"], kinds, places, messages, after, _MOST_TASKS)

    async def unpin(self, unserved: Sequence[Unserved], *, after: timedelta) -> list[UUID]:
        """Let another build of ffmpeg make what has waited for its own for longer than `after`; answers the jobs.

        Only where another is there: else the build may come back with the workers that were all away.
        """
        pinned = [u for u in unserved if u.served_otherwise]
        if not pinned:
            return []
        kinds, places = [u.kind for u in pinned], [u.place for u in pinned]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["unpin"], kinds, places, after, ENGINE, _MOST_TASKS)
        return [row["job_id"] for row in rows]


def _told(unserved: Unserved) -> str:
    pool, *labels = unserved.place.split(" ")
    needs = f" with {', '.join(labels)}" if labels else ""
    return f"waits: no living worker of the pool {pool}{needs} can run {unserved.kind}"
