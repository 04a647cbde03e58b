"""Tasks that made nothing because all of their outputs were optional and failed: what becomes of the job."""

import asyncio
from uuid import UUID

import pytest
import uuid_utils.compat as uuid_utils
from store.kit import TENANT, Store, made
from waiting import patient

from reelmill.jobs.errors import Failure
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.messages_pb2 import TaskResult

OUTPUTS = tuple(Output(name=name, optional=True) for name in "ab")
REFUSED = {name: Failure(code="ENCODER_REFUSED", message=f"not {name}", output=name) for name in "ab"}


async def parts(store: Store) -> list[ClaimedTask]:
    """The two parts of a job, claimed; each makes one of its optional outputs."""
    await store.turn(GRAPHS, on=True)
    first = await store.running(outputs=OUTPUTS)
    new = [NewTask(id=uuid_utils.uuid7(), kind="make_outputs", spec=name.encode()) for name in "ab"]
    await store.leases.complete([FinishedTask(lease=first.lease, spawned=tuple(new))])
    found = await store.claim_these([task.id for task in new])
    return sorted(found, key=lambda task: task.spec)


def empty(task: ClaimedTask) -> FinishedTask:
    failure = REFUSED[task.spec.decode()]
    result = TaskResult(output_errors=[failure.to_proto()]).SerializeToString()
    return FinishedTask(lease=task.lease, result=result, failure=failure)


def whole(task: ClaimedTask) -> FinishedTask:
    return FinishedTask(lease=task.lease, files=(made(output=task.spec.decode()),))


def told(job: Job) -> tuple[str, dict[str, int | str]]:
    outputs = {o.name: o.error.message if o.HasField("error") else len(o.files) for o in job.outputs}
    return Job.State.Name(job.state), outputs


@pytest.mark.parametrize("empty_first", [True, False])
async def test_a_part_that_made_nothing_costs_the_job_its_output_alone(store: Store, empty_first: bool) -> None:
    a, b = await parts(store)
    ends = [empty(a), whole(b)] if empty_first else [whole(b), empty(a)]
    first, second = ends
    assert (await store.leases.complete([first]))[first.lease].job.state == Job.PROCESSING
    done = (await store.leases.complete([second]))[second.lease].job
    assert told(done) == ("COMPLETED", {"a": "not a", "b": 1})
    assert told(await store.jobs.get(TENANT, UUID(done.id))) == told(done)


async def test_both_in_one_call_too(store: Store) -> None:
    a, b = await parts(store)
    answer = await store.leases.complete([whole(b), empty(a)])
    assert set(answer) == {a.lease, b.lease}
    assert told(await store.jobs.get(TENANT, UUID(a.job.id))) == ("COMPLETED", {"a": "not a", "b": 1})


async def test_a_job_of_which_nothing_was_made_has_failed(store: Store) -> None:
    a, b = await parts(store)
    await store.leases.complete([empty(a)])
    done = (await store.leases.complete([empty(b)]))[b.lease].job
    assert (done.state, done.error.code, done.error.output) == (Job.FAILED, "ENCODER_REFUSED", "b")
    assert told(await store.jobs.get(TENANT, UUID(done.id)))[0] == "FAILED"
    assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'dead-letter'") == 1
    assert await store.leases.complete([empty(b)]) == {} == await store.leases.complete([whole(b)])


async def test_two_that_end_at_once_agree(store: Store) -> None:
    """The one that made nothing may come last and must then see what the other wrote meanwhile."""
    for _ in range(20):
        a, b = await parts(store)
        await asyncio.gather(store.leases.complete([empty(a)]), store.leases.complete([whole(b)]))
        assert told(await store.jobs.get(TENANT, UUID(a.job.id))) == ("COMPLETED", {"a": "not a", "b": 1})


async def test_of_two_that_made_nothing_at_once_the_last_fails_the_job(store: Store) -> None:
    a, b = await parts(store)
    job_id = UUID(a.job.id)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with store.database.transaction() as held:  # so that both have begun before either can end
        await held.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", job_id)
        ends = [asyncio.create_task(store.leases.complete([empty(task)])) for task in (a, b)]
        async with patient():
            while await store.value(waiting) < len(ends):
                await asyncio.sleep(0.01)
    await asyncio.gather(*ends)
    assert told(await store.jobs.get(TENANT, job_id))[0] == "FAILED"


async def test_a_lease_that_was_lost_ends_nothing(store: Store) -> None:
    a, b = await parts(store)
    await store.leases.complete([empty(a)])
    await store.end_lease(b.id)
    await store.rescue()
    assert await store.leases.complete([empty(b)]) == {}
    assert (await store.jobs.get(TENANT, UUID(b.job.id))).state == Job.PROCESSING
