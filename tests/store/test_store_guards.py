"""The database's own guards: they hold whatever the code forgets."""

import asyncpg
import pytest
from store.kit import TENANT, Store, made

from reelmill.jobs.errors import Unavailable
from reelmill.jobs.states import FINAL_JOB_STATES, JOB_TRANSITIONS, TASK_TRANSITIONS, JobState, TaskState

# A task's columns that go with its state.
_TASK_COLUMNS = {
    TaskState.RUNNING: "lease_until = clock_timestamp(), run_at = NULL, fence = fence + 1",
    TaskState.DELAYED: "lease_until = NULL, run_at = clock_timestamp()",
}
_TASK_IN = {
    JobState.QUEUED: TaskState.READY,
    JobState.PROCESSING: TaskState.RUNNING,
    JobState.COMPLETED: TaskState.COMPLETED,
    JobState.FAILED: TaskState.FAILED,
    JobState.CANCELLED: TaskState.CANCELLED,
}


class _Undo(Exception):
    """Ends a transaction without its effects."""


async def _allowed(store: Store, statement: str, *arguments: object) -> bool:
    """Whether the triggers let a statement pass; it is undone."""
    try:
        async with store.database.transaction() as connection:
            await connection.execute(statement, *arguments)
            raise _Undo
    except _Undo:
        return True
    except asyncpg.PostgresError as error:
        assert error.sqlstate.startswith("RM"), error
        return False


@pytest.mark.parametrize("state", TASK_TRANSITIONS)
async def test_the_database_lets_tasks_change_as_the_code_says(store: Store, state: TaskState) -> None:
    new = await store.brought_to(state)
    allowed = set()
    for target in TaskState:
        columns = _TASK_COLUMNS.get(target, "lease_until = NULL, run_at = NULL")
        statement = f"UPDATE tasks SET state = '{target}', {columns} WHERE id = $1"
        if await _allowed(store, statement, new.task_id):
            allowed.add(target)
    assert allowed == TASK_TRANSITIONS[state]


@pytest.mark.parametrize("state", JOB_TRANSITIONS)
async def test_the_database_lets_jobs_change_as_the_code_says(store: Store, state: JobState) -> None:
    new = await store.brought_to(_TASK_IN[state])
    allowed = set()
    for target in JobState:
        end = "clock_timestamp()" if target in FINAL_JOB_STATES else "NULL"
        # A job that ends leaves no task that nobody told.
        if state not in FINAL_JOB_STATES:
            told = "UPDATE tasks SET cancel_requested = $2 WHERE job_id = $1"
            await store.rows(told, new.id, target in FINAL_JOB_STATES)
        # attempt: a change without another state is a change too.
        statement = f"UPDATE jobs SET state = '{target}', end_time = {end}, attempt = attempt + 1 WHERE id = $1"
        if await _allowed(store, statement, new.id):
            allowed.add(target)
    assert allowed == JOB_TRANSITIONS[state]


async def test_a_job_of_two_tasks_leaves_none_untold_and_one_of_one_is_not_asked(store: Store) -> None:
    new = await store.brought_to(TaskState.RUNNING)
    end = "UPDATE jobs SET state = 'FAILED', end_time = clock_timestamp(), tasks = $2 WHERE id = $1"
    assert await _allowed(store, end, new.id, 1)
    with pytest.raises(Unavailable, match="a task was spawned meanwhile"):  # who asked repeats it
        await _allowed(store, end, new.id, 2)


@pytest.mark.parametrize("state", sorted(FINAL_JOB_STATES))
@pytest.mark.parametrize("change", ["labels = '{}'", "error = NULL", "output_prefix = ''", "priority = 1"])
async def test_a_job_that_has_ended_never_changes(store: Store, state: JobState, change: str) -> None:
    new = await store.brought_to(_TASK_IN[state])
    assert not await _allowed(store, f"UPDATE jobs SET {change} WHERE id = $1", new.id)
    assert not await _allowed(store, "UPDATE tasks SET owner = 'x' WHERE id = $1", new.task_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs SET spec = 'x'",
        "DELETE FROM jobs",
        "UPDATE tasks SET fence = fence - 1",
        "UPDATE tasks SET state = 'READY', lease_until = NULL, fence = 0",
        "UPDATE job_events SET attempt = 7",
        "DELETE FROM job_events",
    ],
)
async def test_what_must_never_happen_to_a_running_job_is_refused(store: Store, statement: str) -> None:
    await store.running()
    assert not await _allowed(store, statement)


@pytest.mark.parametrize("statement", ["UPDATE output_files SET uri = 'x'", "DELETE FROM output_files"])
async def test_files_never_change(store: Store, statement: str) -> None:
    await store.complete(await store.running(), made())
    assert not await _allowed(store, statement)


async def test_a_task_to_stop_is_neither_claimed_nor_completed(store: Store) -> None:
    ready, running = await store.submit(), await store.running()
    await store.rows("UPDATE tasks SET cancel_requested = true")
    claim = "UPDATE tasks SET state = 'RUNNING', fence = fence + 1, lease_until = clock_timestamp() WHERE id = $1"
    assert not await _allowed(store, claim, ready.task_id)
    complete = "UPDATE tasks SET state = 'COMPLETED', lease_until = NULL WHERE id = $1"
    assert not await _allowed(store, complete, running.id)


async def test_a_claim_must_grow_the_fence_by_one(store: Store) -> None:
    new = await store.submit()
    for step in (0, 2):
        claim = f"UPDATE tasks SET state = 'RUNNING', fence = fence + {step}, lease_until = now() WHERE id = $1"
        assert not await _allowed(store, claim, new.task_id)


async def test_a_cancelled_job_is_never_completed(store: Store) -> None:
    task = await store.running()
    job = await store.job(task.job.id)
    await store.jobs.cancel(TENANT, job["id"], "")
    statement = "UPDATE jobs SET state = 'COMPLETED', phase = NULL, end_time = clock_timestamp()"
    assert not await _allowed(store, statement)


@pytest.mark.parametrize("change", ["version = 99", "version = 99, attempt = 5", "attempt = 5", "phase = 'UPLOADING'"])
async def test_each_change_of_a_job_is_one_event_without_a_gap(store: Store, change: str) -> None:
    await store.running()
    await store.rows(f"UPDATE jobs SET {change}")
    assert await store.value("SELECT version FROM jobs") == 3
    assert [r["seq"] for r in await store.rows("SELECT seq FROM job_events ORDER BY seq")] == [1, 2, 3]


async def test_counting_open_tasks_is_no_event(store: Store) -> None:
    await store.running()
    await store.rows("UPDATE jobs SET open_tasks = open_tasks + 1")
    assert await store.value("SELECT count(*) FROM job_events") == 2


@pytest.mark.parametrize("state", [TaskState.WAITING, TaskState.DELAYED, TaskState.RUNNING])
async def test_every_task_that_becomes_ready_is_announced(store: Store, state: TaskState) -> None:
    new = await store.brought_to(state)
    await store.rows("DELETE FROM outbox")
    await store.rows("UPDATE tasks SET state = 'READY', lease_until = NULL, run_at = NULL")
    [row] = await store.rows("SELECT topic, key FROM outbox WHERE topic LIKE 'tasks%'")
    assert (row["topic"], row["key"]) == ("tasks.normal", str(new.id))
