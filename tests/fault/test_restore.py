"""PostgreSQL restored from a backup: what docs/runbook.md promises, tried."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio
from conftest import SharedServer
from effort import some_or_all
from fault.conftest import KINDS, QUICK
from fault.kit.checker import check, read
from fault.kit.deployment import Deployment
from redis.asyncio import Redis as Client
from services.databases import Databases
from services.postgres import Postgres, binaries
from services.redis import Redis

from reelmill.cache.redis import status_key
from reelmill.client import NotFound
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")
RUNBOOK = Path(__file__).resolve().parents[2] / "docs/runbook.md"
SETTINGS = QUICK | {"REELMILL_WORKER_SLOTS": "1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[list[Postgres]]:
    """PostgreSQL's servers: the last one runs, those before it were lost."""
    servers = [Postgres()]
    await asyncio.to_thread(servers[0].start)
    yield servers
    for server in servers:
        await asyncio.to_thread(server.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres: list[Postgres], kafka_server: SharedServer, redis: Redis, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up on these."""
    url = await Databases(postgres[0].url).create()
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis.url}
    async with Deployment(**servers, kinds=KINDS, settings=SETTINGS) as deployment:
        shutil.copy(clip, deployment.talk)
        yield deployment


def dumped(lost: Postgres, new: Postgres, url: str) -> Callable[[], str]:
    """A backup by pg_dump, of one database; answers what restores it."""
    lost.run([str(binaries() / "pg_dump"), "--format=custom", "--file=dump", url])
    (lost.folder / "dump").rename(new.folder / "dump")

    def restore() -> str:
        new.start()
        new.run([str(binaries() / "createdb"), f"--maintenance-db={new.url}", urlsplit(url).path[1:]])
        there = urlsplit(new.url)._replace(path=urlsplit(url).path).geturl()
        new.run([str(binaries() / "pg_restore"), "--exit-on-error", f"--dbname={there}", "dump"])
        return there

    return restore


def copied(lost: Postgres, new: Postgres, url: str) -> Callable[[], str]:
    """A backup by pg_basebackup, of the whole server; answers what restores it."""
    lost.run([str(binaries() / "pg_basebackup"), f"--dbname={lost.url}", "--checkpoint=fast", "--pgdata=copy"])
    new.restore(lost.folder / "copy")

    def restore() -> str:
        new.start()
        return urlsplit(new.url)._replace(path=urlsplit(url).path).geturl()

    return restore


# The same for us: all goes back in time, and a dump is more than a copy.
@pytest.mark.parametrize("back_up", some_or_all([dumped, copied], dumped))
async def test_postgresql_is_restored_from_a_backup(
    system: Deployment,
    postgres: list[Postgres],
    redis: Redis,
    back_up: Callable[[Postgres, Postgres, str], Callable[[], str]],
) -> None:
    postgres.append(Postgres())
    [ended] = await system.finish(*await system.submit(system.quick_job(system.talk)))
    system.points.hold("task.encoding")
    [running] = await system.submit(system.short_encode(system.talk))
    arrival = await system.points.reached("task.encoding")
    [waiting] = await system.submit(system.quick_job(system.talk))
    time = datetime.now(UTC).isoformat()
    restore = await asyncio.to_thread(back_up, *postgres[-2:], system.database_url)
    arrival.go()
    lost = await system.client.create_job(system.quick_job(system.talk), f"after-{time}")
    await system.finish(running, waiting, lost)

    for server in (*system.all, postgres[-2]):
        await asyncio.to_thread(server.kill)
    system.database_url = await asyncio.to_thread(restore)
    await empty_the_cache(redis, system, waiting)
    await start_on(system, system.database_url)

    assert (await system.client.get_job(ended.id, full=True)) == ended
    assert {job.state for job in await system.finish(running, waiting)} == {Job.COMPLETED}
    with pytest.raises(NotFound):
        await system.client.get_job(lost.id)
    again = await system.client.create_job(system.quick_job(system.talk), f"after-{time}")
    assert again.id != lost.id and (await system.finish(again))[0].state == Job.COMPLETED
    await asyncio.to_thread(delete_what_nobody_knows, system, postgres[-1], time)
    assert await check(system) == []


async def start_on(system: Deployment, database_url: str) -> None:
    """Start all processes on another database."""
    for process in system.all:
        process.environment["REELMILL_DATABASE_URL"] = database_url
    await system.revive()


async def empty_the_cache(redis: Redis, system: Deployment, waiting: Job) -> None:
    """As the runbook says; a job that waits in the restored database has ended in Redis."""
    kept = (await read(system.database_url)).jobs[waiting.id]
    async with Client.from_url(redis.url) as client:
        version = await client.hget(status_key(DEFAULT_IDENTITY.tenant_id, UUID(waiting.id)), "version")
        assert kept["state"] == "QUEUED" and int(version) > kept["version"]
        await client.flushdb()


def delete_what_nobody_knows(system: Deployment, postgres: Postgres, backup_time: str) -> None:
    """Run the runbook's script on the folders that are there."""
    [script] = re.findall(r"```sql\n(.*?)```", RUNBOOK.read_text(), re.S)
    (postgres.folder / "orphans.sql").write_text(script)
    out = system.media / "out"
    (postgres.folder / "folders.txt").write_text("".join(f"{path.name}\n" for path in out.iterdir()))
    psql = [str(binaries() / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--set=base={out.as_uri()}"]
    postgres.run([*psql, f"--set=backup={backup_time}", "--file=orphans.sql", system.database_url])
