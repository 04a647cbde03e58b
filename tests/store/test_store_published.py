"""Jobs that publish each output as it is done: what is visible when, and what stays."""

import asyncio
from uuid import UUID

import uuid_utils.compat as uuid_utils
from store.kit import BAD_INPUT, TENANT, Store

from reelmill.jobs.states import Phase
from reelmill.store.jobs import JobFilter
from reelmill.store.leases import FinishedTask, MadeFile, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

OUTPUTS = tuple(Output(name=name) for name in "ab")


async def parts(store: Store, publish: Job.Publish = Job.EACH) -> tuple[ClaimedTask, ClaimedTask, ClaimedTask]:
    """The planning task of a job, and its two parts, claimed; each makes one of the outputs."""
    await store.turn(GRAPHS, on=True)
    plan = await store.running(outputs=OUTPUTS, publish=publish)
    tasks = [NewTask(id=uuid_utils.uuid7(), kind="make_outputs", spec=name.encode()) for name in "ab"]
    await store.leases.complete([FinishedTask(lease=plan.lease, spawned=tuple(tasks))])
    a, b = sorted(await store.claim_these([task.id for task in tasks]), key=lambda task: task.spec)
    return plan, a, b


def whole(task: ClaimedTask) -> FinishedTask:
    name = task.spec.decode()
    uri = f"{task.output_prefix}{name}/{name}.mp4"
    file = OutputFile(uri=uri, path=f"{name}.mp4", size_bytes=7, sha256="00", content_type="video/mp4")
    return FinishedTask(lease=task.lease, files=(MadeFile(output=name, position=0, file=file),))


async def complete(store: Store, task: ClaimedTask) -> Job:
    return (await store.leases.complete([whole(task)]))[task.lease].job


def shown(job: Job) -> dict[str, int]:
    return {output.name: len(output.files) for output in job.outputs}


async def seen(store: Store, job_id: UUID) -> list[Job]:
    """The job by each way to it."""
    [listed] = await store.jobs.page(TENANT, JobFilter(), before=None, limit=9)
    [many] = await store.jobs.get_many(TENANT, [job_id])
    return [await store.jobs.get(TENANT, job_id), listed, many]


async def swept(store: Store) -> set[str]:
    return {row["uri"] for row in await store.rows("SELECT uri FROM storage_deletions")}


async def test_an_output_that_is_done_is_visible_while_others_are_made(store: Store) -> None:
    _, a, b = await parts(store)
    job_id = UUID(a.job.id)
    before = await store.jobs.get(TENANT, job_id)
    assert (list(before.published), shown(before)) == ([], {"a": 0, "b": 0})
    told = await complete(store, a)
    assert (told.state, list(told.published), shown(told)) == (Job.PROCESSING, ["a"], {"a": 1, "b": 0})
    assert told.version == before.version + 1
    for job in await seen(store, job_id):
        assert job == told
    assert await store.jobs.output_file(TENANT, job_id, "a", "a.mp4")
    assert len(await store.jobs.output_files(TENANT, job_id, "a", after=-1, limit=9)) == 1
    event = (await store.jobs.events(TENANT, job_id, after=0, limit=99))[-1]
    assert (event.sequence, event.state, list(event.published)) == (told.version, Job.PROCESSING, ["a"])
    # Whatever else is told of the job, it shows that.
    reported = await store.leases.report(b.lease, Phase.TRANSCODING, ())
    assert reported and shown(reported.job) == {"a": 1, "b": 0}
    released = await store.leases.release(b.lease)
    assert released and shown(released.job) == {"a": 1, "b": 0}
    [b] = await store.claim_these([b.id])
    assert shown(b.job) == {"a": 1, "b": 0}
    done = await complete(store, b)
    assert (done.state, list(done.published), shown(done)) == (Job.COMPLETED, ["a", "b"], {"a": 1, "b": 1})
    assert await store.jobs.get(TENANT, job_id) == done
    assert await swept(store) == {b.output_prefix.replace("-2/", "-1/")}, "of the attempt that was given back"


async def test_a_job_that_fails_keeps_what_it_published_and_nothing_else(store: Store) -> None:
    plan, a, b = await parts(store)
    job_id = UUID(a.job.id)
    await complete(store, a)
    failed = await store.leases.fail(b.lease, BAD_INPUT)
    assert failed and (failed.job.state, shown(failed.job)) == (Job.FAILED, {"a": 1, "b": 0})
    for job in await seen(store, job_id):
        assert job == failed.job
    assert await store.jobs.output_file(TENANT, job_id, "a", "a.mp4")
    assert await swept(store) == {plan.output_prefix, b.output_prefix}


async def test_so_does_one_that_is_cancelled(store: Store) -> None:
    plan, a, b = await parts(store)
    await complete(store, a)
    asked = await store.jobs.cancel(TENANT, UUID(a.job.id), "")
    assert shown(asked.job) == {"a": 1, "b": 0}
    ended = await store.leases.cancelled(b.lease)
    assert ended and (ended.job.state, shown(ended.job)) == (Job.CANCELLED, {"a": 1, "b": 0})
    assert await swept(store) == {plan.output_prefix, b.output_prefix}


async def test_a_part_whose_worker_died_is_made_again_and_what_is_published_is_not(store: Store) -> None:
    _, a, b = await parts(store)
    await complete(store, a)
    assert await store.leases.complete([whole(a)]) == {}, "it was done"
    await store.rows("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1", b.id)
    [rescued] = await store.leases.rescue(limit=9, max_crashes=3, sweep_after_seconds=0)
    assert shown(rescued.job) == {"a": 1, "b": 0}
    [again] = await store.claim_these([b.id])
    assert again.fence == 2 and not await store.claim_these([a.id])
    assert shown(await complete(store, again)) == {"a": 1, "b": 1}


async def test_two_that_are_done_at_once_are_both_published(store: Store) -> None:
    for _ in range(10):
        _, a, b = await parts(store)
        await asyncio.gather(complete(store, a), complete(store, b))
        job = await store.jobs.get(TENANT, UUID(a.job.id))
        assert (job.state, sorted(job.published)) == (Job.COMPLETED, ["a", "b"])


async def test_without_it_all_become_visible_together(store: Store) -> None:
    for publish in (Job.PUBLISH_UNSPECIFIED, Job.ALL):
        _, a, b = await parts(store, publish)
        version = (await store.jobs.get(TENANT, UUID(a.job.id))).version
        told = await complete(store, a)
        assert (told.version, list(told.published), shown(told)) == (version, [], {"a": 0, "b": 0})
        assert not await store.jobs.output_file(TENANT, UUID(a.job.id), "a", "a.mp4")
        assert await store.leases.fail(b.lease, BAD_INPUT)
        assert a.output_prefix in await swept(store)
        assert shown(await store.jobs.get(TENANT, UUID(a.job.id))) == {"a": 0, "b": 0}


async def test_who_completes_the_last_part_is_told_the_whole_job(store: Store) -> None:
    _, a, b = await parts(store, Job.ALL)
    await complete(store, a)
    told = await complete(store, b)
    assert (told.state, shown(told)) == (Job.COMPLETED, {"a": 1, "b": 1})
