"""How well many workers share one film: simulated executors, on the store, the queue and the worker as they are.

2 to 64 workers of one slot and equal speed are given eight chunks each, which wait instead of encoding: what is
measured is what lies between them, claims, completions and wake-ups. Efficiency is what the chunks take, by as many
workers, to the time from the end of planning to the end of the last chunk. The join is told apart (`chunks`
measures it): it is one task, whatever the number of workers.
"""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

import uuid_utils.compat as uuid_utils
from services.databases import Databases

from benchmarks.report import Report
from benchmarks.servers import Servers, check_postgres
from reelmill.cache.memory import MemoryCache
from reelmill.jobs.states import JobState, Phase
from reelmill.media.spreading import JOIN_PIECES, MAKE_PIECE
from reelmill.queue.postgres import PostgresQueue
from reelmill.relay import Relay
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.leases import LeaseStore, MadeFile, NewTask
from reelmill.store.outbox import OutboxStore
from reelmill.store.switches import GRAPHS, turn
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.store.workers import WorkerStore
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.worker.attempt import Attempt
from reelmill.worker.worker import Worker, WorkerConfig

_WORKERS = (2, 4, 8, 16, 32, 64)
_CHUNKS = 8  # for each
_SECONDS, _QUICK_SECONDS = 10.0, 1.0  # of a chunk: the shortest that a plan chooses encode for longer
_LEASE_SECONDS = 10.0
_POOL = 16


@dataclass(kw_only=True, slots=True)
class Simulated:
    """An executor whose chunks take `seconds`, and do nothing."""

    chunks: int
    seconds: float
    planned: float = 0.0
    last: float = 0.0
    """When planning and the last chunk ended."""
    made: set[str] = field(default_factory=set)

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        """Plan, or wait as long as a chunk takes."""
        task = attempt.task
        if task.kind == MAKE_PIECE:
            await attempt.enter(Phase.TRANSCODING)
            await attempt.unless_stopped(asyncio.sleep(self.seconds))
            self.made.add(str(task.id))
            self.last = time.monotonic()
        elif task.kind != JOIN_PIECES:
            ids = sorted(uuid_utils.uuid7() for _ in range(self.chunks + 1))
            *pieces, join = ids
            attempt.spawned = (
                *(NewTask(id=one, kind=MAKE_PIECE, weight=self.seconds) for one in pieces),
                NewTask(id=join, kind=JOIN_PIECES, depends_on=tuple(pieces), ahead=True),
            )
            self.planned = time.monotonic()
        return ()

    async def discard(self, attempt: Attempt) -> None:
        """Nothing was written."""


def run(servers: Servers, report: Report) -> None:
    """Efficiency by the number of workers."""
    seconds = _QUICK_SECONDS if report.quick else _SECONDS
    found = asyncio.run(_all(servers, report, seconds))
    report.head(f"simulated workers, {_CHUNKS} chunks of {seconds:g} s each: efficiency")
    for workers, values in found.items():
        report.line(f"{workers} workers", f"{min(values):6.1%} to {max(values):.1%}")


async def _all(servers: Servers, report: Report, seconds: float) -> dict[int, list[float]]:
    databases = Databases(servers.postgres.url)
    url = await databases.create()
    await check_postgres(url, servers.postgres)
    try:
        database = Database(url, pool_size=_POOL, publish_events=False, application="benchmark")
        await database.start()
        async with database.connection() as connection:
            await turn(connection, GRAPHS, on=True)
        found: dict[int, list[float]] = {}
        for _ in range(report.rounds):
            chosen = _WORKERS[:2] if report.quick else _WORKERS
            for workers in (one for one in chosen if report.wants(str(one))):
                value = await _efficiency(database, workers, seconds)
                found.setdefault(workers, []).append(value)
                report.round(f"{workers} workers", value)
        await database.stop()
        return found
    finally:
        await databases.drop_all()


async def _efficiency(database: Database, workers: int, seconds: float) -> float:
    queue, cache = PostgresQueue(database), MemoryCache(status_ttl_seconds=10, final_ttl_seconds=60)
    executor = Simulated(chunks=_CHUNKS * workers, seconds=seconds)
    leases, jobs = LeaseStore(database, lease_seconds=_LEASE_SECONDS), JobStore(database)
    relay = Relay(OutboxStore(database), queue, interval_seconds=1)
    stop = asyncio.Event()
    running = [
        asyncio.create_task(
            Worker(
                WorkerConfig(
                    owner=f"worker-{i}",
                    slots=1,
                    fetches=1,
                    heartbeat_seconds=_LEASE_SECONDS / 4,
                    sweep_seconds=1.0,
                    drain_seconds=0.0,
                ),
                leases,
                WorkerStore(database),
                queue,
                cache,
                relay,
                executor,
            ).run(stop)
        )
        for i in range(workers)
    ]
    await asyncio.sleep(2)  # they are there before the job is
    job_id = uuid4()
    new = NewJob(
        id=job_id,
        task_id=uuid_utils.uuid7(),
        job=Job(priority=50, inputs=[Input(uri="file:///film")], outputs=[Output(name="film")]),
        output_prefix=f"file:///out/{job_id}-",
    )
    who = DEFAULT_IDENTITY
    await jobs.create(who.tenant_id, who.user_id, [new])
    await queue.wake()
    while (await jobs.get(who.tenant_id, job_id)).state != Job.State.Value(JobState.COMPLETED):
        await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*running)
    if len(executor.made) != executor.chunks:
        raise RuntimeError(f"{len(executor.made)} of {executor.chunks} chunks were made")
    return executor.chunks * seconds / (workers * (executor.last - executor.planned))
