"""PgQueuer: two processes, tables that survive a crash (its default), the same PostgreSQL as ours."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from pgqueuer import AsyncpgDriver, Job, Queries, QueueManager
from services.databases import Databases

from benchmarks import counting
from benchmarks.peers.base import WORKERS, Peer
from benchmarks.servers import Servers, check_postgres

_DATABASE, _BATCH = "BENCHMARK_DATABASE", "BENCHMARK_BATCH"


class PgQueuerPeer(Peer):
    """PgQueuer with a database of its own; `batch_size` is its 10 by default."""

    name = "pgqueuer"

    def __init__(self, servers: Servers, *, batch_size: int = 10) -> None:
        super().__init__()
        self._servers = servers
        self._batch_size = batch_size
        self._databases = Databases(servers.postgres.url)
        self._runner = asyncio.Runner()
        self._url = ""

    def prepare(self) -> None:
        """A new database with PgQueuer's tables."""
        self._runner.run(self._prepare())

    async def _prepare(self) -> None:
        self._url = await self._databases.create(migrated=False)
        await check_postgres(self._url, self._servers.postgres)
        self._connection = await asyncpg.connect(self._url)
        self._queries = Queries(AsyncpgDriver(self._connection))
        await self._queries.install()

    def close(self) -> None:
        """Drop the database."""
        self._runner.run(self._databases.drop_all())
        self._runner.close()

    def environment(self) -> dict[str, str]:
        """Where the database is."""
        return super().environment() | {_DATABASE: self._url, _BATCH: str(self._batch_size)}

    def commands(self) -> Sequence[Sequence[str]]:
        """One for each process."""
        return [(sys.executable, "-m", "benchmarks.peers.pgqueuer_peer")] * WORKERS

    def load(self, count: int) -> None:
        """In one call."""
        self._runner.run(self._queries.enqueue(["nothing"] * count, [None] * count, [0] * count))

    def unfinished(self) -> int:
        """Rows of the queue: it deletes what is finished, in batches."""
        return int(self._runner.run(self._connection.fetchval("SELECT count(*) FROM pgqueuer")))

    def server_pids(self) -> dict[str, int]:
        """PostgreSQL."""
        return {"postgres": self._servers.postgres.pid}


async def work() -> None:
    """A worker's process."""
    connection = await asyncpg.connect(os.environ[_DATABASE])
    manager = QueueManager(Queries(AsyncpgDriver(connection)))

    @manager.entrypoint("nothing")
    async def nothing(_job: Job) -> None:
        counting.count()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.shutdown.set)
    await manager.run(batch_size=int(os.environ[_BATCH]), dequeue_timeout=timedelta(seconds=30))


if __name__ == "__main__":
    import uvloop  # pgqueuer's own command line runs on it where it is there

    uvloop.run(work())
