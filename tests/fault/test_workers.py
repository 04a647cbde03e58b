"""Workers that die, freeze, drain, or meet poison: the work runs again, and its effects happen once.

Cancellations and drains too at moments that nobody chose.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import pytest
from conftest import SharedServer
from effort import SEED, for_a_release, short_or_long, some_or_all
from fault.conftest import QUICK, checked
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from services import clock
from services.databases import Databases
from waiting import patient

from reelmill.client import WrongState
from reelmill.v1.jobs_pb2 import Job

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(short_or_long(600, 3600))]

CANCELS = short_or_long(6, 200)
DRAINS = short_or_long(2, 50)
BOUND_SECONDS = short_or_long(30, 10)  # beside other tests the machine is busy
Recorder = Callable[[str, object], None]

# After the claim before the offset's commit, during the fetch, mid-encode, after the upload, before the
# database's commit, right after it.
POINTS = ("task.claimed", "task.fetching", "task.encoding", "task.uploaded", "task.completing", "task.completed")


@pytest.mark.parametrize(
    # While it encodes: in test_api_and_scheduler, whose scheduler dies too.
    "point",
    some_or_all(POINTS, "task.claimed", "task.uploaded", "task.completed"),
)
async def test_a_worker_killed_with_9(whole: Deployment, point: str) -> None:
    whole.points.hold(point)
    [job] = await whole.submit(whole.short_encode(whole.talk))
    arrival = await whole.points.reached(point)
    await asyncio.to_thread(whole.process_of(arrival.pid).kill)
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error
    assert done.attempt == (1 if point == "task.completed" else 2)


@pytest.mark.parametrize("run", range(short_or_long(1, 34)))
@pytest.mark.parametrize("point", some_or_all(POINTS, "task.encoding", "task.completing"))
async def test_a_zombie_changes_nothing(whole: Deployment, point: str, run: int) -> None:
    whole.points.hold(point)
    [job] = await whole.submit(whole.short_encode(whole.talk))
    arrival = await whole.points.reached(point)
    zombie = whole.process_of(arrival.pid)
    zombie.pause()
    [done] = await whole.finish(job)
    arrival.go()
    zombie.resume()
    await whole.idle(zombie)
    assert done.state == Job.COMPLETED, done.error
    again = await whole.client.get_job(job.id, full=True)
    assert (again.version, again.outputs[0].files[0].sha256) == (done.version, done.outputs[0].files[0].sha256)


async def test_a_worker_that_drains_hands_its_work_back_without_charging_an_attempt(whole: Deployment) -> None:
    whole.points.hold("task.encoding")
    [job] = await whole.submit(whole.long_job(whole.talk))
    arrival = await whole.points.reached("task.encoding")
    worker = whole.process_of(arrival.pid)
    for ffmpeg in whole.ffmpegs():
        ffmpeg.suspend()  # so that it lasts longer than a drain, and takes nothing meanwhile
    arrival.go()
    whole.points.hold("task.fetching")  # of the other worker: nobody needs what it would make
    await asyncio.to_thread(worker.stop)
    arrival = await whole.points.reached("task.fetching")
    other = await whole.until(job, lambda j: j.state == Job.PROCESSING and j.version > 4)
    assert other.attempt == 1, "the attempt that was handed back does not count"
    await whole.client.cancel_job(job.id)
    arrival.go()
    [done] = await whole.finish(job)
    assert done.state == Job.CANCELLED


async def test_work_that_ends_within_the_grace_is_finished(whole: Deployment) -> None:
    whole.points.hold("task.uploaded")
    [job] = await whole.submit(whole.short_encode(whole.talk))
    arrival = await whole.points.reached("task.uploaded")
    worker = whole.process_of(arrival.pid)
    stopping = asyncio.create_task(asyncio.to_thread(worker.stop))
    await whole.logged(worker, "draining")
    arrival.go()
    await stopping
    [done] = await whole.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1)


async def test_what_kills_every_worker_ends_as_failed_and_can_be_replayed(whole: Deployment) -> None:
    [poison] = await whole.submit(whole.short_encode(whole.talk))
    for _ in range(3):
        whole.points.hold("task.encoding")
        arrival = await whole.points.reached("task.encoding")
        await asyncio.to_thread(whole.process_of(arrival.pid).kill)
        await whole.revive()
    [done] = await whole.finish(poison)
    assert (done.state, done.error.code) == (Job.FAILED, "WORKER_LOST")
    again = await whole.client.retry_job(poison.id)
    whole.acknowledged[again.id] = again
    [better] = await whole.finish(again)
    assert (better.state, better.retry_of) == (Job.COMPLETED, poison.id)


async def test_what_crashes_ffmpeg_each_time_ends_as_failed_and_can_be_replayed(whole: Deployment) -> None:
    job = whole.long_job(whole.talk)  # it is to run still when it is struck
    job.retry_policy.max_attempts = 2
    job.retry_policy.initial_backoff.FromMilliseconds(100)
    whole.points.hold("task.encoding", times=2)
    [poison] = await whole.submit(job)
    for _ in range(2):
        arrival = await whole.points.reached("task.encoding")
        for ffmpeg in whole.ffmpegs():
            ffmpeg.send_signal(signal.SIGSEGV)
        arrival.go()
    await whole.finish(poison)
    done = await whole.client.get_job(poison.id, full=True)
    assert (done.state, done.attempt, done.error.code) == (Job.FAILED, 2, "FFMPEG_CRASHED")
    assert "SIGSEGV" in done.error.message and "ffmpeg" in done.error.command.split()[0]
    again = await whole.client.retry_job(poison.id)
    whole.acknowledged[again.id] = again
    assert again.retry_of == poison.id
    await whole.client.cancel_job(again.id)  # that one comes to its end is seen above


@pytest.mark.parametrize(
    "point",
    some_or_all(["task.claimed", "task.fetching", "task.encoding", "task.uploaded"], "task.encoding", "task.uploaded"),
)
async def test_a_cancel_at_any_phase(whole: Deployment, point: str) -> None:
    whole.points.hold(point)
    [job] = await whole.submit(whole.short_encode(whole.talk))
    arrival = await whole.points.reached(point)
    await whole.client.cancel_job(job.id)
    arrival.go()
    [done] = await whole.finish(job)
    assert done.state == Job.CANCELLED
    assert whole.ffmpegs() == []


async def test_clocks_that_are_an_hour_off_change_nothing(
    databases: Databases, redis_server: SharedServer, clip: Path
) -> None:
    # Without Kafka: its library waits by C11's cnd_timedwait, which libfaketime does not shift, so who is behind would
    # never wait.
    off = [clock.shifted(1), clock.shifted(-1)]
    settings = QUICK | {"REELMILL_WORKER_SLOTS": "1"}
    servers = {"cache_url": redis_server.url}
    async with checked(databases, clip, settings=settings, of_workers=off, **servers) as system:
        system.points.hold("task.claimed", times=2)
        jobs = await system.submit(*[system.quick_job(system.talk)] * 5)
        arrivals = [await system.points.reached("task.claimed") for _ in off]
        assert {arrival.pid for arrival in arrivals} == {worker.pid for worker in system.workers}, "each has work"
        system.points.free_all()
        done = await system.finish(*jobs)
    assert {(job.state, job.attempt) for job in done} == {(Job.COMPLETED, 1)}


@for_a_release  # of a library that runs on that clock too
async def test_a_clock_an_hour_ahead_changes_nothing_for_kafka(whole: Deployment) -> None:
    worker, other = whole.workers
    await asyncio.gather(*(asyncio.to_thread(one.stop) for one in (worker, other)))
    right = dict(worker.environment)
    try:
        worker.environment |= clock.shifted(1)
        await asyncio.to_thread(worker.start)
        done = await whole.finish(*await whole.submit(*[whole.quick_job(whole.talk)] * 5))
        assert {(job.state, job.attempt) for job in done} == {(Job.COMPLETED, 1)}
    finally:
        worker.environment = right
        await asyncio.to_thread(worker.kill)


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


@for_a_release
async def test_cancels_at_random_moments(whole: Deployment, record_property: Recorder) -> None:
    rng = random.Random(SEED)
    took: list[float] = []
    ends: list[Job.State] = []
    tried = 0
    while len(took) < CANCELS:
        tried += 1
        assert tried <= 4 * CANCELS, f"{tried} jobs, and only {len(took)} were not over"
        [job] = await whole.submit(rng.choice([whole.short_encode, whole.long_job])(whole.talk))
        await asyncio.sleep(rng.uniform(0, 1.5))  # the moment
        try:
            await whole.client.cancel_job(job.id)
        except WrongState:  # it had ended
            [done] = await whole.finish(job)
            assert done.state == Job.COMPLETED
            continue
        began = time.monotonic()
        [done] = await whole.finish(job)
        ends.append(done.state)
        async with patient():
            while whole.ffmpegs():
                await asyncio.sleep(0.05)  # between looks, each at all processes
        took.append(time.monotonic() - began)
    record_property(
        "figures",
        f"REELMILL_TEST_SEED={SEED}: {len(took)} of {tried} cancellations accepted; from then to no ffmpeg: "
        f"median {median(took):.2f} s, p99 {_p99(took):.2f} s, longest {max(took):.2f} s",
    )
    assert set(ends) == {Job.CANCELLED}
    assert _p99(took) <= BOUND_SECONDS


@for_a_release
async def test_drains_at_random_moments(whole: Deployment, record_property: Recorder) -> None:
    rng = random.Random(SEED)
    for worker in whole.workers:
        worker.environment["REELMILL_DRAIN_SECONDS"] = "0.5"  # some work ends within it, some is handed back
        await asyncio.to_thread(worker.restart)
    drained: list[bool] = []  # was the job handed back
    drains = 0
    while drains < DRAINS or len(set(drained)) < 2:  # both are seen, whatever the machine's speed
        drains += 1
        assert drains <= 10 * DRAINS, f"{drains} drains, and each job was " + ("handed back" * drained[0] or "ended")
        jobs = await whole.submit(*[whole.short_encode(whole.talk, lines=720)] * 2)
        await asyncio.sleep(rng.uniform(0, 1.5))  # the moment
        await asyncio.to_thread(rng.choice(whole.workers).restart)
        for done in await whole.finish(*jobs):
            assert (done.state, done.attempt) == (Job.COMPLETED, 1), done.error
        tasks = (await read(whole.database_url)).tasks
        drained += [tasks[job.id][0]["fence"] > 1 for job in jobs]  # claimed more than once
    record_property(
        "figures",
        f"REELMILL_TEST_SEED={SEED}: {drains} drains, {sum(drained)} of {len(drained)} jobs were handed back",
    )
