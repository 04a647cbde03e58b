"""PostgreSQL killed, cut off, away: clients are told to wait, nothing acknowledged is lost, all resumes by itself."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import SharedServer
from effort import short_or_long
from fault.conftest import KINDS, QUICK, assert_all_is_well
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from fault.kit.proxy import Proxy
from services.databases import Databases
from services.postgres import Postgres
from waiting import patient

from reelmill.client import AsyncClient, Backoff, Unavailable
from reelmill.store.migrate import migrate
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

KILLS = short_or_long(1, 20)
AWAY_SECONDS = short_or_long(5, 60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres() -> AsyncIterator[Postgres]:
    """A server of this module's own, durable as in production."""
    server = Postgres(durable=True)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(postgres: Postgres) -> AsyncIterator[Proxy]:
    """Stands before it; the checker goes past it."""
    async with Proxy(postgres.port) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres: Postgres, proxy: Proxy, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up on that server."""
    url = await Databases(postgres.url).create()
    await migrate(url, {GRAPHS: True})
    through = {"REELMILL_DATABASE_URL": url.replace(f":{postgres.port}/", f":{proxy.port}/")}
    servers = {"database_url": url, "queue_url": kafka_server.url, "cache_url": redis_server.url}
    async with Deployment(**servers, kinds=KINDS, workers=2, settings=QUICK | through) as deployment:
        shutil.copy(clip, deployment.talk)
        yield deployment
        await assert_all_is_well(deployment)


async def test_killed_with_9_and_restarted_under_load(
    whole: Deployment, postgres: Postgres, record_property: Callable[[str, object], None]
) -> None:
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():  # as many at once, and no more: what is behind them waits for the same server
            made = await whole.submit(*[whole.quick_job(whole.talk)] * 2, whole.short_encode(whole.talk))
            await whole.finish(*made)

    loading = asyncio.create_task(load())
    for _ in range(KILLS):
        seen = len(whole.acknowledged)
        await whole.submit(whole.chunked_job(whole.talk))
        async with patient():
            while len(whole.acknowledged) < seen + 4 and not loading.done():
                await asyncio.sleep(0.05)
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(postgres.start)
    stop.set()
    await loading
    await whole.settle(timeout_seconds=180)
    assert max(map(len, (await read(whole.database_url)).tasks.values())) == 7, "films are made in chunks"
    record_property("figures", f"{KILLS} kills, {len(whole.acknowledged)} jobs acknowledged")
    assert len(whole.acknowledged) >= 3 * KILLS


async def test_connections_cut_in_the_middle_of_everything(whole: Deployment, proxy: Proxy) -> None:
    jobs = await whole.submit(*[whole.quick_job(whole.talk)] * 3)
    for _ in range(10):
        proxy.drop()
        jobs += await whole.submit(whole.quick_job(whole.talk))
    done = await whole.finish(*jobs)
    assert {job.state for job in done} == {Job.COMPLETED}


async def test_away_clients_hear_unavailable_with_a_hint_and_work_goes_on_later(
    whole: Deployment, proxy: Proxy
) -> None:
    running = await whole.submit(whole.short_encode(whole.talk), whole.chunked_job(whole.talk))
    await proxy.cut()
    try:
        async with AsyncClient(whole.api.grpc, backoff=Backoff(attempts=1)) as once:
            with pytest.raises(Unavailable) as refusal:
                await once.create_job(whole.quick_job(whole.talk))
        assert refusal.value.retry_seconds
        waiting = asyncio.create_task(whole.submit(whole.quick_job(whole.talk)))
        await asyncio.sleep(AWAY_SECONDS)  # it is away that long
    finally:
        await proxy.restore()
    done = await whole.finish(*running, *await waiting)
    assert {job.state for job in done} == {Job.COMPLETED}


async def test_connections_that_are_closed_in_one_direction(whole: Deployment, proxy: Proxy) -> None:
    jobs = await whole.submit(*[whole.short_encode(whole.talk)] * 2)
    for _ in range(5):
        proxy.half_close()
        jobs += await whole.submit(whole.quick_job(whole.talk))
    done = await whole.finish(*jobs)
    assert {job.state for job in done} == {Job.COMPLETED}


async def test_a_partition_that_nobody_announces(whole: Deployment, proxy: Proxy) -> None:
    jobs = await whole.submit(whole.short_encode(whole.talk), whole.chunked_job(whole.talk))
    proxy.freeze()
    await asyncio.sleep(4)  # longer than a lease
    await proxy.restore()
    done = await whole.finish(*jobs)
    assert {job.state for job in done} == {Job.COMPLETED}
