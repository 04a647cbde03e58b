"""Submitting: all in one transaction, and once for each key."""

import asyncio
import json
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from store.kit import TABLES, TENANT, USER, Store, new_job

from reelmill.jobs.errors import Conflict, NotFound
from reelmill.queue.port import task_ready, task_topic
from reelmill.store.database import Database
from reelmill.store.jobs import JobFilter
from reelmill.store.records import StoredJob
from reelmill.v1.jobs_pb2 import Job


def _ids(answers: list[StoredJob | Conflict]) -> set[str]:
    assert all(isinstance(a, StoredJob) for a in answers), answers
    return {a.job.id for a in answers if isinstance(a, StoredJob)}


async def test_a_submission_writes_job_task_event_and_announcement(store: Store) -> None:
    new = new_job(priority=70, traceparent="00-1-2-01")
    [answer] = await store.jobs.create(TENANT, USER, [new])
    assert isinstance(answer, StoredJob)
    assert await store.jobs.get(TENANT, new.id) == answer.job
    task = await store.task(new.task_id)
    assert (task["state"], task["job_id"], task["priority"], task["fence"]) == ("READY", new.id, 70, 0)
    [event] = await store.jobs.events(TENANT, new.id, after=0, limit=9)
    assert (event.sequence, event.state) == (1, Job.QUEUED)
    [row] = await store.rows("SELECT topic, key, value, headers FROM outbox WHERE topic LIKE 'tasks%'")
    message = task_ready(task_id=new.task_id, job_id=new.id, priority=70, traceparent="00-1-2-01")
    assert (row["topic"], row["key"], row["value"]) == (message.topic, message.key, message.value)
    assert json.loads(row["headers"]) == message.headers


async def test_a_batch_answers_in_its_own_order(store: Store) -> None:
    new = [new_job(priority=i) for i in range(50)]
    answers = await store.jobs.create(TENANT, USER, new)
    assert [a.job.id for a in answers if isinstance(a, StoredJob)] == [str(n.id) for n in new]
    assert [a.job.priority for a in answers if isinstance(a, StoredJob)] == list(range(50))


async def test_a_batch_with_one_bad_job_leaves_nothing(store: Store) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await store.jobs.create(TENANT, USER, [new_job(key="k"), new_job(priority=101)])
    assert await store.everything() == {table: [] for table in TABLES}


async def test_of_twenty_at_once_with_one_key_one_makes_the_job(store: Store) -> None:
    calls = [store.jobs.create(TENANT, USER, [new_job(key="k", body="b")]) for _ in range(20)]
    answers = [answer for [answer] in await asyncio.gather(*calls)]
    assert len(_ids(answers)) == 1
    assert await store.value("SELECT count(*) FROM jobs") == 1
    assert await store.value("SELECT count(*) FROM tasks") == 1


async def test_a_key_with_another_body_is_a_conflict_that_names_the_first_job(store: Store) -> None:
    first = await store.submit(key="k", body="one")
    [answer] = await store.jobs.create(TENANT, USER, [new_job(key="k", body="two")])
    assert isinstance(answer, Conflict)
    assert str(first.id) in str(answer)
    assert await store.value("SELECT count(*) FROM jobs") == 1


async def test_a_key_that_comes_twice_in_one_batch_makes_one_job(store: Store) -> None:
    batch = [new_job(key="k", body="b"), new_job(key="k", body="b"), new_job(key="k", body="c"), new_job()]
    one, same, other, free = await store.jobs.create(TENANT, USER, batch)
    assert isinstance(one, StoredJob)
    assert same == replace(one, already=True)
    assert isinstance(other, Conflict)
    assert isinstance(free, StoredJob)
    assert await store.value("SELECT count(*) FROM jobs") == 2


async def test_batches_that_share_keys_in_opposite_orders_do_not_deadlock(store: Store) -> None:
    keys = [f"k{i}" for i in range(30)]
    forth = [[new_job(key=k) for k in keys] for _ in range(4)]
    back = [[new_job(key=k) for k in reversed(keys)] for _ in range(4)]
    answers = await asyncio.gather(*(store.jobs.create(TENANT, USER, batch) for batch in forth + back))
    assert all(_ids(a) == _ids(answers[0]) for a in answers)
    assert await store.value("SELECT count(*) FROM jobs") == 30


async def test_a_key_whose_job_is_gone_still_answers_its_id(store: Store) -> None:
    first = await store.submit(key="k", body="b")
    await store.jobs.cancel(TENANT, first.id, "")
    await store.rows("DELETE FROM jobs")
    [answer] = await store.jobs.create(TENANT, USER, [new_job(key="k", body="b")])
    assert _ids([answer]) == {str(first.id)}
    assert await store.value("SELECT count(*) FROM jobs") == 0


async def test_one_key_serves_each_tenant(store: Store) -> None:
    tenants = [TENANT, uuid4()]
    answers = [(await store.jobs.create(t, USER, [new_job(key="k", body=str(t))]))[0] for t in tenants]
    assert len(_ids(answers)) == 2


async def test_a_retry_is_made_once(store: Store) -> None:
    first = await store.submit()
    again = await store.submit(retry_of=first.id)
    with pytest.raises(asyncpg.UniqueViolationError):
        await store.submit(retry_of=first.id)
    found = await store.jobs.get_retry(TENANT, first.id)
    assert found is not None
    assert (found.id, found.retry_of) == (str(again.id), str(first.id))


async def test_an_argument_that_its_column_cannot_hold_is_no_outage(store: Store) -> None:
    with pytest.raises(asyncpg.DataError):
        await store.submit(priority=2**20)


async def test_the_database_names_the_topics_as_the_queue_does(store: Store) -> None:
    rows = await store.rows("SELECT p, task_topic(p::smallint) AS topic FROM generate_series(0, 100) p")
    assert {r["p"]: r["topic"] for r in rows} == {p: task_topic(p).value for p in range(101)}


async def test_each_change_of_state_is_a_cloud_event(store: Store) -> None:
    new = await store.submit(body="b")
    await store.jobs.cancel(TENANT, new.id, "")
    rows = await store.rows("SELECT key, value, headers FROM outbox WHERE topic = 'events' ORDER BY id")
    events = [
        from_binary_event(KafkaMessage(headers=_bytes(json.loads(r["headers"])), key=r["key"], value=r["value"]))
        for r in rows
    ]
    assert [e.get_type() for e in events] == ["reelmill.job.queued", "reelmill.job.cancelled"]
    assert [e.get_id() for e in events] == [f"{new.id}:1", f"{new.id}:2"]
    assert {e.get_subject() for e in events} == {str(new.id)}
    data = events[1].get_data()
    assert (data["job_id"], data["state"], data["labels"]) == (str(new.id), "CANCELLED", {"body": "b"})


def _bytes(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in headers.items()}


async def test_without_an_events_topic_no_cloud_event_is_written(database_url: str) -> None:
    quiet = Database(database_url, pool_size=1, publish_events=False, application="test")
    await quiet.start()
    try:
        store = Store(quiet)
        await store.running()
        assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'events'") == 0
        assert await store.value("SELECT count(*) FROM job_events") == 2
    finally:
        await quiet.stop()


async def test_tenants_see_nothing_of_each_other(store: Store) -> None:
    new = await store.submit(key="k")
    other = uuid4()
    with pytest.raises(NotFound):
        await store.jobs.get(other, new.id)
    with pytest.raises(NotFound):
        await store.jobs.cancel(other, new.id, "")
    assert await store.jobs.page(other, JobFilter(), before=None, limit=9) == []
    assert await store.jobs.events(other, new.id, after=0, limit=9) == []
    assert await store.jobs.logs(other, new.id, after=0, limit=9) == []
    again = await store.submit(retry_of=new.id)
    assert await store.jobs.get_retry(other, new.id) is None
    assert {UUID(j.id) for j in await store.jobs.page(TENANT, JobFilter(), before=None, limit=9)} == {new.id, again.id}
    assert (await store.job(new.id))["state"] == "QUEUED"
