"""Two pools of real workers: light tasks never wait behind encodes, and what nobody can take says so."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fault.kit.deployment import Deployment
from services.databases import Databases
from waiting import PATIENCE_SECONDS, patient

from reelmill.jobs.places import ENGINE
from reelmill.store.switches import GRAPHS, turn
from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pools(databases: Databases, clip: Path) -> AsyncIterator[Deployment]:
    """An api, a scheduler, a worker of one slot, and one of the pool `stills` that has `small`."""
    url = await databases.create()
    workers = ([], ["--pool", "stills", "--label", "small"])
    settings = {"REELMILL_WORKER_SLOTS": "1", "REELMILL_LEASE_SECONDS": "60"}
    async with Deployment(
        database_url=url, kinds=("api", "gateway", "scheduler"), workers=workers, settings=settings
    ) as deployment:
        shutil.copy(clip, deployment.talk)
        yield deployment
    await databases.drop(url)


async def test_stills_are_made_while_encodes_fill_the_other_pool(pools: Deployment) -> None:
    pools.points.hold("task.encoding", times=1)
    encodes = await pools.submit(*(pools.short_encode(pools.talk) for _ in range(2)))
    arrival = await pools.points.reached("task.encoding")
    light = pools.quick_job(pools.talk)
    light.pool = "stills"
    light.requires.append("small")
    [still] = await pools.submit(light)
    [done] = await pools.finish(still)
    assert (done.state, done.pool, done.requires) == (Job.COMPLETED, "stills", ["small"])
    waiting = [await pools.client.get_job(job.id) for job in encodes]
    assert sorted(Job.State.Name(job.state) for job in waiting) == ["PROCESSING", "QUEUED"]
    arrival.go()
    assert {job.state for job in await pools.finish(*encodes)} == {Job.COMPLETED}
    workers = {worker.pool: worker async for worker in pools.client.workers()}
    assert {pool: [label.partition("=")[0] for label in w.labels] for pool, w in workers.items()} == {
        "default": ["engine"], "stills": ["engine", "small"],
    }  # fmt: skip
    engines = {label for worker in workers.values() for label in worker.labels if label.startswith(ENGINE)}
    assert len(engines) == 1
    [task] = [task async for task in pools.client.job_tasks(still.id)]
    assert (task.worker, task.pool, list(task.labels)) == (workers["stills"].name, "stills", ["small"])


async def test_a_job_that_no_living_worker_can_take_waits_and_says_so_in_log_task_and_metric(pools: Deployment) -> None:
    job = pools.quick_job(pools.talk)
    job.pool = "stills"
    job.requires.append("gpu")
    [made] = await pools.submit(job)
    told = "waits: no living worker of the pool stills with gpu can run run_job"
    async with patient():
        while told not in [line.message async for line in pools.client.job_logs(made.id)]:
            await asyncio.sleep(0.1)
    [task] = [task async for task in pools.client.job_tasks(made.id)]
    assert task.wait == task.FOR_WORKER
    assert (await pools.client.get_job(made.id)).state == Job.QUEUED
    assert await asyncio.to_thread(pools.processes["scheduler"].metric, "reelmill_tasks_unserved") == 1
    await pools.client.cancel_job(made.id)


async def test_an_output_is_there_while_others_are_made_and_stays(pools: Deployment) -> None:
    """`publish: EACH`, of one worker of one slot."""
    connection = await asyncpg.connect(pools.database_url)
    await turn(connection, GRAPHS, on=True)
    await connection.close()
    made = pools.short_encode(pools.talk)
    made.publish, made.destination = Job.EACH, ""
    small = made.outputs.add(name="small", input="output:film")
    small.transcode.video.height = 90
    pools.points.hold("task.completing", times=3)
    [job] = await pools.submit(made)
    for _ in ("the plan", "the film"):
        (await pools.points.reached("task.completing")).go()
    arrival = await pools.points.reached("task.completing")
    job = await pools.until(job, lambda job: bool(job.published))
    assert (job.state, list(job.published), [len(output.files) for output in job.outputs]) == (
        Job.PROCESSING, ["film"], [1, 0],
    )  # fmt: skip
    [file] = job.outputs[0].files
    async with httpx.AsyncClient(base_url=pools.rest, timeout=PATIENCE_SECONDS) as http:

        async def download() -> httpx.Response:
            return await http.get(f"/v1/jobs/{job.id}/outputs/film/{file.path}")

        answer = await download()
        assert (answer.status_code, len(answer.content)) == (200, file.size_bytes)
        told = [event async for event in pools.client.job_events(job.id)]
        assert list(told[-1].published) == ["film"] and told[-1].state == Job.PROCESSING
        await pools.client.cancel_job(job.id)
        arrival.go()
        job = await pools.until(job, lambda job: job.state == Job.CANCELLED)
        assert list(job.outputs[0].files) == [file]
        assert (await download()).content == answer.content
