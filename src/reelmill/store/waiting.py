"""Which tasks wait for a worker, and the slots that there are for them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from reelmill.store.database import Database
from reelmill.store.leases import KINDS
from reelmill.store.sql import queries
from reelmill.store.tasks import BEFORE_COUNTED

_SQL = queries("tasks")
_MOST_PLACES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The tasks that are READY in one place, as far as they are counted, in the order in which they are taken."""

    jobs: Mapping[UUID, int] = field(default_factory=dict)
    """Each job's first place in it, from 0."""
    tasks: frozenset[UUID] = frozenset()
    priorities: tuple[int, ...] = ()
    """Each task's, which never rise."""
    slots: int = 0
    """Of living workers that can run them."""
    free_slots: int = 0


class WaitingStore:
    """READY tasks of all tenants; what is told of them is how many."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(self, *places: str, silent_after: timedelta) -> dict[str, Line]:
        """The lines of all places where tasks wait, 64 at most, and of `places`. Raises Unavailable.

        A worker that told nothing for longer than `silent_after` is none.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["ready_tasks"], BEFORE_COUNTED, _MOST_PLACES)
            found = defaultdict(list)
            for row in rows:
                found[row["place"]].append(row)
            named = sorted({*places, *found})
            kinds = [KINDS[0]] * len(named)
            able = await connection.fetch(_SQL["able_workers"], kinds, named, silent_after)
        slots = {row["place"]: (row["slots"], row["free_slots"]) for row in able}
        lines = {}
        for name in named:
            taken, jobs = found[name][:BEFORE_COUNTED], dict[UUID, int]()
            for i, row in enumerate(taken):
                jobs.setdefault(row["job_id"], i)
            of_all, free = slots.get(name, (0, 0))
            lines[name] = Line(
                jobs=jobs,
                tasks=frozenset(row["id"] for row in taken),
                priorities=tuple(row["priority"] for row in taken),
                slots=of_all,
                free_slots=free,
            )
        return lines
