"""The checker itself, on a sound system that is broken by hand: one promise after the other."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from conftest import SharedServer
from fault.conftest import KINDS, QUICK
from fault.kit.checker import Found, check, encoded_again, read, repeated
from fault.kit.deployment import Deployment
from redis.asyncio import Redis
from services.databases import Databases

from reelmill.cache.redis import status_key
from reelmill.media.pieces import Chunk, Clock, Piece, Sound
from reelmill.media.spreading import MAKE_PIECE, Work, spec_of
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ended(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """What is left of a deployment that was stopped after a job COMPLETED, one FAILED and one was CANCELLED."""
    url = await databases.create()
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    async with Deployment(**servers, kinds=KINDS, settings=QUICK) as deployment:
        shutil.copy(clip, deployment.talk)
        (deployment.media / "text.mp4").write_text("This is no film. " * 100)
        bad = deployment.quick_job(deployment.media / "text.mp4")
        jobs = await deployment.submit(deployment.quick_job(deployment.talk), bad, deployment.long_job(deployment.talk))
        await deployment.client.cancel_job(jobs[2].id)
        ends = [job.state for job in await deployment.finish(*jobs)]
        assert ends == [Job.COMPLETED, Job.FAILED, Job.CANCELLED]
        assert await check(deployment) == []
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in deployment.all))
        yield deployment
    await databases.drop(url)


@pytest_asyncio.fixture(loop_scope="module")
async def broken(ended: Deployment, databases: Databases) -> AsyncIterator[Deployment]:
    """The same, on a copy of its database and with a copy of its outputs, to be broken."""
    url, out, kept = ended.database_url, ended.media / "out", ended.folder / "kept"
    ended.database_url = await databases.copy(url)
    shutil.copytree(out, kept)
    yield ended
    shutil.rmtree(out)
    kept.rename(out)
    await databases.drop(ended.database_url)
    ended.database_url = url


async def assert_found(system: Deployment, *sentences: str) -> None:
    """Each sentence is part of something that the checker says."""
    problems = await check(system, settle_seconds=0.2)
    assert [s for s in sentences if not any(s in problem for problem in problems)] == [], problems


async def change(system: Deployment, statement: str, *values: object) -> None:
    """Change the database where no trigger objects."""
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(statement, *values)
    await connection.close()


COMPLETED = "(SELECT id FROM jobs WHERE state = 'COMPLETED')"
CANCELLED = "(SELECT id FROM jobs WHERE state = 'CANCELLED')"
EVENT = "INSERT INTO job_events (job_id, seq, tenant_id, state, attempt, cancel_requested) SELECT id,"


@pytest.mark.parametrize(
    ("statement", "sentences"),
    [
        (f"DELETE FROM jobs WHERE id = {COMPLETED}", ["was acknowledged and is not there"]),
        (
            f"UPDATE jobs SET state = 'QUEUED', end_time = NULL WHERE id = {COMPLETED}",
            ["is QUEUED, which is not final"],
        ),
        (f"DELETE FROM job_events WHERE seq = 2 AND job_id = {COMPLETED}", ["are not 1 to"]),
        (
            f"{EVENT} version + 1, tenant_id, 'FAILED', 1, false FROM jobs WHERE id = {COMPLETED}",
            ["something happened after its end", "is not on the events topic"],
        ),
        (
            f"UPDATE jobs SET state = 'FAILED' WHERE id = {COMPLETED}",
            [
                "while its last event says COMPLETED",
                "is left of an attempt that did not win",
                "is not on the dead-letter topic",
            ],
        ),
        (
            f"UPDATE job_events SET cancel_requested = true WHERE job_id = {COMPLETED}",
            ["is COMPLETED after a cancellation was accepted"],
        ),
        (f"UPDATE tasks SET state = 'READY' WHERE job_id = {COMPLETED}", ["is READY"]),
        (
            f"DELETE FROM output_files WHERE job_id = {COMPLETED}",
            ["without a file of output still", "is left of an attempt that did not win"],
        ),
        (f"UPDATE output_files SET job_id = {CANCELLED}", ["is left of an attempt that did not win"]),
        ("INSERT INTO outbox (topic, key, value) VALUES ('events', '', '')", ["the sweeps are not done"]),
        ("UPDATE jobs SET version = version + 1", ["Redis has version"]),
    ],
)
async def test_it_sees_what_is_wrong_in_the_database(broken: Deployment, statement: str, sentences: list[str]) -> None:
    await change(broken, statement)
    await assert_found(broken, *sentences)


@pytest.mark.parametrize(
    ("break_file", "sentence"),
    [
        (lambda file: file.unlink(), "is recorded and not there"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?"), "is not as it was recorded"),
        (lambda file: file.with_name("another.jpg").touch(), "is left of an attempt that did not win"),
    ],
)
async def test_it_sees_what_is_wrong_with_files(
    broken: Deployment, break_file: Callable[[Path], None], sentence: str
) -> None:
    [file] = (path for path in (broken.media / "out").rglob("*") if path.is_file())
    break_file(file)
    await assert_found(broken, sentence)


async def test_it_sees_an_output_that_does_not_decode(broken: Deployment) -> None:
    [file] = (path for path in (broken.media / "out").rglob("*") if path.is_file())
    file.write_bytes(b"no picture")
    [recorded] = [file for files in (await read(broken.database_url)).files.values() for file in files]
    recorded.size_bytes, recorded.sha256 = 10, hashlib.sha256(b"no picture").hexdigest()
    await change(broken, "UPDATE output_files SET file = $1", recorded.SerializeToString())
    await assert_found(broken, "does not decode")


async def test_it_sees_a_working_directory_and_an_ffmpeg_that_are_left(broken: Deployment) -> None:
    folder = broken.folder / "data" / "work" / "left"
    folder.mkdir(parents=True)
    with subprocess.Popen(["bash", "-c", "exec -a ffmpeg sleep 60"], cwd=folder) as process:
        try:
            await assert_found(broken, "working directory left is left", f"ffmpeg {process.pid} still runs")
        finally:
            process.kill()
            folder.rmdir()


async def test_it_sees_an_old_status_in_redis(broken: Deployment) -> None:
    async with Redis.from_url(broken.cache_url) as redis:
        key = status_key(DEFAULT_IDENTITY.tenant_id, UUID(next(iter(broken.acknowledged))))
        true_version = await redis.hget(key, "version")
        await redis.hset(key, "version", 1)
        try:
            await assert_found(broken, "Redis has version 1")
        finally:
            await redis.hset(key, "version", true_version)


CLOCK = Clock(fine=False, sparse=False, held=False)


async def test_it_counts_the_film_that_was_encoded_again() -> None:
    def task(name: str, fence: int, piece: Piece | None) -> dict[str, object]:
        kind = MAKE_PIECE if piece else "run_job"
        spec = spec_of(Job(), Work(kind=kind, outputs=("a",), cpu=1, piece=piece), {}) if piece else None
        return {"id": name, "kind": kind, "fence": fence, "spec": spec}

    def chunk(index: int, seconds: int) -> Chunk:
        return Chunk(start=0, end=seconds * 10**6, clock=CLOCK, index=index, last=False)

    tasks = [
        task("plan", 2, None), task("sound", 2, Sound()), task("a", 3, chunk(0, 10)), task("b", 1, chunk(1, 12)),
        task("c", 2, chunk(2, 5)),
    ]  # fmt: skip
    found = Found(jobs={}, tasks={"job": tasks}, events={}, files={}, outbox=0)  # type: ignore[dict-item]
    assert encoded_again(found, "job") == (25, 12)
    assert [one["id"] for one in repeated(found, "job")] == ["plan", "sound", "a", "c"]
