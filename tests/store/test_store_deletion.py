"""Jobs that a client deletes go with all that belongs to them, and nothing of another."""

from uuid import UUID, uuid4

import pytest
from store.kit import BAD_INPUT, TENANT, Store, made

from reelmill.jobs.errors import NotFound, WrongState
from reelmill.jobs.states import TaskState
from reelmill.store.jobs import JobFilter
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.switches import GRAPHS

OWN = "file:///own/"


async def test_all_that_belongs_to_a_job_goes_and_nothing_else(store: Store) -> None:
    kept, task = await store.running(prefix="file:///own/outputs"), await store.running(prefix="file:///own/outputs")
    for one in (kept, task):
        await store.leases.complete([FinishedTask(lease=one.lease, files=(made(),), keys={"a": "a" * 64})])
    before = await store.everything()
    with pytest.raises(NotFound):
        await store.jobs.delete(uuid4(), UUID(task.job.id), own_storage=OWN)
    await store.jobs.delete(TENANT, UUID(task.job.id), own_storage=OWN)
    after = await store.everything()
    assert [row["uri"] for row in after.pop("storage_deletions")] == [task.output_prefix]
    for table, rows in after.items():
        if table not in ("outbox", "idempotency_keys"):
            assert len(rows) == len(before[table]) / 2, table
            assert all(str(row["id" if table == "jobs" else "job_id"]) == kept.job.id for row in rows)
    assert [row["job_id"] for row in await store.rows("SELECT * FROM results")] == [UUID(kept.job.id)]
    with pytest.raises(NotFound):
        await store.jobs.delete(TENANT, UUID(task.job.id), own_storage=OWN)


async def test_files_in_a_destination_of_its_own_stay(store: Store) -> None:
    task = await store.running(prefix="file:///theirs")
    await store.complete(task, made())
    await store.jobs.delete(TENANT, UUID(task.job.id), own_storage=OWN)
    assert await store.value("SELECT count(*) FROM storage_deletions") == 0


@pytest.mark.parametrize("state", [TaskState.READY, TaskState.DELAYED, TaskState.RUNNING])
async def test_what_has_not_ended_stays(store: Store, state: TaskState) -> None:
    new = await store.brought_to(state)
    with pytest.raises(WrongState, match="cancel it first"):
        await store.jobs.delete(TENANT, new.id, own_storage=OWN)
    assert await store.jobs.delete_some(TENANT, JobFilter(), own_storage=OWN, limit=9) == []


async def test_who_still_stops_is_waited_for(store: Store) -> None:
    """Its worker may write files yet, which nobody would delete."""
    await store.turn(GRAPHS, on=True)
    task = await store.running()
    parts = tuple(NewTask(id=uuid4(), kind="run_job", spec=b"part") for _ in range(2))
    await store.leases.complete([FinishedTask(lease=task.lease, spawned=parts)])
    one, other = await store.claim_these([part.id for part in parts])
    await store.leases.fail(one.lease, BAD_INPUT)
    job_id = UUID(task.job.id)
    with pytest.raises(WrongState, match="still stopping"):
        await store.jobs.delete(TENANT, job_id, own_storage=OWN)
    assert await store.jobs.delete_some(TENANT, JobFilter(), own_storage=OWN, limit=9) == []
    await store.leases.cancelled(other.lease)
    assert await store.value("SELECT state::text FROM tasks WHERE id = $1", other.id) == "CANCELLED"
    await store.jobs.delete(TENANT, job_id, own_storage=OWN)


async def test_a_filter_deletes_the_oldest_of_the_tenants_own_first(store: Store) -> None:
    made_jobs = [await store.brought_to(TaskState.CANCELLED) for _ in range(3)]
    assert await store.jobs.delete_some(uuid4(), JobFilter(), own_storage=OWN, limit=9) == []
    assert await store.jobs.delete_some(TENANT, JobFilter(states=("FAILED",)), own_storage=OWN, limit=9) == []
    [first] = await store.jobs.delete_some(TENANT, JobFilter(labels={"body": ""}), own_storage=OWN, limit=1)
    assert first == made_jobs[0].id
    assert len(await store.jobs.delete_some(TENANT, JobFilter(), own_storage=OWN, limit=9)) == 2
