"""Mixed real jobs while something is killed every few seconds. `make chaos MINUTES=10` runs it for long."""

import asyncio
import contextlib
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from effort import SEED, short_or_long
from fault.conftest import QUICK, SPREAD, assert_all_is_well
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from services.databases import Databases
from services.kafka import Kafka
from services.postgres import Postgres
from services.process import Server
from services.redis import Redis

from reelmill.client import WrongState
from reelmill.store.migrate import migrate
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job

MINUTES = os.environ.get("REELMILL_TEST_CHAOS_MINUTES")
# At the least: it goes on until each kind of process and server was killed.
SECONDS = 60 * float(MINUTES) if MINUTES else short_or_long(1, 600)
KILL_EVERY_SECONDS = 3.0 if MINUTES else short_or_long(2, 3)
IN_FLIGHT = short_or_long(2, 8)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(SECONDS + 600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers() -> AsyncIterator[list[Server]]:
    """PostgreSQL, Kafka and Redis of this module's own."""
    made: list[Server] = [Postgres(durable=True), Kafka(), Redis()]
    try:
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in made))
        yield made
    finally:
        for server in made:
            await asyncio.to_thread(server.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(servers: list[Server], clip: Path) -> AsyncIterator[Deployment]:
    """The full set-up on these."""
    postgres, kafka, redis = servers
    url = await Databases(postgres.url).create()
    await migrate(url, {GRAPHS: True})
    async with Deployment(
        database_url=url, queue_url=kafka.url, cache_url=redis.url, workers=2, settings=QUICK | SPREAD
    ) as deployment:
        shutil.copy(clip, deployment.talk)
        (deployment.media / "text.mp4").write_text("This is no film. " * 100)
        yield deployment


async def test_chaos(
    system: Deployment,
    servers: list[Server],
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    with capsys.disabled():
        print(f"\nchaos: REELMILL_TEST_SEED={SEED} repeats this order of {SECONDS:g} s at least", flush=True)
    rng, until, over = random.Random(SEED), time.monotonic() + SECONDS, asyncio.Event()
    users = [asyncio.create_task(_use(system, random.Random(f"{SEED} {i}"), over)) for i in range(IN_FLIGHT)]
    kills: Counter[str] = Counter()
    starting: dict[Server, asyncio.Task[None]] = {}
    kinds = {victim.name for victim in (*system.all, *servers)}
    for victim in _victims([*system.all, *servers], rng):
        if time.monotonic() >= until and kills.keys() == kinds:
            break
        if victim in servers or victim in starting:  # who starts needs PostgreSQL
            await asyncio.gather(*starting.values())
            starting.clear()
        await asyncio.to_thread(victim.kill)
        kills[victim.name] += 1
        await asyncio.sleep(rng.uniform(0, 1))
        start = asyncio.create_task(asyncio.to_thread(victim.start))
        if victim in servers:
            await start
        else:
            starting[victim] = start
        await asyncio.sleep(KILL_EVERY_SECONDS - 1)
    over.set()
    await asyncio.gather(*starting.values(), *users)
    await assert_all_is_well(system)
    spread = sum(len(tasks) > 1 for tasks in (await read(system.database_url)).tasks.values())
    ends = [job.state async for job in system.client.list_jobs()]
    counts = ", ".join(f"{ends.count(s)} {Job.State.Name(s)}" for s in sorted(set(ends)))
    jobs = f"{len(system.acknowledged)} jobs, {spread} of several tasks"
    record_property("figures", f"REELMILL_TEST_SEED={SEED}: {kills.total()} kills in {SECONDS:g} s, {jobs}: {counts}")
    assert len(ends) >= len(system.acknowledged) > 0 < spread


def _victims(all_of_them: Sequence[Server], rng: random.Random) -> Iterator[Server]:
    """Whom to kill next, for ever: each once in each round."""
    while True:
        yield from rng.sample(all_of_them, len(all_of_them))


async def _use(system: Deployment, rng: random.Random, over: asyncio.Event) -> None:
    """Submit one job after the other, cancel some, and wait for their ends."""
    while not over.is_set():
        [job] = await system.submit(_any_job(system, rng))
        if rng.random() < 0.2:
            await asyncio.sleep(rng.uniform(0, 2))
            with contextlib.suppress(WrongState):  # it was quicker
                await system.client.cancel_job(job.id)
        await system.finish(job, timeout_seconds=300)


def _any_job(system: Deployment, rng: random.Random) -> Job:
    job = rng.choice([system.quick_job, system.quick_job, system.short_encode, system.wide_job, system.chunked_job])(
        system.talk
    )
    job.priority = rng.choice([10, 50, 90])
    job.retry_policy.max_attempts = 20
    if rng.random() < 0.1:
        job.inputs[0].uri = (system.media / "text.mp4").as_uri()
    return job
