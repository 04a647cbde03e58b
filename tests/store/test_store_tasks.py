"""The tasks of a job as clients see them: who has what, and why something waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import uuid_utils.compat as uuid_utils
from store.kit import AWAY, BAD_INPUT, TENANT, Store

from reelmill.jobs.errors import NotFound
from reelmill.store.jobs import Page
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS
from reelmill.store.tasks import BEFORE_COUNTED, FIRST
from reelmill.store.workers import LivingWorker
from reelmill.v1.jobs_pb2 import Job, Output, Task

SILENT_AFTER = timedelta(seconds=10)


def new_tasks(count: int, place: str) -> list[NewTask]:
    """Tasks in a place of the test's own, the last of which waits for all others."""
    ids = sorted(uuid_utils.uuid7() for _ in range(count))
    made = [NewTask(id=task_id, kind="make_outputs", spec=b"%d" % i, place=place) for i, task_id in enumerate(ids)]
    return [*made[:-1], replace(made[-1], depends_on=tuple(ids[:-1]))]


async def planned(store: Store, count: int, place: str, *, spec: bytes = b"") -> tuple[ClaimedTask, list[NewTask]]:
    """A job whose first task has spawned others; answers that task, and them."""
    await store.turn(GRAPHS, on=True)
    first = await store.running()
    new = [replace(task, spec=spec or task.spec) for task in new_tasks(count, place)]
    await store.leases.complete([FinishedTask(lease=first.lease, spawned=tuple(new))])
    return first, new


async def page(
    store: Store, job: Job, *, after: UUID = FIRST, limit: int = 100, tenant: UUID = TENANT
) -> tuple[Page[tuple[Task, bytes]], Sequence[str]]:
    return await store.jobs.tasks(tenant, UUID(job.id), after=after, limit=limit, silent_after=SILENT_AFTER)


async def told(store: Store, job: Job) -> list[Task]:
    return [task for task, _ in (await page(store, job))[0]]


async def announce(store: Store, place: str, *, kinds: Sequence[str] = ("make_outputs",), **told: int) -> str:
    """A worker that serves a place."""
    pool, *labels = place.split(" ")
    owner = f"worker-{uuid4()}"
    counts = {"slots": 2, "running": 0} | told
    worker = LivingWorker(owner=owner, version="1", kinds=tuple(kinds), pool=pool, labels=(*labels, "x"), **counts)
    await store.workers.announce(worker)
    return owner


def waits(tasks: Sequence[Task]) -> list[str]:
    return [Task.Wait.Name(task.wait) for task in tasks]


async def test_a_graph_is_told_with_who_runs_what_and_why_something_waits(store: Store) -> None:
    place = f"pool-{uuid4().hex} av1 gpu"
    first, new = await planned(store, 5, place)
    await store.leases.claim("one", limit=1, kinds=["make_outputs"], places=[place])
    [again] = await store.leases.claim("other", limit=1, kinds=["make_outputs"], places=[place])
    await store.leases.retry(again.lease, AWAY, wait_seconds=3600)
    tasks = await told(store, first.job)
    assert [UUID(task.id) for task in tasks] == [first.id, *(task.id for task in new)]
    assert [Task.State.Name(task.state) for task in tasks] == [
        "COMPLETED", "RUNNING", "DELAYED", "READY", "READY", "WAITING",
    ]  # fmt: skip
    assert waits(tasks) == ["WAIT_UNSPECIFIED"] * 2 + ["FOR_RETRY", "FOR_WORKER", "FOR_WORKER", "FOR_TASKS"]
    plan, running, delayed, ready, _, last = tasks
    assert (plan.kind, plan.planned_by, plan.worker, plan.pool) == ("run_job", "", "me", "default")
    assert {task.planned_by for task in tasks[1:]} == {plan.id}
    assert (running.worker, running.attempt, running.phase) == ("one", 1, Job.PROBING)
    assert (delayed.error.code, delayed.worker, delayed.phase) == (AWAY.code, "other", Job.PHASE_UNSPECIFIED)
    assert delayed.next_attempt_time.seconds > delayed.create_time.seconds + 3000
    assert (ready.pool, list(ready.labels), ready.weight) == (place.split()[0], ["av1", "gpu"], 1)
    assert abs(ready.ready_time.ToMilliseconds() - ready.create_time.ToMilliseconds()) < 60_000
    assert (last.open_dependencies, list(last.depends_on)) == (4, [str(task.id) for task in new[:-1]])
    assert [task.tasks_before for task in tasks] == [0, 0, 0, 0, 1, 0]
    await store.leases.claim("one", limit=1, kinds=["make_outputs"], places=[place])
    await store.jobs.cancel(TENANT, UUID(first.job.id), "")
    ended = await told(store, first.job)
    assert [Task.State.Name(task.state) for task in ended][2:] == ["CANCELLED", "RUNNING", "CANCELLED", "CANCELLED"]
    assert waits(ended) == ["WAIT_UNSPECIFIED"] * 6


async def test_a_ready_task_waits_for_a_worker_that_lives_knows_it_and_has_its_labels(store: Store) -> None:
    place = f"pool-{uuid4().hex} gpu"
    first, _ = await planned(store, 4, place)

    async def waiting() -> list[str]:
        return waits(await told(store, first.job))[1:4]

    await announce(store, place, kinds=["run_job"])
    await announce(store, place.split(" ")[0])
    await announce(store, f"{place}-other")
    silent = await announce(store, place)
    late = "UPDATE workers SET seen_time = clock_timestamp() - interval '11 seconds' WHERE owner = $1"
    await store.rows(late, silent)
    assert await waiting() == ["FOR_WORKER"] * 3
    await announce(store, place, slots=2, running=3)
    assert await waiting() == ["FOR_SLOT"] * 3
    await announce(store, place, slots=3, running=1)
    assert await waiting() == ["FOR_CLAIM", "FOR_CLAIM", "FOR_SLOT"]


async def test_what_goes_before_is_counted_as_a_claim_would_take_it_up_to_a_bound(store: Store) -> None:
    place, elsewhere = f"pool-{uuid4().hex}", f"pool-{uuid4().hex}"
    first, _ = await planned(store, 3, place)
    others = [await store.submit(priority=priority) for priority in (49, 50, 51, 99)]
    put = "UPDATE tasks SET place = $1 WHERE id = ANY ($2::uuid[])"
    await store.rows(put, place, [other.task_id for other in others[:3]])
    await store.rows(put, elsewhere, [others[3].task_id])

    async def before() -> list[int]:
        return [task.tasks_before for task in await told(store, first.job)][1:3]

    assert await before() == [1, 2]  # who came later with the same priority goes after them
    await store.rows("UPDATE tasks SET ready_time = '2000-01-01' WHERE id = $1", others[1].task_id)
    assert await before() == [2, 3]
    many = """
        INSERT INTO tasks (id, job_id, tenant_id, kind, state, priority, ready_time, place)
        SELECT uuidv7(), job_id, tenant_id, kind, state, 99, ready_time, place
        FROM tasks, generate_series(1, $2) WHERE id = $1
    """
    await store.rows(many, others[0].task_id, BEFORE_COUNTED - 3)
    assert await before() == [BEFORE_COUNTED - 1, BEFORE_COUNTED]
    await store.rows(many, others[0].task_id, 50)
    assert await before() == [BEFORE_COUNTED] * 2


async def test_pages_hold_each_task_once_and_another_tenants_job_is_not_there(store: Store) -> None:
    first, new = await planned(store, 6, "default")
    seen: list[UUID] = []
    lengths: list[int] = []
    more = True
    while more:
        found, _ = await page(store, first.job, after=seen[-1] if seen else FIRST, limit=3)
        seen += [UUID(task.id) for task, _ in found]
        lengths.append(len(found))
        more = found.more
    assert (seen, lengths) == ([first.id, *(task.id for task in new)], [3, 3, 1])
    with pytest.raises(NotFound):
        await page(store, first.job, tenant=uuid4())
    with pytest.raises(NotFound):
        await page(store, Job(id=str(uuid4())))


async def test_a_page_ends_at_its_bytes(store: Store) -> None:
    first, _ = await planned(store, 5, "default", spec=bytes(800_000))
    found, _ = await page(store, first.job)
    assert (len(found), found.more) == (4, True)  # the plan, and what brings it to 2 MiB
    assert len((await page(store, first.job, after=UUID(found[-1][0].id)))[0]) == 2


async def test_the_outputs_of_the_whole_are_the_first_tasks_until_it_has_spawned_others(store: Store) -> None:
    await store.turn(GRAPHS, on=True)
    first = await store.running(outputs=[Output(name="a"), Output(name="b")])
    assert (await page(store, first.job))[1] == ["a", "b"]
    await store.leases.complete([FinishedTask(lease=first.lease, spawned=tuple(new_tasks(2, "default")))])
    assert (await page(store, first.job))[1] == []


async def test_an_error_that_ended_a_task_is_told_whole(store: Store) -> None:
    failure = replace(BAD_INPUT, command="ffmpeg -i x", stderr_tail="bad")
    task = await store.running()
    await store.leases.fail(task.lease, failure)
    [ended] = await told(store, task.job)
    assert (ended.state, ended.error) == (Task.FAILED, failure.to_proto())
