"""Claims, leases and their ends: who holds the newest fence may write, and nobody else."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from store.kit import AWAY, BAD_INPUT, TENANT, Store, made, new_job, past
from waiting import soon

from reelmill.jobs.errors import Unavailable, WrongState
from reelmill.jobs.places import place, places
from reelmill.jobs.states import Phase, TaskState
from reelmill.store.leases import BEGINNING, FinishedTask, LeaseStore
from reelmill.store.records import Lease, LogLine
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.messages_pb2 import DeadLetter

LINE = LogLine(time=datetime(2026, 1, 1, tzinfo=UTC), level="INFO", message="a line")


async def _submit(store: Store, priorities: list[int]) -> list:
    new = [new_job(priority=p) for p in priorities]
    await store.jobs.create(TENANT, TENANT, new)
    return new


async def test_a_claim_takes_the_highest_priorities_first_of_one_priority_the_longest_ready(store: Store) -> None:
    new = await _submit(store, [10, 90, 50, 70, 30, 50, 71])
    claimed = await store.leases.claim("me", limit=5)
    assert [t.job.priority for t in claimed] == [90, 71, 70, 50, 50]
    assert [t.id for t in claimed[3:]] == [new[2].task_id, new[5].task_id]
    assert {t.job.state for t in claimed} == {Job.PROCESSING}


async def test_a_claim_takes_what_is_of_its_kinds_and_places_and_leaves_the_rest(store: Store) -> None:
    new = await _submit(store, [50] * 5)
    for item, kind, where in zip(
        new,
        ("run_job", "chunk", "run_job", "run_job", "run_job"),
        ("default", "default", place("large"), place(needs=["gpu"]), place(needs=["gpu", "fast"])),
        strict=True,
    ):
        await store.rows("UPDATE tasks SET kind = $2, place = $3 WHERE id = $1", item.task_id, kind, where)

    async def ids(*kinds: str, pool: str = "default", labels: Sequence[str] = ()) -> list[int]:
        found = await store.leases.claim("me", limit=9, kinds=kinds, places=places(pool, labels))
        return [[n.task_id for n in new].index(task.id) for task in found]

    assert await ids("run_job", pool="huge") == []
    assert await ids("chunk", pool="large") == []
    assert await ids("run_job", pool="large", labels=["gpu"]) == [2]
    assert await ids("run_job", labels=["fast"]) == [0]
    assert await ids("run_job", "chunk", labels=["gpu", "other"]) == [1, 3]
    assert await ids("run_job", labels=["gpu", "fast", "other"]) == [4]


async def test_what_became_ready_before_is_looked_for_no_more_and_nothing_is_passed_over(store: Store) -> None:
    new = await _submit(store, [50, 60])
    since = await store.leases.ready_since(BEGINNING)
    [oldest] = await store.rows("SELECT min(ready_time) - interval '60 s' AS time FROM tasks")
    assert since == oldest["time"]
    await store.rows("UPDATE tasks SET ready_time = $2 WHERE id = $1", new[0].task_id, since - timedelta(seconds=1))
    assert [t.id for t in await store.leases.claim("me", limit=9, since=since)] == [new[1].task_id]
    assert await store.leases.ready_since(since) > since  # nothing is ready since then
    assert await store.leases.ready_since(BEGINNING) < since


async def test_claimers_never_share_a_task(store: Store) -> None:
    await _submit(store, list(range(60)))

    async def claimer(name: str) -> list:
        mine: list = []
        while found := await store.leases.claim(name, limit=3):
            mine += found
        return mine

    taken = [t for mine in await asyncio.gather(*(claimer(f"w{i}") for i in range(8))) for t in mine]
    # A claimer may find all that is left locked by others and go; nothing is taken twice.
    assert len({t.id for t in taken}) == len(taken)
    assert {t.fence for t in taken} == {1}
    assert len(taken) == await store.value("SELECT count(*) FROM tasks WHERE state = 'RUNNING'") == 60


async def test_tasks_of_one_job_may_be_claimed_together(store: Store) -> None:
    new = await store.submit()
    await store.rows(
        "INSERT INTO tasks (id, job_id, tenant_id, kind, state, priority, ready_time)"
        " SELECT gen_random_uuid(), job_id, tenant_id, kind, state, priority, ready_time FROM tasks"
    )
    await store.rows("UPDATE jobs SET open_tasks = 2")
    claimed = await store.leases.claim("me", limit=9)
    assert len({t.id for t in claimed}) == 2
    finished = [FinishedTask(lease=t.lease) for t in claimed]
    [first] = (await store.leases.complete(finished[:1])).values()
    assert first.job.state == Job.PROCESSING
    [last] = (await store.leases.complete(finished[1:])).values()
    assert (last.job.state, last.job.id) == (Job.COMPLETED, str(new.id))


async def test_a_heartbeat_keeps_the_lease_and_brings_a_cancellation(store: Store) -> None:
    task, lost = await store.running(), Lease(task_id=(await store.submit()).task_id, fence=1)
    await store.end_lease(task.id)
    assert await store.leases.heartbeat([lost, task.lease]) == {task.lease: False}
    assert (await store.task(task.id))["lease_until"] > datetime.now(UTC)
    await store.jobs.cancel(TENANT, (await store.task(task.id))["job_id"], "")
    assert await store.leases.heartbeat([task.lease]) == {task.lease: True}


async def test_a_heartbeat_that_hangs_leaves_time_for_two_more(store: Store) -> None:
    """A connection may hang: who waited for it as long as the lease would have lost all that he holds."""
    leases = LeaseStore(store.database, lease_seconds=6)
    task = await store.running()
    async with store.database.transaction() as holder:
        await holder.execute("SELECT 1 FROM tasks FOR UPDATE")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await leases.heartbeat([task.lease])
        assert 1.6 < time.monotonic() - began < 6
    assert await leases.heartbeat([task.lease]) == {task.lease: False}


async def test_a_lease_lasts_as_long_as_it_is_told(store: Store) -> None:
    left = "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM tasks"
    task = await store.running()
    assert 50 < await store.value(left) <= 60
    await store.end_lease(task.id)
    await store.leases.heartbeat([task.lease])
    assert 50 < await store.value(left) <= 60
    await store.rows("UPDATE tasks SET state = 'READY', lease_until = NULL")
    assert len(await store.claim_these([task.id])) == 1
    assert 50 < await store.value(left) <= 60


async def test_a_retry_waits_as_long_as_it_is_told(store: Store) -> None:
    task = await store.running()
    await store.leases.retry(task.lease, AWAY, wait_seconds=300)
    left = "SELECT extract(epoch FROM run_at - clock_timestamp())::float8 FROM tasks"
    assert 290 < await store.value(left) <= 300


async def test_only_a_zombies_folder_is_swept_later(store: Store) -> None:
    """Who lost a lease may write on until he hears of it; who gave the task back by himself is done."""
    after = "SELECT extract(epoch FROM not_before - clock_timestamp())::float8 FROM storage_deletions"
    task = await store.running()
    await store.end_lease(task.id)
    await store.rescue()
    assert 50 < await store.value(after) <= 60
    for done in (store.leases.release, lambda lease: store.leases.fail(lease, BAD_INPUT)):
        await store.rows("DELETE FROM storage_deletions")
        await done((await store.running()).lease)
        assert await store.value(after) <= 0


async def test_a_report_moves_the_phase_and_keeps_the_lines(store: Store) -> None:
    task = await store.running()
    stored = await store.leases.report(task.lease, Phase.TRANSCODING, [LINE, LINE])
    assert stored is not None
    assert (stored.job.phase, stored.job.version) == (Job.TRANSCODING, 3)
    assert await store.leases.report(task.lease, None, [LINE]) is not None
    lines = await store.jobs.logs(TENANT, (await store.task(task.id))["job_id"], after=0, limit=9)
    assert [line.message for line in lines] == ["a line"] * 3
    assert (await store.job(stored.job.id))["version"] == 3, "lines alone are no change of the job"


async def test_a_completion_shows_all_files_at_once(store: Store) -> None:
    task = await store.running()
    stored = await store.complete(task, made("0.jpg"), made("1.jpg", position=1))
    assert stored is not None
    job = await store.jobs.get(TENANT, (await store.task(task.id))["job_id"])
    assert job == stored.job
    assert [f.uri for f in job.outputs[0].files] == ["file:///out/0.jpg", "file:///out/1.jpg"]
    assert (job.state, job.phase, job.progress.percent) == (Job.COMPLETED, Job.PHASE_UNSPECIFIED, 100)
    assert await store.leases.completed(task.lease) == stored


async def test_a_batch_completes_those_that_are_still_held(store: Store) -> None:
    good, lost, cancelled = [await store.running() for _ in range(3)]
    await store.end_lease(lost.id)
    await store.rescue()
    await store.jobs.cancel(TENANT, (await store.task(cancelled.id))["job_id"], "")
    answer = await store.leases.complete(
        [FinishedTask(lease=t.lease, files=(made(),), lines=(LINE,)) for t in (good, lost, cancelled)]
    )
    assert set(answer) == {good.lease}
    assert await store.value("SELECT count(*) FROM output_files") == 1
    columns = "job_id, tenant_id, attempt, time, level::text, message"
    [line] = await store.rows(f"SELECT {columns} FROM job_logs WHERE message = $1", LINE.message)
    assert tuple(line) == (UUID(good.job.id), TENANT, 1, LINE.time, LINE.level, LINE.message)


async def test_an_older_lease_beside_the_newest_adds_no_file_of_its_own(store: Store) -> None:
    old = await store.running()
    await store.end_lease(old.id)
    await store.rescue()
    [new] = await store.claim_these([old.id])
    both = [FinishedTask(lease=t.lease, files=(made(f"{t.fence}.mp4"),)) for t in (new, old)]
    answer = await store.leases.complete(both)
    assert set(answer) == {new.lease}
    [file] = answer[new.lease].job.outputs[0].files
    assert file.uri == "file:///out/2.mp4" == await store.value("SELECT uri FROM output_files")


async def test_a_failed_attempt_waits_for_its_next(store: Store) -> None:
    task = await store.running()
    stored = await store.leases.retry(task.lease, AWAY, wait_seconds=3600)
    assert stored is not None
    assert (stored.job.state, stored.job.error.code) == (Job.QUEUED, "INPUT_UNAVAILABLE")
    assert stored.job.HasField("next_attempt_time")
    assert await store.leases.wake_delayed(limit=9) == []
    await store.rows("UPDATE tasks SET run_at = '-infinity'")
    assert len(await store.leases.wake_delayed(limit=9)) == 1
    [again] = await store.claim_these([task.id])
    assert (again.fence, again.job.attempt, again.job.HasField("next_attempt_time")) == (2, 2, False)
    assert again.output_prefix != task.output_prefix
    done = await store.complete(again)
    assert done is not None
    assert not done.job.HasField("error")


async def test_a_failure_for_good_is_a_dead_letter(store: Store) -> None:
    task = await store.running()
    stored = await store.leases.fail(task.lease, BAD_INPUT)
    assert stored is not None
    assert (stored.job.state, stored.job.error.code) == (Job.FAILED, "INPUT_CORRUPT")
    letter = DeadLetter.FromString(await store.value("SELECT value FROM outbox WHERE topic = 'dead-letter'"))
    assert (letter.job_id, letter.reason) == (stored.job.id, "INPUT_CORRUPT: the input is damaged")


async def test_a_task_that_is_given_back_is_ready_and_charges_no_attempt(store: Store) -> None:
    task = await store.running()
    stored = await store.leases.release(task.lease)
    assert stored is not None
    assert (stored.job.state, stored.job.attempt) == (Job.QUEUED, 0)
    [again] = await store.claim_these([task.id], "other")
    assert (again.fence, again.job.attempt, again.charged_attempts) == (2, 1, 1)


@pytest.mark.parametrize("state", [TaskState.READY, TaskState.DELAYED, TaskState.WAITING])
async def test_cancelling_a_job_that_waits_ends_it_at_once(store: Store, state: TaskState) -> None:
    new = await store.brought_to(state)
    stored = await store.jobs.cancel(TENANT, new.id, "not needed")
    assert stored.job.state == Job.CANCELLED
    assert (await store.task(new.task_id))["state"] == "CANCELLED"
    assert await store.claim_these([new.task_id]) == []
    [line] = await store.jobs.logs(TENANT, new.id, after=0, limit=9)
    assert line.message == "cancellation accepted: not needed"


async def test_cancelling_a_running_job_waits_for_its_holder(store: Store) -> None:
    task = await store.running()
    job_id = (await store.task(task.id))["job_id"]
    first = await store.jobs.cancel(TENANT, job_id, "")
    assert (first.job.state, first.job.HasField("cancel_time")) == (Job.PROCESSING, True)
    assert (await store.jobs.cancel(TENANT, job_id, "")).job == first.job, "the second changes nothing"
    assert await store.complete(task, made()) is None
    assert await store.leases.retry(task.lease, AWAY, wait_seconds=0) is None
    assert await store.leases.fail(task.lease, BAD_INPUT) is None
    assert await store.leases.release(task.lease) is None
    stored = await store.leases.cancelled(task.lease)
    assert stored is not None
    assert stored.job.state == Job.CANCELLED
    assert (await store.jobs.cancel(TENANT, job_id, "")).job == stored.job, "cancelling again is no error"


@pytest.mark.parametrize("state", [TaskState.COMPLETED, TaskState.FAILED])
async def test_a_job_that_has_ended_cannot_be_cancelled(store: Store, state: TaskState) -> None:
    new = await store.brought_to(state)
    before = await store.everything()
    with pytest.raises(WrongState, match=f"is {state}; it can't be cancelled"):
        await store.jobs.cancel(TENANT, new.id, "")
    assert await store.everything() == before


async def test_rescue_takes_expired_leases_alone(store: Store) -> None:
    silent, alive, late = [await store.running() for _ in range(3)]
    await store.end_lease(silent.id)
    await store.end_lease(late.id)
    await store.leases.heartbeat([late.lease])
    [stored] = await store.rescue()
    assert (stored.job.state, stored.job.error.code) == (Job.QUEUED, "WORKER_LOST")
    assert [(await store.task(t.id))["state"] for t in (silent, alive, late)] == ["READY", "RUNNING", "RUNNING"]
    [again] = await store.claim_these([silent.id], "other")
    assert (again.crashes, again.job.attempt, again.charged_attempts) == (1, 2, 1)


async def test_a_heartbeat_under_way_when_rescue_comes_wins(store: Store) -> None:
    task = await store.running()
    await store.end_lease(task.id)
    async with store.database.transaction() as connection:
        await connection.execute("UPDATE tasks SET lease_until = clock_timestamp() + interval '60 s'")
        rescue = asyncio.create_task(store.rescue())
        assert await soon(rescue) == [], "a locked row is left to the next pass"
    assert await store.rescue() == []
    assert (await store.task(task.id))["crashes"] == 0


async def test_a_job_whose_workers_die_again_and_again_is_failed(store: Store) -> None:
    task = await store.running()
    for crashes in (1, 2):
        await store.end_lease(task.id)
        [stored] = await store.rescue(max_crashes=2)
        assert (await store.task(task.id))["crashes"] == crashes
        await store.claim_these([task.id])
    assert (stored.job.state, stored.job.error.code) == (Job.FAILED, "WORKER_LOST")
    assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'dead-letter'") == 1
    assert (await store.task(task.id))["state"] == "FAILED"


async def test_rescue_of_a_cancelled_job_ends_it_as_cancelled(store: Store) -> None:
    task = await store.running()
    await store.jobs.cancel(TENANT, (await store.task(task.id))["job_id"], "")
    await store.end_lease(task.id)
    [stored] = await store.rescue(max_crashes=1)
    assert stored.job.state == Job.CANCELLED
    assert (await store.task(task.id))["state"] == "CANCELLED"


async def test_a_deadline_fails_what_waits_and_stops_what_runs(store: Store) -> None:
    waiting, running = await store.submit(deadline=past()), await store.running(deadline=past())
    await store.submit()
    expired = await store.leases.expire(limit=9)
    assert {(e.job.state, e.job.error.code) for e in expired} == {(Job.FAILED, "DEADLINE_EXCEEDED")}
    assert len(expired) == 2
    assert (await store.task(waiting.task_id))["state"] == "CANCELLED"
    assert await store.leases.heartbeat([running.lease]) == {running.lease: True}
    assert await store.complete(running, made()) is None
    assert await store.leases.expire(limit=9) == []
    assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'dead-letter'") == 2


Write = Callable[[Store, Lease], Awaitable[object]]
WRITES: dict[str, Write] = {
    "heartbeat": lambda s, lease: s.leases.heartbeat([lease]),
    "report": lambda s, lease: s.leases.report(lease, Phase.UPLOADING, [LINE]),
    "complete": lambda s, lease: s.leases.complete([FinishedTask(lease=lease, files=(made(),))]),
    "completed": lambda s, lease: s.leases.completed(lease),
    "retry": lambda s, lease: s.leases.retry(lease, AWAY, wait_seconds=0),
    "fail": lambda s, lease: s.leases.fail(lease, BAD_INPUT),
    "release": lambda s, lease: s.leases.release(lease),
    "cancelled": lambda s, lease: s.leases.cancelled(lease),
}


@pytest.mark.parametrize("held_by", ["nobody", "another", "another, to stop", "nobody any more"])
@pytest.mark.parametrize("write", WRITES)
async def test_an_older_fence_changes_nothing_at_all(store: Store, write: str, held_by: str) -> None:
    stale = await store.running()
    await store.end_lease(stale.id)
    await store.rescue()
    if held_by != "nobody":
        [newer] = await store.claim_these([stale.id], "another")
        if held_by == "another, to stop":
            await store.jobs.cancel(TENANT, (await store.task(stale.id))["job_id"], "")
        elif held_by == "nobody any more":
            await store.complete(newer, made("won.mp4"))
    before = await store.everything()
    assert not await WRITES[write](store, stale.lease)
    assert await store.everything() == before


@pytest.mark.parametrize("end", ["retry", "fail", "release", "cancelled", "rescue"])
async def test_the_folder_of_an_attempt_that_did_not_win_is_to_be_deleted(store: Store, end: str) -> None:
    task = await store.running()
    if end == "cancelled":
        await store.jobs.cancel(TENANT, (await store.task(task.id))["job_id"], "")
    if end == "rescue":
        await store.end_lease(task.id)
        await store.rescue()
    else:
        await WRITES[end](store, task.lease)
    [row] = await store.rows("SELECT uri, not_before > clock_timestamp() AS later FROM storage_deletions")
    assert (row["uri"], row["later"]) == (task.output_prefix, end == "rescue")


async def test_the_folder_of_the_attempt_that_won_stays(store: Store) -> None:
    await store.complete(await store.running(), made())
    assert await store.value("SELECT count(*) FROM storage_deletions") == 0
