"""Results of jobs that others take, and digests of inputs: whose they are, and how long they are told."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from store.kit import BAD_INPUT, TENANT, USER, Store, made, new_job
from waiting import patient

from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.results import UNTOUCHED, Result, ResultStore
from reelmill.store.switches import GRAPHS

KEY, OTHER = "a" * 64, "b" * 64
DAY = timedelta(days=1)
OWN = "file:///own/"


@pytest.fixture
def results(store: Store) -> ResultStore:
    return ResultStore(store.database)


async def end(store: Store, task: ClaimedTask, *, key: str = KEY, spawned: tuple[NewTask, ...] = ()) -> None:
    """Complete a task whose output has a key."""
    finished = FinishedTask(lease=task.lease, files=(made(),), keys={"a": key}, spawned=spawned)
    await store.leases.complete([finished])


async def found(results: ResultStore, *keys: str, tenant_id: UUID = TENANT, within: timedelta = DAY) -> dict[str, UUID]:
    return {key: one.job_id for key, one in (await results.find(tenant_id, keys or (KEY,), within=within)).items()}


async def test_a_result_is_the_newest_completed_jobs_of_its_tenant(store: Store, results: ResultStore) -> None:
    first, second = await store.running(), await store.running()
    assert await found(results) == {}
    await end(store, second)
    await end(store, first)
    newest = max(UUID(first.job.id), UUID(second.job.id))
    assert await found(results, KEY, OTHER) == {KEY: newest}
    assert [file.uri for file in await results.files(TENANT, Result(job_id=newest, output="a"), limit=9)] == [
        made().file.uri
    ]
    assert await found(results, tenant_id=uuid4()) == {}
    assert await results.files(uuid4(), Result(job_id=newest, output="a"), limit=9) == []
    assert await found(results, within=timedelta(0)) == {}


async def test_what_a_lost_lease_tells_is_no_result(store: Store, results: ResultStore) -> None:
    task = await store.running()
    await store.end_lease(task.id)
    await store.rescue()
    await end(store, task)
    assert await store.value("SELECT count(*) FROM results") == 0
    [again] = await store.claim_these([task.id])
    await end(store, again, key=OTHER)
    await end(store, again, key=OTHER)  # told twice, for its answer was lost
    late = FinishedTask(lease=task.lease, files=(made(),), keys={"late": KEY})
    await store.leases.complete([late])
    assert await found(results, KEY, OTHER) == {OTHER: UUID(task.job.id)}


async def test_of_a_job_that_is_not_completed_nothing_is_taken(store: Store, results: ResultStore) -> None:
    await store.turn(GRAPHS, on=True)
    before = await store.running()
    await end(store, before)
    task = await store.running()
    part = NewTask(id=uuid4(), kind="run_job", spec=b"part")
    await end(store, task, spawned=(part,))
    assert await found(results) == {KEY: UUID(before.job.id)}
    [claimed] = await store.claim_these([part.id])
    await store.leases.fail(claimed.lease, BAD_INPUT)
    assert await found(results) == {KEY: UUID(before.job.id)}
    assert await results.files(TENANT, Result(job_id=UUID(task.job.id), output="a"), limit=9) == []


async def test_results_go_with_their_job_and_digests_with_their_age(store: Store, results: ResultStore) -> None:
    older, newer = await store.running(), await store.running()
    await end(store, older)
    await end(store, newer)
    await results.keep_digests(TENANT, {KEY: OTHER})
    await results.keep_digests(TENANT, {KEY: KEY})  # of two that hashed at once the first stands: both are the same
    assert await results.digests(TENANT, [KEY, OTHER]) == {KEY: OTHER}
    assert await results.digests(uuid4(), [KEY]) == {}
    await store.retention.trim()
    assert await results.digests(TENANT, [KEY]) == {KEY: OTHER}
    await store.rows("UPDATE input_digests SET create_time = create_time - interval '31 days'")
    await store.retention.trim()
    assert await results.digests(TENANT, [KEY]) == {}
    assert await store.retention.delete_jobs(timedelta(0), own_storage=OWN, limit=9) == 2
    assert await found(results) == {}
    assert await store.value("SELECT count(*) FROM results") == 0


async def test_lookups_completions_and_deletions_do_not_disturb_each_other(store: Store, results: ResultStore) -> None:
    """Nobody waits for ever or fails, and what is told was there: a job that is COMPLETED, with its files."""
    jobs = [new_job() for _ in range(24)]
    await store.jobs.create(TENANT, USER, jobs)
    tasks = await store.claim_these([new.task_id for new in jobs])
    told: set[UUID] = set()

    async def complete(some: list[ClaimedTask]) -> None:
        for task in some:
            done = [FinishedTask(lease=task.lease, files=(made(),), keys={"a": KEY})]
            assert await store.leases.complete(done)

    async def look() -> None:
        while not told or not all(worker.done() for worker in working):
            for one in (await results.find(TENANT, [KEY], within=DAY)).values():
                if await results.files(TENANT, one, limit=9):
                    told.add(one.job_id)
            await asyncio.sleep(0)

    async def delete() -> None:
        while not all(worker.done() for worker in working):
            if told:
                await store.retention.delete_jobs(timedelta(0), own_storage=OWN, limit=3)
            await asyncio.sleep(0)

    working = [asyncio.create_task(complete(tasks[i::2])) for i in range(2)]
    async with patient():
        await asyncio.gather(*working, look(), look(), delete())
    async with patient():
        while await store.retention.delete_jobs(timedelta(0), own_storage=OWN, limit=9):
            pass
    assert told and told <= {new.id for new in jobs}
    assert await store.value("SELECT count(*) FROM results") == 0


async def used(store: Store, task: ClaimedTask, ago: timedelta) -> None:
    """Have a job's result asked for a while ago."""
    query = "UPDATE results SET used_time = clock_timestamp() - $2::interval WHERE job_id = $1"
    await store.rows(query, UUID(task.job.id), ago)


async def last_used(store: Store) -> dict[str, timedelta | None]:
    """How long ago results were asked for, by their jobs."""
    rows = await store.rows("SELECT job_id::text, clock_timestamp() - used_time AS ago FROM results")
    return {row["job_id"]: row["ago"] for row in rows}


async def test_that_a_result_was_asked_for_is_written_with_the_answer(store: Store, results: ResultStore) -> None:
    older, newer = await store.running(), await store.running()
    await end(store, older)
    await end(store, newer)
    assert await last_used(store) == {older.job.id: None, newer.job.id: None}
    told = await found(results)
    now = await last_used(store)
    assert {UUID(job) for job, ago in now.items() if ago is not None} == set(told.values())
    await used(store, newer, UNTOUCHED)
    await found(results, tenant_id=uuid4())
    assert (await last_used(store))[newer.job.id] >= UNTOUCHED
    await found(results)
    assert (await last_used(store))[newer.job.id] < UNTOUCHED


async def test_who_asks_for_what_another_asks_for_does_not_wait(store: Store, results: ResultStore) -> None:
    task = await store.running()
    await end(store, task)
    async with patient(), store.database.transaction() as connection:
        await connection.execute("SELECT FROM results FOR UPDATE")
        assert await found(results) == {KEY: UUID(task.job.id)}


async def unused(store: Store, most: int, *, limit: int = 9) -> list[str]:
    deleted = await store.retention.delete_unused(most, own_storage=OWN, limit=limit)
    assert {tenant_id for tenant_id, _ in deleted} <= {TENANT}
    return sorted(str(job_id) for _, job_id in deleted)


async def test_beyond_its_bytes_the_job_goes_whose_result_was_asked_for_the_longest_ago(store: Store) -> None:
    """Each result has 7 bytes."""
    jobs = [await store.running(prefix=OWN) for _ in range(4)]
    for task, hours in zip(jobs, (3, 1, 4, 2), strict=True):
        await end(store, task)
        await used(store, task, timedelta(hours=hours))
    plain = await store.running(prefix=OWN)
    await store.complete(plain, made())
    assert await unused(store, 28) == []
    assert await unused(store, 27) == [jobs[2].job.id]
    assert [row["uri"] for row in await store.rows("SELECT uri FROM storage_deletions")] == [jobs[2].output_prefix]
    assert await unused(store, 0, limit=1) == [jobs[0].job.id]
    assert await unused(store, 0) == sorted([jobs[1].job.id, jobs[3].job.id])
    assert await store.value("SELECT array_agg(id::text) FROM jobs") == [plain.job.id]


async def test_what_was_made_or_asked_for_just_now_stays_and_counts(store: Store) -> None:
    fresh, old, asked = [await store.running(prefix=OWN) for _ in range(3)]
    for task in (fresh, old, asked):
        await end(store, task)
    await used(store, old, 2 * UNTOUCHED)
    await used(store, asked, UNTOUCHED / 2)
    assert await unused(store, 14) == [old.job.id]
    assert await unused(store, 0) == []


async def test_one_tenants_results_push_out_nobody_elses(store: Store) -> None:
    mine, other = await store.running(prefix=OWN), await store.running(prefix=OWN)
    for task in (mine, other):
        await end(store, task)
        await used(store, task, DAY)
    await store.rows("UPDATE results SET tenant_id = $2 WHERE job_id = $1", UUID(other.job.id), uuid4())
    assert await unused(store, 7) == []


async def test_what_has_not_ended_is_no_result_yet(store: Store) -> None:
    await store.turn(GRAPHS, on=True)
    task = await store.running(prefix=OWN)
    await end(store, task, spawned=(NewTask(id=uuid4(), kind="run_job", spec=b"part"),))
    await used(store, task, DAY)
    assert await unused(store, 0) == []
