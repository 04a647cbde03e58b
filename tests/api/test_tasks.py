"""ListTasks: what a job's tasks make, how far each is, and page after page."""

import json
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import pytest
import uuid_utils.compat as uuid_utils
from api.refusals import fields_of, refused
from api.test_service import CONTEXT, TENANT, Api
from api.test_service import api as api
from jobs import job
from live import Reelmill, finish

from reelmill.jobs.progress import Part
from reelmill.media.spreading import MAKE_OUTPUTS, Work, spec_of
from reelmill.store.database import Database
from reelmill.store.leases import FinishedTask, LeaseStore, NewTask
from reelmill.store.switches import GRAPHS, turn
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub
from reelmill.v1.messages_pb2 import TaskResult
from reelmill.v1.receipts_pb2 import Receipt

THREE = [{"name": name, "preset": "podcast-audio"} for name in ("a", "b", "c")]


async def spread(api: Api, database: Database) -> pb.Job:
    """A job of three outputs, made by two tasks: one runs, the other is READY."""
    async with database.connection() as connection:
        await turn(connection, GRAPHS, on=True)
    made = await api.create(outputs=THREE)
    first = await api.claim()
    shares = [Work(kind=MAKE_OUTPUTS, outputs=("a", "c"), cpu=3), Work(kind=MAKE_OUTPUTS, outputs=("b",), cpu=1)]
    new = [
        NewTask(id=task_id, kind=MAKE_OUTPUTS, spec=spec_of(first.job, share, {}), weight=share.cpu)
        for task_id, share in zip(sorted(uuid_utils.uuid7() for _ in shares), shares, strict=True)
    ]
    await LeaseStore(api.database, lease_seconds=60).complete([FinishedTask(lease=first.lease, spawned=tuple(new))])
    return made


async def tasks(api: Api, job_id: str, **asked: Any) -> pb.ListTasksResponse:
    return await api.service.ListTasks(pb.ListTasksRequest(id=job_id, **asked), CONTEXT)


async def test_each_task_tells_its_outputs_and_how_far_it_is(api: Api, database: Database) -> None:
    made = await spread(api, database)
    running = await api.claim()
    part = Part(task_id=running.id, share=0.75, before=0)
    told = pb.Progress(percent=40, speed=2).SerializeToString()
    await api.cache.put_progress(TENANT, UUID(made.id), running.fence, told, part)
    found = list((await tasks(api, made.id)).tasks)
    assert [(task.kind, list(task.outputs)) for task in found] == [
        ("run_job", []), (MAKE_OUTPUTS, ["a", "c"]), (MAKE_OUTPUTS, ["b"]),
    ]  # fmt: skip
    assert [task.HasField("progress") for task in found] == [True, True, False]
    assert [task.progress.percent for task in found] == [100, 40, 0]
    assert (found[1].worker, found[1].progress.speed, found[1].weight) == ("me", 2, 3)
    assert (pb.Task.Wait.Name(found[2].wait), found[2].tasks_before) == ("FOR_WORKER", 0)


async def test_a_job_of_one_task_has_one_with_all_its_outputs(api: Api) -> None:
    made = await api.create(outputs=THREE)
    [waiting] = (await tasks(api, made.id)).tasks
    assert (list(waiting.outputs), waiting.state, waiting.worker) == (["a", "b", "c"], pb.Task.READY, "")
    claimed = await api.claim()
    await api.cache.put_progress(TENANT, UUID(made.id), claimed.fence, pb.Progress(percent=7).SerializeToString())
    [running] = (await tasks(api, made.id)).tasks
    assert (running.state, running.progress.percent, running.id) == (pb.Task.RUNNING, 7, str(claimed.id))


async def test_a_task_tells_what_it_took_from_earlier_jobs(api: Api, database: Database) -> None:
    async with database.connection() as connection:
        await turn(connection, GRAPHS, on=True)
    made = await api.create(outputs=THREE)
    first, earlier = await api.claim(), str(uuid_utils.uuid7())
    receipts = [Receipt(outputs=["b"], reused_from=earlier), Receipt(outputs=["a", "c"])]
    spawned = NewTask(
        id=uuid_utils.uuid7(),
        kind=MAKE_OUTPUTS,
        spec=spec_of(first.job, Work(kind=MAKE_OUTPUTS, outputs=("a", "c"), cpu=1), {}),
    )
    result = TaskResult(receipts=receipts).SerializeToString()
    finished = FinishedTask(lease=first.lease, spawned=(spawned,), result=result)
    await LeaseStore(api.database, lease_seconds=60).complete([finished])
    found = list((await tasks(api, made.id)).tasks)
    assert [list(task.outputs) for task in found] == [["b"], ["a", "c"]]
    assert [[(one.output, one.reused_from) for one in task.reused] for task in found] == [[("b", earlier)], []]


async def test_tasks_come_page_by_page(api: Api, database: Database) -> None:
    made = await spread(api, database)
    whole = [task.id for task in (await tasks(api, made.id)).tasks]
    seen: list[str] = []
    page = await tasks(api, made.id, page_size=2)
    seen += [task.id for task in page.tasks]
    page = await tasks(api, made.id, page_size=2, page_token=page.next_page_token)
    seen += [task.id for task in page.tasks]
    assert (seen, page.next_page_token, len(whole)) == (whole, "", 3)


def test_a_token_that_is_none_is_refused_and_so_is_a_job_that_is_none(jobs: JobServiceStub) -> None:
    made = jobs.CreateJob(pb.CreateJobRequest(job=job()))
    told = fields_of(jobs.ListTasks, pb.ListTasksRequest(id=made.id, page_token="nonsense!"))
    assert "take next_page_token as it is" in told["page_token"]
    with refused() as refusal:
        jobs.ListTasks(pb.ListTasksRequest(id="no-uuid"))
    assert refusal.code == "NOT_FOUND"


@pytest.fixture(scope="module")
def done(live: Reelmill, live_jobs: JobServiceStub) -> pb.Job:
    """A job that has ended."""
    made = live_jobs.CreateJob(pb.CreateJobRequest(job=job(f"file://{live.media}/clip.mp4")))
    return finish(live_jobs, made.id)


def test_rest_has_the_tasks_too(done: pb.Job, live: Reelmill, live_jobs: JobServiceStub) -> None:
    [task] = live_jobs.ListTasks(pb.ListTasksRequest(id=done.id)).tasks
    with urlopen(f"{live.http}/v1/jobs/{done.id}/tasks") as answer:
        [told] = json.load(answer)["tasks"]
    assert (told["id"], told["state"], told["kind"]) == (task.id, "COMPLETED", "run_job")
    assert (told["progress"]["percent"], told["outputs"]) == (100, [output.name for output in done.outputs])
    assert told["worker"] == task.worker != ""
