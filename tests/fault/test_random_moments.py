"""Cancellations and drains at moments that nobody chose."""

import asyncio
import random
import time
from collections.abc import Callable
from statistics import median, quantiles

import pytest
from effort import SEED, short_or_long
from fault.kit.checker import read
from fault.kit.deployment import Deployment
from waiting import patient

from reelmill.client import WrongState
from reelmill.v1.jobs_pb2 import Job

CANCELS = short_or_long(6, 200)
DRAINS = short_or_long(2, 50)
BOUND_SECONDS = short_or_long(30, 10)  # beside other tests the machine is busy
Recorder = Callable[[str, object], None]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(3600)]


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


async def test_cancels_at_random_moments(whole: Deployment, record_property: Recorder) -> None:
    rng = random.Random(SEED)
    took: list[float] = []
    ends: list[Job.State] = []
    tried = 0
    while len(took) < CANCELS:
        tried += 1
        assert tried <= 4 * CANCELS, f"{tried} jobs, and only {len(took)} were not over"
        [job] = await whole.submit(rng.choice([whole.short_encode, whole.long_job])(whole.talk))
        await asyncio.sleep(rng.uniform(0, 2))  # the moment
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
                await asyncio.sleep(0.01)
        took.append(time.monotonic() - began)
    record_property(
        "figures",
        f"REELMILL_TEST_SEED={SEED}: {len(took)} of {tried} cancellations accepted; from then to no ffmpeg: "
        f"median {median(took):.2f} s, p99 {_p99(took):.2f} s, longest {max(took):.2f} s",
    )
    assert set(ends) == {Job.CANCELLED}
    assert _p99(took) <= BOUND_SECONDS


async def test_drains_at_random_moments(whole: Deployment, record_property: Recorder) -> None:
    rng = random.Random(SEED)
    for worker in whole.workers:
        assert worker.environment is not None
        worker.environment["REELMILL_DRAIN_SECONDS"] = "0.5"  # some work ends within it, some is handed back
        await asyncio.to_thread(worker.restart)
    drained: list[bool] = []  # was the job handed back
    drains = 0
    while drains < DRAINS or len(set(drained)) < 2:  # both are seen, whatever the machine's speed
        drains += 1
        assert drains <= 10 * DRAINS, f"{drains} drains, and each job was " + ("handed back" * drained[0] or "ended")
        jobs = await whole.submit(whole.short_encode(whole.talk), whole.short_encode(whole.talk))
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
