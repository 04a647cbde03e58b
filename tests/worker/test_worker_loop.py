"""The worker's life: takes, keeps, finishes, hands back; by an executor of the test's own."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from services.postgres import Postgres
from store.kit import AWAY, TENANT, made, new_job
from waiting import patient, soon
from worker.kit import Rig, fails, until_stopped

from reelmill import __version__
from reelmill.cache.port import CANCELS, job_channel
from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.states import Phase
from reelmill.queue.port import Message, Topic
from reelmill.store.database import Database
from reelmill.store.leases import MadeFile
from reelmill.store.migrate import migrate
from reelmill.store.workers import LivingWorker, WorkerStore
from reelmill.v1.jobs_pb2 import Job, Progress
from reelmill.v1.messages_pb2 import DeadLetter
from reelmill.worker.attempt import Attempt, StopReason
from reelmill.worker.intake import Abilities

LOCK_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


async def one_file(attempt: Attempt) -> tuple[MadeFile, ...]:
    await attempt.enter(Phase.TRANSCODING)
    attempt.log("encoded")
    return (made(),)


async def test_a_job_is_completed_and_its_status_published(rig: Rig) -> None:
    rig.start(one_file)
    new = await rig.submit()
    job = await rig.until(new, "COMPLETED")
    assert [f.uri for f in job.outputs[0].files] == ["file:///out/a.mp4"]
    async with patient():
        while await rig.store.value("SELECT count(*) FROM outbox WHERE topic LIKE 'tasks%'"):
            await asyncio.sleep(0.01)  # the message is acknowledged after the claim
    await rig.stop()
    status = await rig.cache.get(TENANT, new.id)
    assert status is not None
    assert Job.FromString(status.job) == job
    assert [line.message for line in await rig.store.jobs.logs(TENANT, new.id, after=0, limit=9)] == ["encoded"]


async def test_an_attempt_that_may_succeed_later_is_tried_again(rig: Rig) -> None:
    async def second_time(attempt: Attempt) -> tuple[MadeFile, ...]:
        if attempt.task.job.attempt < 2:
            raise AttemptFailed(AWAY.code, AWAY.message)
        return ()

    rig.start(second_time)
    new = await rig.submit()
    await rig.until(new, "QUEUED", "COMPLETED")
    async with patient():
        while not await rig.store.leases.wake_delayed(limit=1):
            pass
    await rig.queue.wake()
    assert (await rig.until(new, "COMPLETED")).attempt == 2


@pytest.mark.parametrize(("attempts", "error"), [(1, AWAY), (3, None)])
async def test_the_last_attempt_fails_the_job(rig: Rig, attempts: int, error: object) -> None:
    async def away(attempt: Attempt) -> tuple[MadeFile, ...]:
        raise AttemptFailed(AWAY.code, AWAY.message)

    rig.start(away if error else fails)  # a permanent failure is not tried again
    job = await rig.until(await rig.submit(max_attempts=attempts), "FAILED")
    assert (job.attempt, job.error.code) == (1, "INPUT_UNAVAILABLE" if error else "INPUT_CORRUPT")


async def test_crashes_are_not_charged_as_attempts(rig: Rig) -> None:
    """Two workers died of it and one attempt failed: of the three that it may have, two are left."""

    async def away(attempt: Attempt) -> tuple[MadeFile, ...]:
        raise AttemptFailed(AWAY.code, AWAY.message)

    new = await rig.store.submit(max_attempts=2)
    for _ in range(2):
        await rig.store.claim(new)
        await rig.store.end_lease(new.task_id)
        await rig.store.rescue(max_crashes=9)
    rig.start(away, slots=1)
    await rig.queue.wake()
    async with patient():
        while not (row := await rig.store.task(new.task_id))["run_at"] and row["state"] != "FAILED":
            await asyncio.sleep(0.01)
    assert (row["state"], row["attempt"], row["crashes"]) == ("DELAYED", 3, 2)
    async with patient():
        while not await rig.store.leases.wake_delayed(limit=1):
            pass
    await rig.queue.wake()
    assert (await rig.until(new, "FAILED")).attempt == 4


async def test_a_retry_waits_as_long_as_its_policy_says(rig: Rig) -> None:
    async def away(attempt: Attempt) -> tuple[MadeFile, ...]:
        raise AttemptFailed(AWAY.code, AWAY.message)

    several = [new_job(max_attempts=9) for _ in range(4)]  # each waits by chance
    for new in several:
        new.job.retry_policy.initial_backoff.FromSeconds(1000)
        new.job.retry_policy.max_backoff.FromSeconds(80_000)
    await rig.store.jobs.create(TENANT, TENANT, several)
    await rig.store.rows("UPDATE tasks SET attempt = 6")
    rig.start(away)
    await rig.queue.wake()
    times = []
    for new in several:
        async with patient():
            while not (run_at := (await rig.store.task(new.task_id))["run_at"]):
                await asyncio.sleep(0.01)
        times.append((run_at - datetime.now(UTC)).total_seconds())
    assert 10 < max(times) <= 64_000, "the seventh wait lies in a window of 64,000 s"


async def test_a_fault_of_the_executor_is_an_internal_failure(rig: Rig) -> None:
    async def broken(attempt: Attempt) -> tuple[MadeFile, ...]:
        raise ZeroDivisionError("oh")

    rig.start(broken)
    job = await rig.until(await rig.submit(max_attempts=1), "FAILED")
    assert (job.error.code, job.error.message) == ("INTERNAL", "a fault of Reelmill: ZeroDivisionError: oh")


@pytest.mark.parametrize("told", ["by heartbeat", "by the cache"])
async def test_a_cancellation_reaches_the_executor(rig: Rig, told: str) -> None:
    script = rig.start(until_stopped, heartbeat_seconds=0.1 if told == "by heartbeat" else 600)
    new = await rig.submit()
    attempt = await script.next()
    await rig.store.jobs.cancel(TENANT, new.id, "")
    if told == "by the cache":
        await rig.cache.notify(CANCELS)
    await rig.until(new, "CANCELLED")
    assert attempt.reason is StopReason.CANCELLED
    assert script.discarded == []


async def test_an_attempt_whose_lease_is_lost_stops_and_is_discarded(rig: Rig) -> None:
    script = rig.start(until_stopped, slots=1, sweep_seconds=600)
    new = await rig.submit()
    attempt = await script.next()
    await rig.store.rows("UPDATE tasks SET fence = fence + 1, owner = 'me'")  # as another's claim does
    await soon(attempt.stop.wait())
    await rig.stop()
    assert attempt.reason is StopReason.LOST
    assert script.discarded == [attempt]
    assert (await rig.store.task(new.task_id))["state"] == "RUNNING", "the new holder is not disturbed"


async def test_a_worker_that_claims_again_what_it_lost_keeps_the_new_lease_alone(rig: Rig) -> None:
    script = rig.start(until_stopped, heartbeat_seconds=600, sweep_seconds=0.1)
    await rig.submit()
    old = await script.next()
    await rig.store.rows("UPDATE tasks SET state = 'READY', lease_until = NULL")
    new = await script.next()
    assert (new.task.id, new.task.fence) == (old.task.id, 2)
    await rig.cache.notify(CANCELS)  # brings the heartbeat forward
    await soon(old.stop.wait())
    await rig.store.end_lease(new.task.id)
    async with patient():
        while script.running > 1:
            await asyncio.sleep(0.01)
    await rig.cache.notify(CANCELS)
    async with patient():
        while not await rig.store.value("SELECT lease_until > now() FROM tasks"):
            await asyncio.sleep(0.01)
    assert (old.reason, new.reason) == (StopReason.LOST, None)


async def test_no_more_attempts_run_than_there_are_slots(rig: Rig) -> None:
    full = asyncio.Event()

    async def slow(attempt: Attempt) -> tuple[MadeFile, ...]:
        if script.running == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)
        return ()

    script = rig.start(slow, slots=3)
    jobs = [await rig.submit() for _ in range(12)]
    for new in jobs:
        await rig.until(new, "COMPLETED")
    assert script.most == 3


async def test_a_message_that_cannot_be_read_becomes_a_dead_letter_and_stops_nobody(rig: Rig) -> None:
    garbage = [b"\xff garbage", b"", b"\x08\x07"]
    await rig.queue.publish([Message(topic=Topic.TASKS_HIGH, key="k", value=value) for value in garbage])
    rig.start(one_file)
    await rig.until(await rig.submit(priority=10), "COMPLETED")
    async with patient():
        while await rig.store.value("SELECT count(*) FROM outbox WHERE topic LIKE 'tasks%'"):
            await asyncio.sleep(0.01)
    await rig.stop()
    rows = await rig.store.rows("SELECT value FROM outbox WHERE topic = 'dead-letter' ORDER BY id")
    letters = [DeadLetter.FromString(row["value"]) for row in rows]
    assert sorted(letter.value for letter in letters) == sorted(garbage)
    assert all(letter.reason and letter.topic == "tasks.high" for letter in letters)


async def test_a_task_whose_message_was_lost_is_swept(rig: Rig) -> None:
    new = await rig.store.submit()
    await rig.store.rows("DELETE FROM outbox")
    rig.start(one_file, sweep_seconds=0.2)
    await rig.until(new, "COMPLETED")
    assert await rig.store.rows("SELECT 1 FROM outbox WHERE topic LIKE 'tasks.%'") == []


async def test_draining_lets_work_end(rig: Rig) -> None:
    may_end = asyncio.Event()

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        await may_end.wait()
        return ()

    script = rig.start(work, slots=1, drain_seconds=20)
    new, later = await rig.submit(), await rig.submit()
    await script.next()
    stopping = asyncio.create_task(rig.stop())
    await rig.store.end_lease(new.task_id)
    async with patient():
        while not await rig.store.value("SELECT lease_until > now() FROM tasks WHERE id = $1", new.task_id):
            await asyncio.sleep(0.01)  # a draining worker keeps its leases
    may_end.set()
    await stopping
    assert (await rig.store.job(new.id))["state"] == "COMPLETED"
    assert (await rig.store.job(later.id))["state"] == "QUEUED", "a draining worker takes nothing"


async def test_what_does_not_end_in_time_is_handed_back_without_charge(rig: Rig) -> None:
    script = rig.start(until_stopped, drain_seconds=0.05)
    new = await rig.submit()
    attempt = await script.next()
    await rig.stop()
    job = await rig.until(new, "QUEUED")
    assert (job.attempt, attempt.reason) == (0, StopReason.DRAINING)
    assert (await rig.store.task(new.task_id))["state"] == "READY"


async def test_a_claim_under_way_when_the_worker_stops_is_not_lost(rig: Rig) -> None:
    new = await rig.store.submit()
    async with rig.store.database.transaction() as holder:
        await holder.execute("UPDATE jobs SET priority = priority WHERE id = $1", new.id)  # the claim waits for it
        rig.start(until_stopped)
        async with patient():
            while not await rig.store.value(LOCK_WAITS):
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(rig.stop())
        await asyncio.sleep(0)  # the worker is told to stop while its claim waits
    await stopping
    task = await rig.store.task(new.task_id)
    assert (task["state"], task["fence"], task["attempt"]) == ("READY", 1, 0), "claimed, and handed back"


async def test_progress_reaches_the_cache(rig: Rig) -> None:
    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        attempt.advance(Progress(percent=42))
        attempt.advance(Progress(percent=41))
        return await until_stopped(attempt)

    rig.start(work)
    new = await rig.submit()
    async with patient(), rig.cache.subscribe(job_channel(TENANT, new.id)) as notified:
        while not (data := await rig.cache.get_progress(TENANT, new.id)):
            await notified.wait(10)
    assert Progress.FromString(data).percent == 42


async def test_a_worker_whose_heartbeats_fail_hands_back_its_work_and_dies(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelmill.store.leases.LeaseStore.heartbeat", _broken)
    rig.start(until_stopped)
    new = await rig.submit()
    assert isinstance(await rig.died(), ZeroDivisionError)
    assert (await rig.store.job(new.id))["attempt"] == 0


async def _broken(*_: object) -> None:
    raise ZeroDivisionError


async def test_a_completion_whose_answer_was_lost_keeps_its_files(rig: Rig) -> None:
    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        await rig.store.complete(attempt.task, made())  # as if by us: committed, and the answer lost
        return (made(),)

    script = rig.start(work)
    new = await rig.submit()
    job = await rig.until(new, "COMPLETED")
    await rig.stop()
    assert script.discarded == []
    status = await rig.cache.get(TENANT, new.id)
    assert status is not None
    assert Job.FromString(status.job) == job


async def test_a_completion_that_the_database_refuses_fails_no_other(rig: Rig) -> None:
    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        bad = attempt.task.job.priority == 1
        return (made(), made()) if bad else (made(),)  # two files at one place

    rig.start(work, slots=8)
    bad = await rig.submit(priority=1, max_attempts=1)
    good = [await rig.submit() for _ in range(7)]
    for new in good:
        assert (await rig.until(new, "COMPLETED", "FAILED")).attempt == 1
    assert (await rig.until(bad, "FAILED")).error.code == "INTERNAL"
    assert await rig.store.value("SELECT count(*) FROM jobs WHERE state = 'COMPLETED'") == 7


async def test_a_worker_that_nobody_waits_for_leaves_no_task_behind(rig: Rig) -> None:
    script = rig.start(until_stopped)
    await rig.submit()
    await script.next()
    [(_, task)] = rig._running
    rig._running = []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert script.running == 0


async def test_an_end_is_recorded_once_postgresql_is_back() -> None:
    with Postgres() as server:
        await migrate(server.url)
        database = Database(server.url, pool_size=4, publish_events=False, application="test")
        await database.start()
        rig = Rig(database)
        may_end = asyncio.Event()

        async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
            await may_end.wait()
            await attempt.enter(Phase.UPLOADING)  # news alone: its loss ends no attempt
            return (made(),)

        script = rig.start(work)
        new = await rig.submit()
        attempt = await script.next()
        server.kill()
        may_end.set()
        async with patient():
            while script.running:
                await asyncio.sleep(0.01)
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await asyncpg.connect(server.url)
        server.start()
        job = await rig.until(new, "COMPLETED")
        await rig.stop()
        assert (job.attempt, attempt.task.fence, script.discarded) == (1, 1, [])
        await database.stop()


async def test_a_worker_that_stops_gives_up_on_a_database_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelmill.worker.worker._LAST_WRITES_SECONDS", 0.1)
    with Postgres() as server:
        await migrate(server.url)
        database = Database(server.url, pool_size=4, publish_events=False, application="test")
        await database.start()
        rig = Rig(database)
        script = rig.start(until_stopped)
        await rig.submit()
        await script.next()
        server.kill()
        await rig.stop()
        assert script.discarded == []
        await database.stop()


async def test_a_worker_tells_that_it_lives_and_that_it_has_ended(rig: Rig) -> None:
    abilities = Abilities(kinds=("run_job",), pool="large", labels=("gpu",))
    rig.start(one_file, slots=3, abilities=abilities)
    async with patient():
        while not (seen := await rig.store.workers.page(after="", limit=9)):
            await asyncio.sleep(0.01)
    told = LivingWorker(
        owner="test", version=__version__, kinds=("run_job",), pool="large", labels=("gpu",), slots=3, running=0
    )
    assert [s.worker for s in seen] == [told]
    await rig.stop()
    assert await rig.store.workers.page(after="", limit=9) == []


async def test_a_worker_that_has_ended_is_not_told_of_again_by_a_heartbeat_under_way(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce, forget, told = WorkerStore.announce, WorkerStore.forget, asyncio.Event()

    async def announces(self: WorkerStore, worker: LivingWorker) -> None:
        await announce(self, worker)
        told.set()

    async def forgets(self: WorkerStore, owner: str) -> None:
        await forget(self, owner)
        told.clear()
        while any(task.get_name() == "heartbeat" for task in asyncio.all_tasks()) and not told.is_set():
            await asyncio.sleep(0.01)

    monkeypatch.setattr(WorkerStore, "announce", announces)
    monkeypatch.setattr(WorkerStore, "forget", forgets)
    rig.start(one_file, heartbeat_seconds=0.05)
    await told.wait()
    await rig.stop()
    assert await rig.store.workers.page(after="", limit=9) == []
