"""Which jobs have left the state QUEUED, or come back to it, since a time: what a cache may have missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("changes")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A moment of a database: what its transactions had not shown by then comes after it."""

    server: int
    """Which start of PostgreSQL: after a failover numbers and times are another server's."""
    xid: int
    time: datetime

    def __str__(self) -> str:
        return f"{self.server}/{self.xid}/{microseconds(self.time)}"

    @staticmethod
    def parse(text: str) -> "Mark":
        """What `str` made of a mark. Raises ValueError for anything else."""
        server, xid, time = map(int, text.split("/"))
        return Mark(server=server, xid=xid, time=_EPOCH + time * _MICROSECOND)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What came after a mark."""

    mark: Mark
    """Of this reading, for the next."""
    read_us: int
    """When it was read, or later, by the database's clock: microseconds since 1970."""
    jobs: Sequence[tuple[UUID, UUID, int]]
    """Tenant, job and version as it is now."""
    complete: bool
    """Whether these are all."""


class ChangeStore:
    """Changes of all tenants' jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, mark: Mark | None, *, limit: int) -> Changes:
        """Up to `limit` jobs that changed after a mark; none without one, or for another server's.

        Raises Unavailable.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["mark"])
            # Taken before what it marks the end of.
            new = Mark(server=microseconds(row["start_time"]), xid=int(row["xid"]), time=row["time"])
            known = mark is not None and mark.server == new.server
            after = mark if mark is not None and known else new
            rows = await connection.fetch(_SQL["changed_jobs"], after.time, str(after.xid), limit + 1 if known else 0)
        jobs = [(row["tenant_id"], row["id"], row["version"]) for row in rows if row["id"]]
        read_us = microseconds(rows[0]["read_time"])
        return Changes(mark=new, read_us=read_us, jobs=jobs[:limit], complete=len(jobs) <= limit)


def microseconds(time: datetime) -> int:
    """Since 1970, exactly."""
    return (time - _EPOCH) // _MICROSECOND
