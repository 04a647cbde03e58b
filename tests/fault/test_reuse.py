"""Results of earlier jobs, from outside: they are taken, they are the job's own, and no fault leaves half of one."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fault.conftest import QUICK, checked
from fault.kit.deployment import Deployment
from jobs import STILL, encoding, job
from services.databases import Databases
from waiting import patient

from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.jobs_pb2 import OutputEstimate as Reuse

pytestmark = pytest.mark.asyncio(loop_scope="module")

REUSES = {"REELMILL_REUSE_DAYS": "1", "REELMILL_REUSE_CPU_SECONDS": "0"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(databases: Databases, clip: Path) -> AsyncIterator[Deployment]:
    """Two workers that take whatever is there."""
    async with checked(databases, clip, settings={**QUICK, **REUSES}) as deployment:
        yield deployment


def film(source: Path, **fields: object) -> Job:
    """A job in our own storage, of a second or so."""
    return job(source.as_uri(), encoding(height=90), STILL, **fields)


async def done(system: Deployment, wanted: Job) -> Job:
    [made] = await system.submit(wanted)
    [ended] = await system.finish(made)
    assert ended.state == Job.COMPLETED, ended.error
    return ended


def reused(ended: Job) -> set[bool]:
    return {output.reused for output in ended.outputs}


async def delete(system: Deployment, ended: Job) -> None:
    """Delete a job, and wait until its files are gone."""
    await system.client.delete_job(ended.id)
    del system.acknowledged[ended.id]
    async with patient():
        while [uri for uri in system.written() if ended.id in uri]:
            await asyncio.sleep(0.05)


async def test_the_same_is_taken_and_outlives_the_job_that_made_it(whole: Deployment, clip: Path) -> None:
    source = Path(shutil.copy(clip, whole.media / "same.mp4"))
    first = await done(whole, film(source))
    second = await done(whole, film(source))
    assert (reused(first), reused(second)) == ({False}, {True})
    assert [o.files[0].sha256 for o in second.outputs] == [o.files[0].sha256 for o in first.outputs]
    assert {receipt.reused_from for receipt in second.receipts} == {first.id}
    assert [r.runs for r in second.receipts[:1]] == [r.runs for r in first.receipts]
    await delete(whole, first)
    assert whole.content(second.outputs[0].files[0].uri) is not None
    third = await done(whole, film(source))
    assert {file.reused_from for output in third.outputs for file in output.files} == {second.id}
    assert reused(await done(whole, film(source, reuse=False))) == {False}
    with source.open("ab") as file:
        file.write(b"\0")
    assert reused(await done(whole, film(source))) == {False}


async def test_what_would_be_taken_is_told_beforehand_and_what_was_with_its_task(whole: Deployment, clip: Path) -> None:
    source = Path(shutil.copy(clip, whole.media / "told.mp4"))
    with source.open("ab") as file:
        file.write(b"\0\0\0")  # that no other test has
    wanted = film(source)
    wanted.outputs.add(name="poster", input="output:film").thumbnail.count = 1
    wanted.outputs[0].ClearField("transcode")
    wanted.outputs[0].preset = "web-mp4"

    async def told(**fields: bool) -> dict[str, tuple[int, str]]:
        asked = Job()
        asked.CopyFrom(wanted)
        asked.MergeFrom(Job(**fields))
        estimate = await whole.client.estimate_job(asked)
        for one in estimate.outputs:
            assert (one.estimate.core_seconds.likely == 0) == (one.reuse == Reuse.TAKEN) and one.estimate.bytes.likely
        parts = sum(one.estimate.core_seconds.likely for one in estimate.outputs)
        assert estimate.job.core_seconds.likely == pytest.approx(parts)
        plan = await whole.client.validate_job(asked, full=True)
        assert [one.reused for one in plan.outputs] == [one.reuse == Reuse.TAKEN for one in estimate.outputs]
        assert {name for step in plan.steps for name in step.outputs} == {"film", "still", "poster"}
        return {one.output: (one.reuse, one.reused_from) for one in estimate.outputs}

    unknown, made = (Reuse.NOT_KNOWN, ""), (Reuse.MADE, "")
    assert await told() == dict.fromkeys(("film", "still", "poster"), unknown), "nobody has hashed the input"
    first = await done(whole, wanted)
    async with patient():
        while (await told())["film"] == unknown:  # what was changed a moment ago is hashed each time
            first = await done(whole, wanted)
    taken = (Reuse.TAKEN, first.id)
    assert await told() == {"film": taken, "still": taken, "poster": unknown}
    assert set((await told(reuse=False)).values()) == {(Reuse.NOT_LOOKED_FOR, "")}
    wanted.outputs[1].thumbnail.width = 32
    assert await told() == {"film": taken, "still": made, "poster": unknown}
    second = await done(whole, wanted)
    [task] = [task async for task in whole.client.job_tasks(second.id)]
    assert {(one.output, one.reused_from) for one in task.reused} == {("film", first.id), ("poster", first.id)}
    await delete(whole, first)
    assert (await told())["film"] == (Reuse.TAKEN, second.id)


async def test_a_worker_that_dies_while_it_takes_leaves_no_half(whole: Deployment) -> None:
    first = await done(whole, film(whole.talk))
    whole.points.hold("task.taking")
    [second] = await whole.submit(film(whole.talk))
    arrival = await whole.points.reached("task.taking")
    await asyncio.to_thread(whole.process_of(arrival.pid).kill)
    [ended] = await whole.finish(second)
    assert reused(ended) == {True} and ended.attempt == 2
    assert {file.reused_from for output in ended.outputs for file in output.files} == {first.id}


async def test_what_is_deleted_while_it_is_about_to_be_taken_is_made(whole: Deployment, clip: Path) -> None:
    source = Path(shutil.copy(clip, whole.media / "gone.mp4"))
    with source.open("ab") as file:
        file.write(b"\0\0")  # that no other test has
    first = await done(whole, film(source))
    whole.points.hold("task.taking")
    [second] = await whole.submit(film(source))
    arrival = await whole.points.reached("task.taking")
    await delete(whole, first)
    arrival.go()
    [ended] = await whole.finish(second)
    assert ended.state == Job.COMPLETED and reused(ended) == {False}
