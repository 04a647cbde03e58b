"""Jobs of several tasks: each has its own attempt, folder and phase, and the job's state is derived."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
import uuid_utils.compat as uuid_utils
from store.kit import AWAY, BAD_INPUT, TENANT, Store, made
from waiting import patient

from reelmill.jobs.progress import Part
from reelmill.jobs.states import Phase
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS

MAX_CRASHES = 2


def tasks(count: int, *, kind: str = "run_job", edges: Sequence[tuple[int, int]] = ()) -> tuple[NewTask, ...]:
    """New tasks; an edge is (the task, what it waits for), by their numbers."""
    ids = sorted(uuid_utils.uuid7() for _ in range(count))
    return tuple(
        NewTask(
            id=task_id,
            kind=kind,
            spec=b"%d" % i,
            depends_on=tuple(ids[before] for after, before in edges if after == i),
        )
        for i, task_id in enumerate(ids)
    )


async def spawned(store: Store, new: Sequence[NewTask]) -> ClaimedTask:
    """A job whose first task has spawned others; answers that task."""
    await store.turn(GRAPHS, on=True)
    first = await store.running()
    finished = FinishedTask(lease=first.lease, result=b"plan", spawned=tuple(new))
    assert first.lease in await store.leases.complete([finished])
    return first


async def claimed(store: Store, new: Sequence[NewTask]) -> list[ClaimedTask]:
    """Those that are ready, in the order of their ids."""
    found = await store.claim_these([task.id for task in new])
    return sorted(found, key=lambda task: str(task.id))


async def states(store: Store, first: ClaimedTask, new: Sequence[NewTask] = ()) -> str:
    """The job's state, its first task's, and those of the tasks that followed."""
    found = dict(await store.rows("SELECT id, state::text FROM tasks WHERE job_id = $1", UUID(first.job.id)))
    return " ".join([(await store.job(first.job.id))["state"], found.pop(first.id), *(found[task.id] for task in new)])


async def deleted(store: Store) -> list[str]:
    """Folders that are to be deleted."""
    return [row["uri"] for row in await store.rows("SELECT uri FROM storage_deletions ORDER BY id")]


async def test_a_completion_spawns_tasks_and_the_last_of_them_ends_the_job(store: Store) -> None:
    new = tasks(3, edges=[(2, 0), (2, 1)])
    first = await spawned(store, new)
    assert await states(store, first, new) == "PROCESSING COMPLETED READY READY WAITING"
    left, right = await claimed(store, new)
    assert (left.spec, left.attempt, left.job.id) == (b"0", 1, first.job.id)
    await store.complete(left)
    await store.complete(right, made("chunk.mp4"))
    assert await states(store, first, new) == "PROCESSING COMPLETED COMPLETED COMPLETED READY"
    [join] = await claimed(store, new)
    stored = await store.complete(join, made(position=1))
    assert stored
    assert await states(store, first, new) == "COMPLETED COMPLETED COMPLETED COMPLETED COMPLETED"
    assert [row["seq"] for row in await store.rows("SELECT seq FROM job_events ORDER BY seq")] == [1, 2, 3]
    assert (await store.task(first.id))["result"] == b"plan"
    assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'tasks.normal'") == 4


async def test_what_a_jobs_tasks_shared_goes_with_its_end_and_not_before(store: Store) -> None:
    shared, alone = (b'{"copies": "file:///x/_inputs/"}', b'{"outputs": ["copies"]}')
    for spec in (shared, alone):
        before, new = await deleted(store), [replace(task, spec=spec) for task in tasks(2)]
        first = await spawned(store, new)
        one, other = await claimed(store, new)
        stale = replace(one.lease, fence=one.fence - 1)
        gone = [f"{first.output_prefix}_inputs/"] if spec is shared else []
        for lease, after in ((stale, []), (one.lease, []), (other.lease, gone), (other.lease, gone)):
            await store.leases.complete([FinishedTask(lease=lease)])
            assert await deleted(store) == [*before, *after]


async def test_two_siblings_that_complete_at_once_wake_what_waits_for_both_once(store: Store) -> None:
    for _ in range(10):
        new = tasks(3, edges=[(2, 0), (2, 1)])
        first = await spawned(store, new)
        await asyncio.gather(*(store.complete(task) for task in await claimed(store, new)))
        assert await states(store, first, new) == "PROCESSING COMPLETED COMPLETED COMPLETED READY"


async def test_each_task_writes_below_a_prefix_of_its_own_and_the_first_as_ever(store: Store) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    whole = (await store.job(first.job.id))["output_prefix"]
    assert first.output_prefix == f"{whole}1/"
    assert [left.output_prefix, right.output_prefix] == [f"{whole}{new[0].id}-1/", f"{whole}{new[1].id}-1/"]


@pytest.mark.parametrize("end", ["retry", "release", "fail", "cancelled", "rescue"])
async def test_the_end_of_one_deletes_its_own_folder_alone(store: Store, end: str) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, _ = await claimed(store, new)
    if end == "retry":
        await store.leases.retry(left.lease, AWAY, wait_seconds=9)
    elif end == "release":
        await store.leases.release(left.lease)
    elif end == "fail":
        await store.leases.fail(left.lease, BAD_INPUT)
    elif end == "cancelled":
        await store.jobs.cancel(TENANT, UUID(left.job.id), "")
        await store.leases.cancelled(left.lease)
    else:
        await store.end_lease(left.id)
        await store.rescue()
    # A job that failed needs what its other tasks have made no more.
    assert await deleted(store) == [left.output_prefix, *([first.output_prefix] if end == "fail" else [])]


@pytest.mark.parametrize("end", ["retry", "release", "rescue"])
async def test_while_a_sibling_runs_the_job_goes_on(store: Store, end: str) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    before = (await store.job(first.job.id))["version"]
    if end == "retry":
        await store.leases.retry(left.lease, AWAY, wait_seconds=9)
    elif end == "release":
        await store.leases.release(left.lease)
    else:
        await store.end_lease(left.id)
        await store.rescue()
    job = await store.job(first.job.id)
    assert (job["state"], job["phase"], job["error"], job["version"]) == ("PROCESSING", "PROBING", None, before)
    assert ((await store.task(left.id))["error"] is not None) is (end != "release")
    stored = await store.leases.report(right.lease, Phase.UPLOADING, [])
    assert stored
    assert stored.job.phase == stored.job.UPLOADING


async def test_the_job_shows_the_furthest_phase_and_each_task_its_own(store: Store) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    await store.leases.report(left.lease, Phase.PACKAGING, [])
    await store.leases.report(right.lease, Phase.TRANSCODING, [])
    assert (await store.job(first.job.id))["phase"] == "PACKAGING"
    assert [(await store.task(task.id))["phase"] for task in new] == ["PACKAGING", "TRANSCODING"]


async def test_two_leases_that_expire_together_one_of_them_too_often(store: Store) -> None:
    new = tasks(3, edges=[(2, 0)])
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    await store.rows("UPDATE tasks SET crashes = $1 WHERE id = $2", MAX_CRASHES - 1, left.id)
    await store.end_lease(left.id)
    await store.end_lease(right.id)
    [stored] = await store.rescue(max_crashes=MAX_CRASHES)
    assert stored.job.error.code == "WORKER_LOST"
    assert await states(store, first, new) == "FAILED COMPLETED FAILED CANCELLED CANCELLED"
    assert await store.leases.claim("me", limit=9) == []
    assert await store.rescue(max_crashes=MAX_CRASHES) == []


async def test_a_rescue_that_can_not_stop_a_sibling_leaves_the_task_to_the_next(store: Store) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    await store.rows("UPDATE tasks SET crashes = $1 WHERE id = $2", MAX_CRASHES - 1, left.id)
    await store.end_lease(left.id)
    async with store.database.transaction() as connection:
        await connection.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", right.id)
        assert await store.rescue(max_crashes=MAX_CRASHES) == []
    assert await states(store, first, new) == "PROCESSING COMPLETED RUNNING RUNNING"
    await store.rescue(max_crashes=MAX_CRASHES)
    assert await states(store, first, new) == "FAILED COMPLETED FAILED RUNNING"
    assert await store.leases.heartbeat([right.lease]) == {right.lease: True}
    assert await store.leases.cancelled(right.lease) is None
    assert await states(store, first, new) == "FAILED COMPLETED FAILED CANCELLED"


async def test_a_failure_stops_all_that_has_not_ended(store: Store) -> None:
    new = tasks(5, edges=[(4, 0)])
    first = await spawned(store, new)
    left, right, late, _ = await claimed(store, new)
    await store.leases.retry(late.lease, AWAY, wait_seconds=99)
    await store.leases.release(left.lease)
    await store.leases.fail(right.lease, BAD_INPUT)
    assert await states(store, first, new) == "FAILED COMPLETED CANCELLED FAILED CANCELLED RUNNING CANCELLED"
    job = await store.job(first.job.id)
    assert (job["phase"], job["next_attempt_time"]) == (None, None)


async def test_attempts_are_charged_to_the_task_that_made_them(store: Store) -> None:
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    for _ in range(2):
        await store.leases.retry(left.lease, AWAY, wait_seconds=0)
        await store.leases.wake_delayed(limit=9)
        [left] = await claimed(store, new)
    assert (left.attempt, left.charged_attempts, left.job.attempt) == (3, 3, 3)
    await store.leases.release(right.lease)
    [right] = await claimed(store, new)
    assert (right.attempt, right.charged_attempts, right.job.attempt) == (1, 1, 3)
    await store.leases.release(left.lease)
    assert (await store.job(first.job.id))["attempt"] == 2


async def test_a_kind_that_a_worker_does_not_know_is_left_to_others(store: Store) -> None:
    new = tasks(1, kind="chunk")
    await spawned(store, new)
    assert await store.leases.claim("old", limit=9) == []
    [task] = await store.leases.claim("new", limit=9, kinds=["run_job", "chunk"])
    assert task.kind == "chunk"


async def test_a_lost_lease_spawns_nothing(store: Store) -> None:
    first = await store.running()
    await store.leases.release(first.lease)
    await store.leases.complete([FinishedTask(lease=first.lease, spawned=tasks(2))])
    assert await states(store, first) == "QUEUED READY"


@pytest.mark.parametrize(
    "edge", [(0, 1), (1, 1), (0, "first"), (1, "strangers")], ids=["later", "itself", "the first", "another job's"]
)
async def test_what_a_task_depends_on_was_spawned_with_it_and_before(store: Store, edge: tuple[int, int | str]) -> None:
    strangers = tasks(1)
    await spawned(store, strangers)
    first = await store.running()
    new = list(tasks(2))
    after, before = edge
    target = {"first": first.id, "strangers": strangers[0].id}.get(str(before)) or new[int(before)].id
    new[after] = NewTask(id=new[after].id, kind="run_job", depends_on=(target,))
    with pytest.raises(asyncpg.PostgresError, match="depends on what was spawned with it"):
        await store.leases.complete([FinishedTask(lease=first.lease, spawned=tuple(new))])
    assert await states(store, first) == "PROCESSING RUNNING"


@pytest.mark.parametrize("end", ["cancel", "deadline", "fail"])
async def test_what_ends_a_job_stops_what_is_spawned_in_that_moment(store: Store, end: str) -> None:
    """The statement waits for the task that spawns, and does not see what is new: it is repeated."""
    new = tasks(2)
    first = await spawned(store, new)
    left, right = await claimed(store, new)
    # `left` has the smaller id: whoever locks in order waits for it first.
    more = tasks(2, edges=[(1, 0)])
    held = asyncio.Event()
    let_go = asyncio.Event()

    async def spawn() -> None:
        async with store.database.transaction() as connection:
            holding = Store(_Held(store.database, connection))  # type: ignore[arg-type]
            await holding.leases.complete([FinishedTask(lease=left.lease, spawned=more)])
            held.set()
            await let_go.wait()

    if end == "deadline":
        await store.rows("UPDATE jobs SET deadline = '-infinity'")
    spawning = asyncio.create_task(spawn())
    await held.wait()
    ending = asyncio.create_task(
        {
            "cancel": lambda: store.jobs.cancel(TENANT, UUID(first.job.id), ""),
            "deadline": lambda: store.leases.expire(limit=9),
            "fail": lambda: store.leases.fail(right.lease, BAD_INPUT),
        }[end]()
    )
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with patient():
        while not await store.value(blocked):
            await asyncio.sleep(0.01)
    let_go.set()
    await spawning
    assert await ending
    over = {"cancel": "PROCESSING", "deadline": "FAILED", "fail": "FAILED"}[end]
    ours = "FAILED" if end == "fail" else "RUNNING"
    assert await states(store, first, (*new, *more)) == f"{over} COMPLETED COMPLETED {ours} CANCELLED CANCELLED"
    assert await store.leases.claim("me", limit=9) == []


class _Held:
    """A database whose only connection is in a transaction that is not committed yet."""

    def __init__(self, database: object, connection: asyncpg.Connection) -> None:
        self._connection = connection

    def connection(self) -> "_Held":
        return self

    async def __aenter__(self) -> asyncpg.Connection:
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        return None


async def test_tasks_are_spawned_only_where_graphs_are_switched_on(store: Store) -> None:
    first = await store.running()
    finished = FinishedTask(lease=first.lease, spawned=tasks(2))
    with pytest.raises(asyncpg.PostgresError, match="reelmill migrate --graphs on"):
        await store.leases.complete([finished])
    assert await states(store, first) == "PROCESSING RUNNING"
    await store.turn(GRAPHS, on=True)
    assert first.lease in await store.leases.complete([finished])
    await store.turn(GRAPHS, on=False)  # what was begun goes on
    assert len(await store.leases.claim("me", limit=9)) == 2
    with pytest.raises(ValueError, match="no switch 'graph'"):
        await store.turn("graph", on=True)


async def test_a_task_knows_its_share_of_the_job_and_what_was_done_before(store: Store) -> None:
    new = [replace(task, weight=weight) for task, weight in zip(tasks(3, edges=[(2, 0)]), (4, 2, 3), strict=True)]
    assert (await store.running()).part is None
    await spawned(store, new)
    left, right = await claimed(store, new)
    assert (left.part, right.part) == (
        Part(task_id=left.id, share=0.4, before=0.1),  # the first, which spawned them, weighs 1
        Part(task_id=right.id, share=0.2, before=0.1),
    )
    await store.complete(left)
    [join] = await claimed(store, new)
    assert join.part == Part(task_id=join.id, share=0.3, before=0.5)
