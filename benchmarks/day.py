"""Whether claims stay quick and tables small while as many jobs end, and are deleted, as in a day: a million.

Each round submits, ends and deletes so many; as many as a round has stay, as old jobs. Before a round is let go, while
its jobs all wait, some are claimed by the store itself and handed back.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.report import Report
from benchmarks.retention import KeepingPeer
from benchmarks.rounds import percentile
from benchmarks.servers import Servers
from reelmill.store.database import Database
from reelmill.store.leases import BEGINNING, LeaseStore

_ENDS, _A_ROUND = 1_000_000, 50_000
_CLAIMS, _AT_ONCE = 40, 16
_LEASE_SECONDS = 60.0
_TABLES = """
SELECT c.relname, pg_table_size(c.oid) AS table_bytes, pg_indexes_size(c.oid) AS index_bytes,
    s.n_dead_tup AS dead, s.autovacuum_count AS vacuums
FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.oid = ANY ('{jobs,tasks,job_events,outbox}'::regclass[]) ORDER BY c.relname
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Of one round."""

    rate: float
    """Ends a second, beside the deletions."""
    claims: tuple[float, ...]
    """Milliseconds of each, where a round's jobs wait."""
    tables: Mapping[str, tuple[int, int, int, int]]
    """Bytes of a table and of its indexes, dead rows, and how often autovacuum came."""


class DayPeer(KeepingPeer):
    """Looks at claims once its jobs wait."""

    def __init__(self, servers: Servers, *, deep: int) -> None:
        """`deep`: of a round, whose jobs all wait as they are claimed."""
        super().__init__(servers, full=False)
        self._deep = deep
        self.claims: list[float] = []

    def load(self, count: int) -> None:
        """Submit, and look."""
        super().load(count)
        if count >= self._deep:
            self.claims = asyncio.run(self._claims())

    async def _claims(self) -> list[float]:
        database = Database(self.database_url, pool_size=1, publish_events=False, application="benchmark")
        await database.start()
        try:
            leases, found = LeaseStore(database, lease_seconds=_LEASE_SECONDS), []
            for _ in range(_CLAIMS):
                since = await leases.ready_since(BEGINNING)
                began = time.monotonic()
                claimed = await leases.claim("benchmark", limit=_AT_ONCE, since=since)
                found.append(1000 * (time.monotonic() - began))
                for task in claimed:
                    await leases.release(task.lease)
            return found
        finally:
            await database.stop()

    def tables(self) -> dict[str, tuple[int, int, int, int]]:
        """See Seen."""
        return {row["relname"]: tuple(row)[1:] for row in self._runner.run(self._connection.fetch(_TABLES))}


def run(servers: Servers, report: Report) -> None:
    """PostgreSQL alone; `--rounds` is not asked: a day has as many as it needs."""
    a_round, ends = (500, 1500) if report.quick else (_A_ROUND, _ENDS)
    seen: list[Seen] = []
    began = time.monotonic()
    with DayPeer(servers, deep=a_round) as peer, ThreadPoolExecutor(1) as beside:
        peer.rate(a_round)  # what stays
        while len(seen) * a_round < ends:
            going = beside.submit(peer.retire, a_round)
            rate = peer.rate(a_round)
            going.result()
            seen.append(Seen(rate=rate, claims=tuple(peer.claims), tables=peer.tables()))
            report.round(f"{len(seen) * a_round} ends", rate)
    report.head(f"{len(seen) * a_round} ends, {a_round} at a time, in {time.monotonic() - began:.0f} s")
    for number in sorted({0, len(seen) // 2, len(seen) - 1}):
        _tell(report, (number + 1) * a_round, seen[number])
    third = max(1, len(seen) // 3)
    first, last = (statistics.median(v for s in some for v in s.claims) for some in (seen[:third], seen[-third:]))
    report.line("claims of the last third / the first", f"{last / first:8.2f} ×")


def _tell(report: Report, ends: int, found: Seen) -> None:
    median, slow = statistics.median(found.claims), percentile(found.claims, 95)
    rate = f"{found.rate:6.0f} a second"
    report.line(f"after {ends} ends", rate, f"a claim of {_AT_ONCE} takes {median:.2f} ms, p95 {slow:.2f} ms")
    for table, (rows, indexes, dead, vacuums) in found.tables.items():
        sizes = f"{rows / 2**20:6.1f} MiB, its indexes {indexes / 2**20:6.1f} MiB"
        report.line(f"  {table}", sizes, f"{dead} dead rows", f"vacuumed {vacuums} times")
