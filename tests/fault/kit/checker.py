"""Reads everything at the end of a test, and says what is not as it was promised."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import av
from confluent_kafka import Consumer, Message, TopicPartition
from fault.kit.deployment import Deployment
from redis.asyncio import Redis
from waiting import PATIENCE_SECONDS

from reelmill.cache.redis import status_key
from reelmill.media.pieces import Chunk
from reelmill.media.spreading import MAKE_PIECE, piece_in
from reelmill.media.timeline import SECOND
from reelmill.storage.workdir import KEPT
from reelmill.store.records import job_from_row
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job, OutputFile
from reelmill.v1.messages_pb2 import DeadLetter

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
_MEDIA = ("video/", "audio/", "image/")  # not what lists a stream's files, which lie in folders and are whole together


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a database holds of our jobs, by job id."""

    jobs: dict[str, asyncpg.Record]
    tasks: dict[str, list[asyncpg.Record]]
    events: dict[str, list[asyncpg.Record]]
    files: dict[str, list[OutputFile]]
    """Those that clients may see: of COMPLETED jobs, and what was published before."""
    outbox: int


async def check(deployment: Deployment, *, settle_seconds: float = 60) -> list[str]:
    """Every broken promise, in a sentence each; waits until the sweeps are done. Every job must have ended."""
    problems = (
        [f"the sweeps are not done after {settle_seconds:g} s"] if not await _swept(deployment, settle_seconds) else []
    )
    found = await read(deployment.database_url)
    problems += await asyncio.to_thread(lambda: list(promises(deployment, found)))
    problems += await asyncio.to_thread(lambda: list(litter(deployment, found)))
    if deployment.api.running:
        problems += [problem async for problem in shown(deployment, found)]
    if deployment.cache_url.startswith("redis:"):
        problems += await cached(deployment, found)
    if deployment.queue_url.startswith("kafka:"):
        problems += await asyncio.to_thread(lambda: list(announced(deployment, found)))
    return problems


def promises(deployment: Deployment, found: Found, of: Iterable[str] | None = None) -> Iterator[str]:
    """What must hold as soon as all jobs have ended, before any sweep: of some jobs, or of all."""
    yield from lost(deployment.acknowledged, found)
    for job_id in found.jobs if of is None else of:
        yield from history(found, job_id)
        yield from outputs(deployment, found, job_id)


async def _swept(deployment: Deployment, seconds: float) -> bool:
    """Whether the outbox and the list of folders to delete became empty in time."""
    connection = await asyncpg.connect(deployment.database_url)
    relayed = deployment.queue_url.startswith("kafka:")
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await sweep_now(deployment)
            folders = await connection.fetchval("SELECT count(*) FROM storage_deletions")
            messages = await connection.fetchval("SELECT count(*) FROM outbox") if relayed else 0
            if not folders and not messages and not deployment.ffmpegs():
                return True
            await asyncio.sleep(0.1)
        return False
    finally:
        await connection.close()


async def sweep_now(deployment: Deployment) -> None:
    """Make all folders due that are to be deleted.

    One waits for six leases, for whom was frozen may still write into it. Once every worker that runs does nothing
    nobody can.
    """
    await asyncio.gather(*(deployment.idle(process) for process in deployment.workers if process.running))
    connection = await asyncpg.connect(deployment.database_url)
    try:
        await connection.execute("UPDATE storage_deletions SET not_before = now() WHERE tries = 0")
    finally:
        await connection.close()


async def read(database_url: str) -> Found:
    """Everything about all jobs, behind the API's back."""
    connection = await asyncpg.connect(database_url)
    try:
        found = Found(
            jobs={str(r["id"]): r for r in await connection.fetch("SELECT * FROM jobs")},
            tasks={},
            events={},
            files={},
            outbox=await connection.fetchval("SELECT count(*) FROM outbox"),
        )
        for row in await connection.fetch("SELECT * FROM tasks"):
            found.tasks.setdefault(str(row["job_id"]), []).append(row)
        for row in await connection.fetch("SELECT * FROM job_events ORDER BY job_id, seq"):
            found.events.setdefault(str(row["job_id"]), []).append(row)
        for row in await connection.fetch("SELECT * FROM output_files ORDER BY job_id, output, position"):
            job = found.jobs.get(str(row["job_id"]))
            # What a task of several made stays recorded, and is nobody's, where the job does not complete.
            if job and (job["state"] == "COMPLETED" or row["output"] in (job["published"] or ())):
                found.files.setdefault(str(row["job_id"]), []).append(OutputFile.FromString(row["file"]))
        return found
    finally:
        await connection.close()


def lost(acknowledged: Iterable[str], found: Found) -> list[str]:
    """Acknowledged jobs that are not there."""
    return [f"job {job_id} was acknowledged and is not there" for job_id in acknowledged if job_id not in found.jobs]


def repeated(found: Found, job_id: str) -> list[asyncpg.Record]:
    """Those of a job's tasks that were claimed more than once."""
    return [task for task in found.tasks[job_id] if task["fence"] > 1]


def encoded_again(found: Found, job_id: str) -> tuple[float, float]:
    """Seconds of film in all claims of a job's chunks but the first of each, and in the longest chunk of all jobs.

    A claim counts as if all of its chunk had been encoded.
    """
    lengths = {}
    for task in (task for tasks in found.tasks.values() for task in tasks):
        if task["kind"] == MAKE_PIECE and isinstance(piece := piece_in(task["spec"]), Chunk):
            lengths[task["id"]] = (piece.end - piece.start) / SECOND
    again = ((task["fence"] - 1) * lengths.get(task["id"], 0.0) for task in found.tasks[job_id])
    return sum(again), max(lengths.values(), default=0.0)


def history(found: Found, job_id: str) -> Iterator[str]:
    """A job has ended exactly once, its events have no gap, and its tasks have ended too."""
    job, events, tasks = found.jobs[job_id], found.events.get(job_id, []), found.tasks.get(job_id, [])
    if job["state"] not in FINAL:
        yield f"job {job_id} is {job['state']}, which is not final"
    if [e["seq"] for e in events] != list(range(1, job["version"] + 1)):
        yield f"job {job_id}: its events {[e['seq'] for e in events]} are not 1 to {job['version']}"
    ends = [e["state"] for e in events if e["state"] in FINAL]
    if len(ends) > 1 or (ends and events[-1]["state"] != ends[0]):
        yield f"job {job_id}: something happened after its end: {[e['state'] for e in events]}"
    if events and events[-1]["state"] != job["state"]:
        yield f"job {job_id} is {job['state']} while its last event says {events[-1]['state']}"
    if job["state"] == "COMPLETED" and any(e["cancel_requested"] for e in events):
        yield f"job {job_id} is COMPLETED after a cancellation was accepted"
    for task in tasks:
        if task["state"] not in FINAL or task["lease_until"] is not None:
            yield f"task {task['id']} of job {job_id} is {task['state']}"


def outputs(deployment: Deployment, found: Found, job_id: str) -> Iterator[str]:
    """COMPLETED: every output is there, decodable, as recorded; so is what was published of others."""
    row, files = found.jobs[job_id], found.files.get(job_id, [])
    for output in Job.FromString(row["spec"]).outputs if row["state"] == "COMPLETED" else ():
        if not any(f"/{output.name}/" in file.uri for file in files):
            yield f"job {job_id} is COMPLETED without a file of output {output.name}"
    for file in files:
        content = deployment.content(file.uri)
        if content is None:
            yield f"{file.uri} is recorded and not there"
        elif hashlib.sha256(content).hexdigest() != file.sha256 or len(content) != file.size_bytes:
            yield f"{file.uri} is not as it was recorded"
        elif "/" not in file.path and file.content_type.startswith(_MEDIA) and not _decodes(content):
            yield f"{file.uri} does not decode"


async def shown(deployment: Deployment, found: Found) -> AsyncIterator[str]:
    """Clients see files of COMPLETED jobs alone, and what was published before."""
    for job_id, row in found.jobs.items():
        if row["state"] == "COMPLETED":
            continue
        for output in (await deployment.client.get_job(job_id)).outputs:
            if output.files and output.name not in (row["published"] or ()):
                yield f"job {job_id} is {row['state']} and shows {len(output.files)} files of {output.name}"


def _decodes(content: bytes) -> bool:
    try:
        with av.open(BytesIO(content)) as container:
            return any(True for _ in container.decode(container.streams[0]))
    except av.error.FFmpegError:
        return False


def litter(deployment: Deployment, found: Found) -> Iterator[str]:
    """Nothing is left of attempts that did not win: no ffmpeg, no working directory, no folder."""
    yield from (f"ffmpeg {p.pid} still runs" for p in deployment.ffmpegs())
    work = deployment.folder / "data" / "work"
    if deployment.workers:  # at its start a worker removes what dead ones left; those that live hold a lock
        left = (path.name for path in work.glob("*") if not path.name.startswith(KEPT))
        yield from (f"working directory {name} is left" for name in left)
    winners = {file.uri for files in found.files.values() for file in files}
    for uri in deployment.written():
        if uri not in winners:
            yield f"{uri} is left of an attempt that did not win"


async def cached(deployment: Deployment, found: Found) -> list[str]:
    """No status in Redis is older than the database's for longer than the life of an unfinished one."""
    bound = float(deployment.settings.get("REELMILL_STATUS_TTL_SECONDS", 10)) + 1
    deadline = time.monotonic() + bound
    async with Redis.from_url(deployment.cache_url) as redis:
        while True:
            problems = []
            for job_id, row in found.jobs.items():
                version = await redis.hget(status_key(DEFAULT_IDENTITY.tenant_id, UUID(job_id)), "version")
                if version is not None and int(version) != row["version"]:
                    problems.append(f"job {job_id}: Redis has version {int(version)}, the database {row['version']}")
            if not problems or time.monotonic() > deadline:
                return problems
            await asyncio.sleep(0.1)


def messages(deployment: Deployment, topic: str) -> list[Message]:
    """Everything in a topic."""
    servers = urlsplit(deployment.queue_url).netloc
    name = deployment.topic_prefix + topic
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "checker",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        found, ends = [], {}
        for partition in consumer.list_topics(name, timeout=PATIENCE_SECONDS).topics[name].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=PATIENCE_SECONDS)
            if low < high:
                ends[TopicPartition(name, partition, low)] = high
        consumer.assign(list(ends))
        while any(p.offset < high for p, high in zip(consumer.position(list(ends)), ends.values(), strict=True)):
            if (message := consumer.poll(10)) is None:
                break
            assert message.error() is None, message.error()
            found.append(message)
        return found
    finally:
        consumer.close()


def announced(deployment: Deployment, found: Found) -> Iterator[str]:
    """Every change of state is on the events topic, every FAILED job on the dead-letter topic."""
    events = {dict(message.headers())["ce_id"].decode() for message in messages(deployment, "events")}
    letters = {DeadLetter.FromString(message.value()).job_id for message in messages(deployment, "dead-letter")}
    for job_id in found.jobs.keys() - deployment.untold:
        rows = found.events.get(job_id, [])
        before = None
        for row in rows:
            if row["state"] != before and f"{job_id}:{row['seq']}" not in events:
                yield f"event {row['seq']} of job {job_id} is not on the events topic"
            before = row["state"]
        job = job_from_row(found.jobs[job_id])
        if job.state == Job.FAILED and job_id not in letters:
            yield f"job {job_id} FAILED and is not on the dead-letter topic"
