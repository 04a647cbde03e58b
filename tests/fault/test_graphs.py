"""Jobs of several tasks under faults: only what a dead worker was doing runs again, and its siblings go on."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from buckets import serving_bucket
from conftest import SharedServer
from effort import some_or_all
from fault.conftest import QUICK, SPREAD, checked
from fault.kit.checker import encoded_again, read, repeated, sweep_now
from fault.kit.deployment import Deployment
from live import Reelmill
from services.databases import Databases
from waiting import patient

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOTS = 2
# The planning task passes some of them too, before any of its parts does.
BOTH = ("task.claimed", "task.fetching", "task.completing", "task.completed")
POINTS = (*BOTH, "task.encoding", "task.uploaded")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up with two workers, which spread whatever they can."""
    settings = {**QUICK, **SPREAD, "REELMILL_WORKER_SLOTS": str(SLOTS), "REELMILL_DRAIN_SECONDS": "1"}
    async with checked(
        databases, clip, settings=settings, queue_url=kafka_server.url, cache_url=redis_server.url
    ) as deployment:
        shutil.copy(clip, deployment.talk)
        yield deployment


WIDE, CHUNKED, EACH = Deployment.wide_job, Deployment.chunked_job, Deployment.each_job
TASKS = {WIDE: 4, CHUNKED: 7, EACH: 6}
KINDS = [
    *((point, CHUNKED) for point in POINTS),
    *((point, WIDE) for point in ("task.encoding", "task.completed")),
    ("task.completing", EACH),
]
# Of those that died before they had made anything, in the commit, and after it; with files that nobody knows of it is a
# join that dies, below.
SOME_KINDS = (
    ("task.encoding", CHUNKED),
    ("task.completing", EACH),
    ("task.completed", WIDE),
)


async def held(
    system: Deployment, point: str, kind: Callable[[Deployment, Path], Job] = WIDE, *, planning: bool = False
) -> tuple[Job, int]:
    """A job of several tasks, and the worker that holds one of its parts (or plans it) at a point."""
    passes = point in BOTH and not planning
    system.points.hold(point, times=1 + passes)
    [job] = await system.submit(kind(system, system.talk))
    if passes:
        (await system.points.reached(point)).go()
    return job, (await system.points.reached(point)).pid


async def again(system: Deployment, job: Job, *, killed: int = 1) -> tuple[int, int]:
    """How many tasks a job has, and how many of them were claimed more than once.

    After so many workers were killed each of their slots has encoded a chunk again at most.
    """
    found = await read(system.database_url)
    seconds, chunk = encoded_again(found, job.id)
    assert seconds <= killed * SLOTS * chunk, f"{seconds:g} s of film were encoded again"
    return len(found.tasks[job.id]), len(repeated(found, job.id))


async def nothing_is_left(system: Deployment, *names: str) -> None:
    """Wait until no file is left that has one of these in its name."""
    async with patient():
        while [uri for uri in system.written() if any(name in uri for name in names)]:
            await sweep_now(system)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(("point", "kind"), some_or_all(KINDS, *SOME_KINDS))
async def test_of_a_worker_that_is_killed_only_what_its_slots_did_runs_again(
    whole: Deployment, point: str, kind: Callable[[Deployment, Path], Job]
) -> None:
    job, pid = await held(whole, point, kind)
    await asyncio.to_thread(whole.process_of(pid).kill)
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    assert [len(output.files) for output in done.outputs] == [1] * len(job.outputs)
    [picture, *_] = done.outputs[0].files[0].media.streams
    assert picture.duration_seconds == pytest.approx(4, abs=0.01)
    tasks, repeated = await again(whole, job)
    assert tasks == TASKS[kind] and repeated <= SLOTS
    assert repeated >= (point != "task.completed")
    await nothing_is_left(whole, ".chunk.", ".sound.")


@pytest.mark.parametrize(
    # Of one that dies before its plan is there: the next test.
    "point",
    some_or_all(["task.fetching", "task.completing", "task.completed"], "task.completed"),
)
async def test_a_plan_is_made_again_or_stands_whole(whole: Deployment, point: str) -> None:
    job, pid = await held(whole, point, planning=True)
    await asyncio.to_thread(whole.process_of(pid).kill)
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    assert (await again(whole, job))[0] == TASKS[WIDE]


async def test_of_an_address_that_expires_a_copy_and_its_plan_are_made_again_and_none_is_left(
    whole: Deployment,
) -> None:
    whole.points.hold("task.completing")
    async with serving_bucket(talk=whole.talk.read_bytes()) as web:
        job = whole.wide_job(whole.talk)
        job.inputs[0].uri = f"{web.url}/bucket/talk.mp4"
        [job] = await whole.submit(job)
        planning = await whole.points.reached("task.completing")
        assert [uri for uri in whole.written() if "/_inputs/" in uri]
        web.lives = 2
        await asyncio.to_thread(whole.process_of(planning.pid).kill)
        [done] = await whole.finish(job)
        assert done.state == Job.COMPLETED, done.error
        assert (await again(whole, job))[0] == TASKS[WIDE]
        assert web.count("GET") == 2
    await nothing_is_left(whole, "/_inputs/")


# One that wakes while it encodes is in test_workers.
@pytest.mark.parametrize("point", some_or_all(POINTS, "task.completing"))
async def test_a_zombie_of_one_chunk_changes_nothing_while_its_siblings_go_on(whole: Deployment, point: str) -> None:
    job, pid = await held(whole, point, CHUNKED)
    zombie = whole.process_of(pid)
    zombie.pause()
    [done] = await whole.finish(job)
    whole.points.free_all()
    zombie.resume()
    await whole.idle(zombie)
    assert done.state == Job.COMPLETED, done.error
    later = await whole.client.get_job(job.id, full=True)
    assert (later.version, later.outputs) == (done.version, done.outputs)


@pytest.mark.parametrize("strike", some_or_all([Reelmill.kill, Reelmill.pause], Reelmill.kill))
async def test_api_and_scheduler_that_are_struck_beside_a_worker_cost_its_chunks_alone(
    whole: Deployment, strike: Callable[[Reelmill], None]
) -> None:
    job, pid = await held(whole, "task.encoding", CHUNKED)
    whole.points.hold("rescue.committing")
    await asyncio.to_thread(whole.process_of(pid).kill)
    rescuing = await whole.points.reached("rescue.committing")
    await asyncio.gather(*(asyncio.to_thread(strike, one) for one in (whole.process_of(rescuing.pid), whole.api)))
    whole.points.free_all()
    await whole.revive()
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    tasks, repeated = await again(whole, job)
    assert tasks == TASKS[CHUNKED] and 1 <= repeated <= SLOTS


async def test_a_worker_that_drains_hands_its_chunks_back(whole: Deployment) -> None:
    job, pid = await held(whole, "task.fetching", CHUNKED)
    await asyncio.to_thread(whole.process_of(pid).stop)  # what is held would last longer than a drain may
    whole.points.free_all()
    [done] = await whole.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1), done.error
    tasks, repeated = await again(whole, job)
    assert tasks == TASKS[CHUNKED] and 1 <= repeated <= SLOTS


async def test_a_join_that_is_killed_is_made_again_of_the_same_chunks(whole: Deployment) -> None:
    whole.points.hold("task.uploaded", times=6)  # the sound, four chunks, and what joins them
    [job] = await whole.submit(whole.chunked_job(whole.talk))
    for _ in range(5):
        (await whole.points.reached("task.uploaded")).go()
    joining = await whole.points.reached("task.uploaded")
    await asyncio.to_thread(whole.process_of(joining.pid).kill)
    whole.points.free_all()
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    assert await again(whole, job) == (7, 1)
    await nothing_is_left(whole, ".chunk.", ".sound.")


@pytest.mark.parametrize("kind", some_or_all(list(TASKS), CHUNKED, EACH))
async def test_a_cancellation_ends_all_parts(whole: Deployment, kind: Callable[[Deployment, Path], Job]) -> None:
    job, _ = await held(whole, "task.encoding", kind)
    await whole.client.cancel_job(job.id)
    whole.points.free_all()
    [done] = await whole.finish(job)
    assert done.state == Job.CANCELLED and not any(output.files for output in done.outputs)
    await nothing_is_left(whole, job.id)
