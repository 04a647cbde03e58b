"""In which order the store takes and gives, and which times it keeps."""

from datetime import UTC, datetime, timedelta

import pytest
from store.kit import AWAY, BAD_INPUT, TENANT, USER, Store, made, new_job

from reelmill import __version__
from reelmill.jobs.states import Phase, TaskState
from reelmill.store.database import Database
from reelmill.store.jobs import JobFilter, NewJob
from reelmill.store.leases import FinishedTask
from reelmill.store.records import ClaimedTask, LogLine
from reelmill.store.statistics import StatisticsStore
from reelmill.v1.jobs_pb2 import Job

OLD = "now() - interval '1 h'"


async def aged(store: Store, seconds: dict[str, int], column: str, table: str = "tasks") -> None:
    """Set a column of rows, by id, to so many seconds ago."""
    for row_id, ago in seconds.items():
        await store.rows(f"UPDATE {table} SET {column} = now() - $2 * interval '1 s' WHERE id::text = $1", row_id, ago)


async def running(store: Store, count: int) -> list[ClaimedTask]:
    return [await store.running() for _ in range(count)]


async def test_what_is_due_longest_is_taken_first(store: Store) -> None:
    tasks = await running(store, 3)
    await aged(store, {str(t.id): ago for t, ago in zip(tasks, (10, 30, 20), strict=True)}, "lease_until")
    for expected in (1, 2, 0):
        [stored] = await store.leases.rescue(limit=1, max_crashes=9, sweep_after_seconds=0)
        assert stored.job.id == tasks[expected].job.id
    delayed = [await store.brought_to(TaskState.DELAYED) for _ in range(3)]
    await aged(store, {str(d.task_id): ago for d, ago in zip(delayed, (10, 30, 20), strict=True)}, "run_at")
    for expected in (1, 2, 0):
        assert await store.leases.wake_delayed(limit=1) == [delayed[expected].id]
    now = datetime.now(UTC)
    late = [await store.submit(deadline=now - timedelta(seconds=s)) for s in (10, 30, 20)]
    for expected in (1, 2, 0):
        assert [s.job.id for s in await store.leases.expire(limit=1)] == [str(late[expected].id)]


async def test_a_claim_takes_the_longer_ready_of_two_that_matter_alike(store: Store) -> None:
    first, second = await store.submit(), await store.submit()
    [claimed] = await store.leases.claim("me", limit=1)
    assert claimed.id == first.task_id
    third = await store.submit()
    await store.leases.release(claimed.lease)
    assert [t.id for t in await store.leases.claim("me", limit=9)] == [second.task_id, third.task_id, first.task_id]


async def test_the_wait_of_a_task_is_from_ready_to_its_claim(store: Store) -> None:
    new = await store.submit()
    await aged(store, {str(new.task_id): 100}, "ready_time")
    assert 100 <= (await store.claim(new)).waited_seconds < 130
    swept = await store.submit()
    await aged(store, {str(swept.task_id): 200}, "ready_time")
    [claimed] = await store.leases.claim("me", limit=1)
    assert 200 <= claimed.waited_seconds < 230


async def test_a_task_that_becomes_ready_again_has_waited_for_nothing_yet(store: Store) -> None:
    released, rescued, woken = await running(store, 3)
    await store.rows(f"UPDATE tasks SET ready_time = {OLD}")
    await store.leases.release(released.lease)
    await store.end_lease(rescued.id)
    await store.rescue()
    await store.leases.retry(woken.lease, AWAY, wait_seconds=0)
    await store.leases.wake_delayed(limit=1)
    fresh = "SELECT count(*) FROM tasks WHERE state = 'READY' AND ready_time > now() - interval '1 minute'"
    assert await store.value(fresh) == 3


async def test_a_job_begins_once_and_ends_once(store: Store) -> None:
    task = await store.running()
    began = (await store.job(task.job.id))["start_time"]
    await store.leases.release(task.lease)
    [again] = await store.claim_these([task.id])
    assert (await store.job(task.job.id))["start_time"] == began
    assert (await store.job(task.job.id))["end_time"] is None
    await store.complete(again)
    ended = (await store.job(task.job.id))["end_time"]
    assert ended > began


@pytest.mark.parametrize("state", [TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED])
async def test_every_end_has_its_time_and_no_phase(store: Store, state: TaskState) -> None:
    row = await store.job((await store.brought_to(state)).id)
    assert (row["state"], row["phase"]) == (state.value, None)
    assert timedelta(0) <= datetime.now(UTC) - row["end_time"] < timedelta(minutes=1)


async def test_what_waits_for_its_next_attempt_says_when_and_has_no_phase(store: Store) -> None:
    task = await store.running()
    await store.leases.report(task.lease, Phase.TRANSCODING, [])
    await store.leases.retry(task.lease, AWAY, wait_seconds=300)
    row = await store.job(task.job.id)
    assert (row["phase"], row["next_attempt_time"]) == (None, (await store.task(task.id))["run_at"])
    stored = await store.jobs.cancel(TENANT, row["id"], "")
    assert not stored.job.HasField("next_attempt_time") and stored.job.HasField("end_time")


@pytest.mark.parametrize("end", ["retry", "release", "fail", "rescue"])
async def test_the_folder_of_the_very_attempt_is_swept(store: Store, end: str) -> None:
    first = await store.running()
    await store.leases.release(first.lease)
    [task] = await store.claim_these([first.id])
    await store.rows("DELETE FROM storage_deletions")
    if end == "retry":
        await store.leases.retry(task.lease, AWAY, wait_seconds=0)
    elif end == "release":
        await store.leases.release(task.lease)
    elif end == "fail":
        await store.leases.fail(task.lease, BAD_INPUT)
    else:
        await store.end_lease(task.id)
        await store.rescue()
    assert await store.value("SELECT array_agg(uri) FROM storage_deletions") == [task.output_prefix]
    assert task.output_prefix.endswith("-2/")


async def test_lines_of_the_log_keep_their_order_and_their_words(store: Store) -> None:
    task = await store.running()
    now = datetime.now(UTC)
    lines = [
        LogLine(time=now, level="INFO", message="first", output="web", command="ffmpeg"),
        LogLine(time=now - timedelta(seconds=1), level="WARNING", message="second"),
        LogLine(time=now, level="ERROR", message="third"),
    ]
    await store.leases.report(task.lease, None, lines)
    job_id = (await store.task(task.id))["job_id"]
    told = await store.jobs.logs(TENANT, job_id, after=0, limit=9)
    assert [line.message for line in told] == ["first", "second", "third"]
    assert (told[0].output, told[0].command, told[0].time.ToDatetime(tzinfo=UTC)) == ("web", "ffmpeg", now)
    levels = [row["level"] for row in await store.rows("SELECT level::text FROM job_logs ORDER BY id")]
    assert levels == ["INFO", "WARNING", "ERROR"]
    assert await store.jobs.logs(TENANT, job_id, after=told[0].sequence, limit=9) == told[1:]
    assert await store.jobs.logs(TENANT, job_id, after=0, limit=2) == told[:2]


async def test_a_silent_worker_is_told_in_the_log_by_its_name(store: Store) -> None:
    task = await store.running()
    await store.end_lease(task.id)
    await store.rescue()
    [row] = await store.rows("SELECT level::text, message, attempt FROM job_logs")
    assert tuple(row) == ("WARNING", "worker me fell silent; its lease ended", 1)


async def test_events_come_oldest_first_after_a_number(store: Store) -> None:
    task = await store.running()
    await store.complete(task)
    job_id = (await store.task(task.id))["job_id"]
    events = await store.jobs.events(TENANT, job_id, after=0, limit=9)
    assert [(e.sequence, e.state) for e in events] == [(1, Job.QUEUED), (2, Job.PROCESSING), (3, Job.COMPLETED)]
    assert await store.jobs.events(TENANT, job_id, after=1, limit=9) == events[1:]
    assert await store.jobs.events(TENANT, job_id, after=0, limit=2) == events[:2]


async def test_files_are_told_in_the_order_of_their_places(store: Store) -> None:
    task = await store.running()
    files = tuple(made(f"{i}.jpg", position=i) for i in (2, 0, 10, 1))
    await store.leases.complete([FinishedTask(lease=task.lease, files=files)])
    job = await store.jobs.get(TENANT, (await store.task(task.id))["job_id"])
    assert [f.uri.rpartition("/")[2] for f in job.outputs[0].files] == ["0.jpg", "1.jpg", "2.jpg", "10.jpg"]


async def at_times(store: Store) -> list[NewJob]:
    """Three jobs, of three, two and one minutes ago."""
    jobs = [new_job(body=str(i)) for i in range(3)]
    await store.jobs.create(TENANT, USER, jobs)
    await store.rows("ALTER TABLE jobs DISABLE TRIGGER guard_job")
    for i, job in enumerate(jobs):
        query = "UPDATE jobs SET create_time = date_trunc('minute', now()) - $2 * interval '1 minute' WHERE id = $1"
        await store.rows(query, job.id, 3 - i)
    return jobs


async def test_a_page_is_bounded_by_times_that_are_not_in_it(store: Store) -> None:
    jobs = await at_times(store)
    times = [(await store.job(job.id))["create_time"] for job in jobs]

    async def listed(after: datetime | None, before: datetime | None) -> list[str]:
        found = await store.jobs.page(
            TENANT, JobFilter(created_after=after, created_before=before), before=None, limit=9
        )
        return [job.labels["body"] for job in found]

    assert await listed(None, None) == ["2", "1", "0"]
    assert await listed(times[0], None) == ["2", "1"]
    assert await listed(None, times[2]) == ["1", "0"]
    assert await listed(times[0], times[2]) == ["1"]


async def test_the_ages_that_are_told_are_those_of_the_oldest(store: Store) -> None:
    old, young = await store.submit(), await store.submit()
    await aged(store, {str(old.task_id): 100, str(young.task_id): 50}, "ready_time")
    await store.rows(f"UPDATE outbox SET create_time = {OLD} WHERE id = (SELECT min(id) FROM outbox)")
    found = await StatisticsStore(store.database).read()
    [ready] = found.open_tasks
    assert (ready.state, ready.tasks, 100 <= ready.oldest_seconds < 130) == (TaskState.READY, 2, True)
    assert 3600 <= found.outbox_oldest_seconds < 3630
    assert (found.outbox_messages, found.expired_leases) == (await store.value("SELECT count(*) FROM outbox"), 0)


async def test_a_connection_gives_row_locks_back_and_notices_a_lost_client(database: Database) -> None:
    async with database.connection() as connection:
        shown = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in ("idle_in_transaction_session_timeout", "tcp_keepalives_idle", "application_name")
        }
    assert shown["idle_in_transaction_session_timeout"] == "30s"
    assert shown["tcp_keepalives_idle"] in ("10", "0")  # 0 over a Unix socket
    assert shown["application_name"] == f"reelmill test {__version__}"
