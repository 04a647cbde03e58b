"""Workers that die, freeze, drain, or meet poison: the work runs again, and its effects happen once."""

import asyncio
import signal
from pathlib import Path

import pytest
from conftest import SharedServer
from effort import short_or_long, some_or_all
from fault.conftest import checked
from fault.kit.deployment import Deployment
from services import clock
from services.databases import Databases

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")

# After the claim before the offset's commit, during the fetch, mid-encode, after the upload, before the
# database's commit, right after it.
POINTS = ("task.claimed", "task.fetching", "task.encoding", "task.uploaded", "task.completing", "task.completed")


@pytest.mark.parametrize(
    "point", some_or_all(POINTS, "task.claimed", "task.encoding", "task.uploaded", "task.completed")
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
@pytest.mark.parametrize("point", some_or_all(POINTS, "task.encoding", "task.uploaded", "task.completing"))
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
    arrival.go()
    await asyncio.to_thread(worker.stop)
    other = await whole.until(job, lambda j: j.state == Job.PROCESSING and j.version > 4)
    assert other.attempt == 1, "the attempt that was handed back does not count"
    await whole.client.cancel_job(job.id)
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
    [poison] = await whole.submit(whole.long_job(whole.talk))
    for _ in range(3):
        whole.points.hold("task.encoding")
        arrival = await whole.points.reached("task.encoding")
        await asyncio.to_thread(whole.process_of(arrival.pid).kill)
        await whole.revive()
    [done] = await whole.finish(poison)
    assert (done.state, done.error.code) == (Job.FAILED, "WORKER_LOST")
    again = await whole.client.retry_job(poison.id)
    whole.acknowledged[again.id] = again
    assert again.retry_of == poison.id
    await whole.client.cancel_job(again.id)


async def test_what_crashes_ffmpeg_each_time_ends_as_failed_and_can_be_replayed(whole: Deployment) -> None:
    job = whole.short_encode(whole.talk)
    job.retry_policy.max_attempts = 3
    job.retry_policy.initial_backoff.FromMilliseconds(100)
    whole.points.hold("task.encoding", times=3)
    [poison] = await whole.submit(job)
    for _ in range(3):
        arrival = await whole.points.reached("task.encoding")
        for ffmpeg in whole.ffmpegs():
            ffmpeg.send_signal(signal.SIGSEGV)
        arrival.go()
    await whole.finish(poison)
    done = await whole.client.get_job(poison.id, full=True)
    assert (done.state, done.attempt, done.error.code) == (Job.FAILED, 3, "FFMPEG_CRASHED")
    assert "SIGSEGV" in done.error.message and "ffmpeg" in done.error.command.split()[0]
    again = await whole.client.retry_job(poison.id)
    whole.acknowledged[again.id] = again
    [better] = await whole.finish(again)
    assert (better.state, better.retry_of) == (Job.COMPLETED, poison.id)


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


async def test_a_clock_an_hour_ahead_changes_nothing(whole: Deployment) -> None:
    await asyncio.to_thread(whole.workers[1].stop)
    assert await ends_of_work_on_another_clock(whole, hours=1) == {(Job.COMPLETED, 1)}


async def test_a_clock_an_hour_behind_changes_nothing(
    databases: Databases, redis_server: SharedServer, clip: Path
) -> None:
    # Without Kafka: its library waits by C11's cnd_timedwait, which libfaketime does not shift, so it would never wait.
    async with checked(databases, clip, workers=1, cache_url=redis_server.url) as system:
        assert await ends_of_work_on_another_clock(system, hours=-1) == {(Job.COMPLETED, 1)}


async def ends_of_work_on_another_clock(system: Deployment, hours: int) -> set[tuple[Job.State, int]]:
    """States and attempts of jobs of a worker whose clock is off. (Leases, retries, rescues go by the database's.)"""
    worker = system.workers[0]
    await asyncio.to_thread(worker.stop)
    assert worker.environment is not None
    right = dict(worker.environment)
    try:
        worker.environment |= clock.shifted(hours)
        await asyncio.to_thread(worker.start)
        done = await system.finish(*await system.submit(*[system.quick_job(system.talk)] * 5))
    finally:
        worker.environment = right
        await asyncio.to_thread(worker.kill)
    return {(job.state, job.attempt) for job in done}
