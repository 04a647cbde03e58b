"""Whether deleting old jobs slows the drain beside it, and whether a table through which many went stays small."""

import asyncio
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from benchmarks.peers.reelmill_peer import ReelmillPeer
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.store.database import Database
from reelmill.store.retention import RetentionStore

_BATCH = 1000
_EMPTY, _KEPT, _BESIDE = "an empty database", "beside old jobs", "beside their deletion"
_SIZES = """
SELECT relname, pg_table_size(oid) AS table_bytes, pg_indexes_size(oid) AS index_bytes FROM pg_class
WHERE oid = ANY ('{jobs,tasks,job_events}'::regclass[]) ORDER BY relname
"""


class KeepingPeer(ReelmillPeer):
    """Keeps its jobs until it is told to delete them."""

    @property
    def database_url(self) -> str:
        """Of its own database."""
        return self._variables["REELMILL_DATABASE_URL"]

    def rate(self, count: int) -> float:
        """Ends a second."""
        return count / self.drain(count)[0]

    def retire(self, count: int) -> float:
        """Delete the `count` jobs that ended first; answers how many a second."""
        return asyncio.run(self._retire(count))

    async def _retire(self, count: int) -> float:
        database = Database(self.database_url, pool_size=1, publish_events=False, application="benchmark")
        await database.start()
        try:
            store, deleted, began = RetentionStore(database), 0, time.monotonic()
            while deleted < count:
                limit = min(_BATCH, count - deleted)
                deleted += await store.delete_jobs(timedelta(0), own_storage=self.folder.as_uri(), limit=limit)
            return count / (time.monotonic() - began)
        finally:
            await database.stop()

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Bytes of each large table and of its indexes."""
        rows = self._runner.run(self._connection.fetch(_SIZES))
        return {row["relname"]: (row["table_bytes"], row["index_bytes"]) for row in rows}


def run(servers: Servers, report: Report) -> None:
    """PostgreSQL alone: the drain in a new database, in one that holds old jobs, and while those are deleted."""
    count, resident = (500, 1000) if report.quick else (5000, 50_000)
    deletions: list[float] = []

    def empty() -> float:
        with KeepingPeer(servers, full=False) as peer:
            return peer.rate(count)

    with KeepingPeer(servers, full=False) as kept, ThreadPoolExecutor(1) as beside:
        for _ in range(resident // count):
            kept.rate(count)

        def deleting() -> float:
            going = beside.submit(kept.retire, 2 * count)  # what both turns of a round leave
            rate = kept.rate(count)
            deletions.append(going.result())
            return rate

        before = kept.sizes()
        rates = alternate(
            {_EMPTY: empty, _KEPT: partial(kept.rate, count), _BESIDE: deleting}, report.rounds, report.round
        )
        after = kept.sizes()
    report.head(f"{resident} old jobs kept, {2 * count} deleted a round: ends a second")
    for name, values in rates.items():
        report.line(name, f"{statistics.median(values):8.0f}")
    report.line("deletions a second", f"{statistics.median(deletions):8.0f}")
    report.ratios(rates, (_KEPT, _BESIDE))
    for table, (rows, indexes) in after.items():
        was = before[table]
        report.line(f"{table}: MiB, its indexes' MiB", _mib(was[0], rows), _mib(was[1], indexes))


def _mib(before: int, after: int) -> str:
    return f"{before / 2**20:.1f} → {after / 2**20:.1f}"
