"""What a job that waits waits behind, and what the api does where it can't know."""

import asyncio
import time
from uuid import uuid4

import pytest
from api.test_service import CONTEXT, Api, outlook_on
from api.test_service import api as api
from waiting import patient

from reelmill.api.outlook import Outlook
from reelmill.jobs.measures import BINS, Measure, bin_of
from reelmill.media.estimating import TASK
from reelmill.store.database import Database
from reelmill.store.measures import MeasureStore
from reelmill.store.waiting import WaitingStore
from reelmill.store.workers import LivingWorker, WorkerStore
from reelmill.v1 import jobs_pb2 as pb


async def seen(api: Api, made: pb.Job) -> pb.Job:
    return await api.service.GetJob(pb.GetJobRequest(id=made.id), CONTEXT)


async def known(database: Database, job: pb.Job) -> pb.Queue:
    """Of an api that asks for the first time."""
    queue = await outlook_on(database).queue(job)
    assert queue is not None
    return queue


def worker(**fields: object) -> LivingWorker:
    told = {
        "owner": "w",
        "version": "1",
        "kinds": ("run_job",),
        "pool": "default",
        "labels": (),
        "slots": 2,
        "running": 2,
    }
    return LivingWorker(**told | fields)


async def test_a_job_knows_its_place_by_priority_and_age(api: Api, database: Database) -> None:
    made = [await api.create(priority=priority) for priority in (50, 10, 90, 50)]
    assert [(await seen(api, one)).queue.tasks_before for one in made] == [1, 3, 0, 2]
    assert not (await seen(api, made[0])).queue.HasField("start"), "no worker lives"
    newer = await api.create(priority=60)  # than what is known: those of its priority and above go first
    assert (await seen(api, newer)).queue.tasks_before == 1
    await api.claim()
    running = await api.service.GetJob(pb.GetJobRequest(id=made[2].id, view=pb.FULL), CONTEXT)
    assert running.state == pb.Job.PROCESSING and not running.HasField("queue")
    other = await known(database, made[1])
    assert other.tasks_before == 3


async def test_the_start_is_reckoned_from_slots_and_tasks(api: Api, database: Database) -> None:
    made = [await api.create() for _ in range(5)]
    await WorkerStore(database).announce(worker())
    bins = [0.0] * BINS
    place = bin_of(10.0)
    assert place is not None
    bins[place] = 100
    await MeasureStore(database).add("7.0", {(TASK, Measure.WALL): bins})
    queue = (await seen(api, made[4])).queue
    assert queue.tasks_before == 4 and queue.start.ToSeconds() == pytest.approx(25, abs=2)  # 5 × 10 s / 2 slots
    assert queue.start_earliest.ToNanoseconds() < queue.start.ToNanoseconds() < queue.start_latest.ToNanoseconds()
    await WorkerStore(database).announce(worker(owner="idle", running=0, slots=8))
    soon = await known(database, made[4])
    assert soon.HasField("start") and soon.start.ToNanoseconds() == 0, "a slot is free for each"


async def test_a_job_stands_among_those_of_its_pool(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.api import outlook

    monkeypatch.setattr(outlook, "_LINES_SECONDS", 0.0)
    await WorkerStore(database).announce(worker(owner="gpu", pool="large", labels=("gpu",), running=0))
    for _ in range(3):
        await api.create()
    made = await api.create(pool="large", requires=["gpu"])
    queue = await known(database, made)
    assert (queue.tasks_before, queue.HasField("start")) == (0, True)
    asked, absent = outlook_on(database), pb.Job(pool="small")  # where nothing waits, and nobody works
    for _ in range(2):
        assert not (told := await asked.queue(absent)) or not told.HasField("start")
    await WorkerStore(database).announce(worker(owner="small", pool="small", running=0))
    async with patient():
        while not (told := await asked.queue(absent)) or not told.HasField("start"):
            await asyncio.sleep(0)
    assert told.tasks_before == 0


async def test_what_waits_for_its_next_attempt_has_no_start(api: Api, database: Database) -> None:
    await WorkerStore(database).announce(worker())
    made = await api.create()
    made.next_attempt_time.GetCurrentTime()
    assert not (await known(database, made)).HasField("start")


async def test_beginnings_that_are_seen_make_the_pace(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.api import outlook

    monkeypatch.setattr(outlook, "_LINES_SECONDS", 0.0)
    await WorkerStore(database).announce(worker())
    made = [await api.create() for _ in range(12)]
    asked = outlook_on(database)
    before = await asked.queue(made[11])
    for _ in range(10):
        await api.claim()
        await asked.queue(made[11])
        async with patient():
            while asked._lines._reading:
                await asyncio.sleep(0)
    after = await asked.queue(made[11])
    assert before and after
    assert (before.tasks_before, after.tasks_before) == (11, 1)
    assert before.start.ToMilliseconds() == 60_000, "12 tasks of 10 s on two slots"
    assert after.start.ToMilliseconds() < 3_000, "two by that reckoning were 10 s"


async def test_who_watches_a_job_that_waits_hears_its_place(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.api import outlook, watching

    monkeypatch.setattr(outlook, "_LINES_SECONDS", 0.0)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watching, "_PLACED_SECONDS", 0.0)
    ahead, made = [await api.create() for _ in range(2)]
    async with patient():
        events = api.service.WatchJob(pb.WatchJobRequest(id=made.id), CONTEXT)
        assert (await anext(events)).sequence == 1
        told = await anext(events)
        assert (told.sequence, told.state, told.queue.tasks_before) == (0, pb.Job.QUEUED, 1)
        await api.service.CancelJob(pb.CancelJobRequest(id=ahead.id), CONTEXT)
        assert (await anext(events)).queue.tasks_before == 0, "told again only as it changes"
        await api.claim()
        told = await anext(events)
        assert (told.sequence, told.state, told.HasField("queue")) == (2, pb.Job.PROCESSING, False)
        await events.aclose()


async def test_only_the_first_thousand_are_counted(api: Api, database: Database) -> None:
    await api.rows(
        "INSERT INTO jobs (id, tenant_id, user_id, priority, spec, output_prefix, open_tasks)"
        " SELECT uuidv7(), gen_random_uuid(), gen_random_uuid(), 50, '', 'file:///x/', 1 FROM generate_series(1, 1100)"
    )
    await api.rows(
        "INSERT INTO tasks (id, job_id, tenant_id, kind, state, priority, ready_time, place)"
        " SELECT uuidv7(), id, tenant_id, 'run_job', 'READY', priority, now(), 'p' || (row_number() OVER () % 2 * 70)"
        " FROM jobs"
    )
    await api.rows("UPDATE tasks SET place = 'default' WHERE place = 'p0' OR place = 'p70'")
    last = await api.create()
    assert (await seen(api, last)).queue.tasks_before == 1000
    first = await api.create(priority=51)
    assert (await known(database, first)).tasks_before == 0


async def test_places_are_bounded(api: Api, database: Database) -> None:
    for place in range(70):
        made = await api.create()
        await api.rows("UPDATE tasks SET place = $2 WHERE job_id = $1", made.id, f"p{place:02}")
    from datetime import timedelta

    lines = await WaitingStore(database).lines("default", silent_after=timedelta(seconds=60))
    assert len(lines) == 65 and lines["default"].tasks == frozenset() and len(lines["p00"].tasks) == 1


async def test_nobody_waits_for_a_database_that_is_away() -> None:
    closed = Database("postgresql:///", pool_size=1, publish_events=False, application="test")
    away = Outlook(WaitingStore(closed), MeasureStore(closed), silent_seconds=10)
    job = pb.Job(id=str(uuid4()), state=pb.Job.QUEUED)
    began = time.monotonic()
    for _ in range(100):
        assert await away.queue(job) is None
    assert time.monotonic() - began < 25
    assert (await away.rates()).known(TASK, Measure.WALL) == 0


async def test_nobody_waits_long_for_a_database_that_hangs(api: Api, database: Database) -> None:
    made, asked = await api.create(), outlook_on(database)
    async with database.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        for _ in range(40):
            assert await asked.queue(made) is None
        assert time.monotonic() - began < 15, "the first one waits for half a second, and not each"
    reading = asked._lines._reading
    assert reading
    await reading
    told = await asked.queue(made)
    assert told and told.tasks_before == 0
