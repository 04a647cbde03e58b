"""Measures the steps' costs on real servers, as CPU time of the process that bears them.

CPU time suffers less from neighbours than the wall clock. What PostgreSQL's other processes do for
a statement (WAL, checkpoints, vacuum) counts as its cost.
"""

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uuid_utils.compat as uuid_utils
from services.databases import Databases

from benchmarks.capacity.costs import Costs, Line
from benchmarks.peers.reelmill_peer import settings, tiny_job, variables
from benchmarks.servers import Servers, check_listener, check_postgres, check_redis, cpu_seconds
from reelmill.cache.port import Cache, status_of
from reelmill.jobs.states import Phase
from reelmill.parts import Parts, open_parts
from reelmill.queue.port import Message, Topic
from reelmill.store.jobs import NewJob
from reelmill.store.leases import FinishedTask, MadeFile
from reelmill.store.outbox import OutboxStore
from reelmill.store.records import ClaimedTask, LogLine
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job, OutputFile, Progress

_FEW, _MANY = 1, 16  # rows of a statement: the two points of each line
_DEEP = 20_000  # jobs that stay READY behind those that are measured
_WORKER_SECONDS = 0.012  # docs/benchmarks.md, thumbnails: 31 ms of a worker's CPU a job, less ffmpeg's 19
_TENANT, _USER = DEFAULT_IDENTITY.tenant_id, DEFAULT_IDENTITY.user_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Of one step, in seconds."""

    cpu: float
    """The server's CPU time."""
    wall: float
    """From the call to its answer; the median."""


async def spent(pid: int, steps: Iterable[Callable[[], Awaitable[object]]]) -> Spent:
    """Run steps one after another; what one costs the server `pid`."""
    before, walls = cpu_seconds(pid), []
    for step in steps:
        began = time.monotonic()
        await step()
        walls.append(time.monotonic() - began)
    return Spent(cpu=(cpu_seconds(pid) - before) / len(walls), wall=statistics.median(walls))


@asynccontextmanager
async def _opened(servers: Servers) -> AsyncIterator[Parts]:
    databases, folder = Databases(servers.postgres.url), Path(tempfile.mkdtemp(prefix="reelmill-bench-"))
    try:
        url = await databases.create()
        await check_postgres(url, servers.postgres)
        check_listener(servers.kafka)
        check_redis(servers.redis)
        chosen = settings(variables(servers, url, full=True, folder=str(folder)))
        async with open_parts(chosen, process="benchmark") as parts:
            yield parts
        await databases.drop_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measured(servers: Servers, *, times: int) -> Costs:
    """All costs; the steps run up to `times` times each."""
    postgres, kafka, redis = servers.postgres.pid, servers.kafka.pid, servers.redis.pid
    async with _opened(servers) as parts:
        empty = await spent(postgres, [lambda: parts.leases.claim("x", limit=2)] * times)
        await _submit(parts, _DEEP, priority=1)
        async with parts.database.connection() as connection:
            await connection.execute("ANALYZE")  # as autovacuum does within a minute or two
        few, many = [await _life(parts, postgres, rows, times) for rows in (_FEW, _MANY)]
        sweeps = {
            rows: await spent(postgres, [lambda rows=rows: parts.leases.claim("x", limit=rows)] * (times // 4))
            for rows in (_FEW, _MANY)
        }
        small, large = await _relay(parts, postgres, 100, times // 10), await _relay(parts, postgres, 1000, 20)
        message = await spent(kafka, [parts.relay.run_once] * 20)
        status = await spent(redis, _statuses(parts.cache, 10_000))
        progress = await spent(redis, _ticks(parts.cache, 10_000))
        member = await _waiting_workers(parts, kafka)

    def line(step: str) -> Line:
        return Line.through((_FEW, few[step].cpu), (_MANY, many[step].cpu))

    return Costs(
        claim=line("claim"),
        sweep=Line.through((_FEW, sweeps[_FEW].cpu), (_MANY, sweeps[_MANY].cpu)),
        empty_sweep=empty.cpu,
        heartbeat=line("heartbeat"),
        report=few["report"].cpu,
        complete=line("complete"),
        commit_wait=max(0.0, few["heartbeat"].wall - few["heartbeat"].cpu),
        relay=Line.through((100, small.cpu), (1000, large.cpu)),
        relay_wait=Line.through((100, max(0.0, small.wall - small.cpu)), (1000, max(0.0, large.wall - large.cpu))),
        kafka_message=message.cpu / 1000,
        kafka_member=member,
        status=status.cpu,
        progress=progress.cpu,
        worker=_WORKER_SECONDS,
    )


async def _submit(parts: Parts, count: int, *, priority: int) -> list[NewJob]:
    made = []
    for first in range(0, count, 500):
        new = [_new_job(priority) for _ in range(min(500, count - first))]
        await parts.jobs.create(_TENANT, _USER, new)
        made += new
    return made


def _new_job(priority: int) -> NewJob:
    job, job_id = tiny_job(), uuid_utils.uuid7()
    job.priority = priority
    prefix = f"s3://bucket/outputs/{job_id}-"
    return NewJob(id=job_id, task_id=uuid_utils.uuid7(), job=job, output_prefix=prefix)


async def _life(parts: Parts, pid: int, rows: int, times: int) -> dict[str, Spent]:
    """Claim, renew, report and complete `rows` tasks in a statement (report: one)."""
    await _submit(parts, rows * times, priority=50)
    held: list[list[ClaimedTask]] = []

    async def claim() -> None:
        held.append(await parts.leases.claim("benchmark", limit=rows))
        assert len(held[-1]) == rows

    async def report(task: ClaimedTask) -> None:
        line = LogLine(time=datetime.now(UTC), level="INFO", message="runs", command="ffmpeg -i x" * 9)
        assert await parts.leases.report(task.lease, Phase.TRANSCODING, [line])

    async def complete(tasks: list[ClaimedTask]) -> None:
        done = await parts.leases.complete([FinishedTask(lease=t.lease, files=(_file(t),)) for t in tasks])
        assert len(done) == rows

    return {
        "claim": await spent(pid, [claim] * times),
        "heartbeat": await spent(pid, [lambda h=h: parts.leases.heartbeat([t.lease for t in h]) for h in held]),
        "report": await spent(pid, [lambda h=h: report(h[0]) for h in held]),
        "complete": await spent(pid, [lambda h=h: complete(h) for h in held]),
    }


def _file(task: ClaimedTask) -> MadeFile:
    uri = f"{task.output_prefix}still-001.jpg"
    file = OutputFile(uri=uri, size_bytes=20_000, sha256="0" * 64, content_type="image/jpeg")
    return MadeFile(output="still", position=0, file=file)


async def _relay(parts: Parts, pid: int, rows: int, times: int) -> Spent:
    """Batches of `rows`, as the relay sends them; nothing was relayed yet, so there are enough."""
    outbox = OutboxStore(parts.database)

    async def once() -> None:
        async with outbox.batch(rows) as messages:
            assert len(messages) == rows
            await parts.queue.publish(
                [Message(topic=Topic(m.topic), key=m.key, value=m.value, headers=m.headers) for m in messages]
            )

    return await spent(pid, [once] * times)


def _statuses(cache: Cache, times: int) -> list[Callable[[], Awaitable[object]]]:
    job = tiny_job()
    job.state, job.phase, job.version = Job.PROCESSING, Job.TRANSCODING, 3
    made = []
    for _ in range(times):
        job.id = str(uuid_utils.uuid7())
        made.append(status_of(_TENANT, job))
    return [lambda s=s: cache.put([s]) for s in made]


def _ticks(cache: Cache, times: int) -> list[Callable[[], Awaitable[object]]]:
    value = Progress(percent=12.34, fps=25, speed=1.5).SerializeToString()
    ids = [uuid_utils.uuid7() for _ in range(1000)]
    return [lambda i=i: cache.put_progress(_TENANT, ids[i % 1000], 1, value) for i in range(times)]


async def _waiting_workers(parts: Parts, pid: int, count: int = 40, seconds: float = 20) -> float:
    """The broker's CPU seconds a second, of one worker that waits for messages."""

    async def during() -> float:
        before = cpu_seconds(pid)
        await asyncio.sleep(seconds)
        return (cpu_seconds(pid) - before) / seconds

    alone = await during()
    consumers = [parts.queue.consumer() for _ in range(count)]
    try:
        await asyncio.gather(*(c.receive(1, seconds) for c in consumers))  # joined and settled; what comes stays open
        return max(0.0, (await during() - alone) / count)
    finally:
        await asyncio.gather(*(c.stop() for c in consumers))
