"""The data is where it belongs: read behind the API's back."""

import asyncio
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from confluent_kafka import Consumer, TopicPartition
from fault.kit.checker import messages, read
from fault.kit.deployment import Deployment
from redis.asyncio import Redis
from waiting import PATIENCE_SECONDS, patient

from reelmill.cache.redis import status_key
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.messages_pb2 import TaskReady

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(full: Deployment) -> Job:
    """A job that is COMPLETED."""
    [job] = await full.submit(full.short_encode(full.media / "talk.mp4"))
    return (await full.finish(job))[0]


async def test_postgresql_has_the_job_its_task_events_log_and_files(full: Deployment, done: Job) -> None:
    found = await read(full.database_url)
    row, [task] = found.jobs[done.id], found.tasks[done.id]
    assert (row["state"], row["tenant_id"], row["open_tasks"]) == ("COMPLETED", DEFAULT_IDENTITY.tenant_id, 0)
    assert (task["state"], task["attempt"], task["fence"], task["crashes"]) == ("COMPLETED", 1, 1, 0)
    assert task["owner"]
    states = [event["state"] for event in found.events[done.id]]
    assert (states[0], states[-1], len(states)) == ("QUEUED", "COMPLETED", row["version"])
    assert [file.uri for file in found.files[done.id]] == [done.outputs[0].files[0].uri]
    logs = [line async for line in full.client.job_logs(done.id)]
    assert any(line.command for line in logs)


async def test_redis_has_the_status_with_a_time_to_live(full: Deployment, done: Job) -> None:
    async with Redis.from_url(full.cache_url) as redis:
        key = status_key(DEFAULT_IDENTITY.tenant_id, UUID(done.id))
        kept = await redis.hgetall(key)
        seconds = await redis.ttl(key)
    assert int(kept[b"version"]) == done.version
    assert Job.FromString(kept[b"job"]).state == Job.COMPLETED
    assert 3000 < seconds <= 3600


async def test_kafka_has_the_message_and_the_group_has_committed_it(full: Deployment, done: Job) -> None:
    sent = await asyncio.to_thread(messages, full, "tasks.normal")
    [mine] = [m for m in sent if TaskReady.FromString(m.value()).job_id == UUID(done.id).bytes]
    assert mine.key() == done.id.encode()
    group = {"bootstrap.servers": urlsplit(full.queue_url).netloc, "group.id": f"{full.topic_prefix}workers"}
    consumer = Consumer(group)
    try:
        mine_at = [TopicPartition(mine.topic(), mine.partition())]
        async with patient():  # the worker commits a moment after the job has ended
            while True:
                [place] = await asyncio.to_thread(consumer.committed, mine_at, timeout=PATIENCE_SECONDS)
                if place.offset > mine.offset():
                    break
                await asyncio.sleep(0.1)
    finally:
        consumer.close()


def _events_of(system: Deployment, job: Job) -> list[BaseCloudEvent]:
    of_job = [m for m in messages(system, "events") if m.key() == job.id.encode()]
    return [from_binary_event(KafkaMessage(dict(m.headers()), m.key(), m.value())) for m in of_job]


async def test_kafka_has_a_cloud_event_for_each_state(full: Deployment, done: Job) -> None:
    async with patient():
        while len(events := await asyncio.to_thread(_events_of, full, done)) < 3:  # the last may be on its way
            await asyncio.sleep(0.1)
    assert [e.get_type() for e in events] == [f"reelmill.job.{s}" for s in ("queued", "processing", "completed")]
    assert {e.get_subject() for e in events} == {done.id}
    assert len({e.get_id() for e in events}) == 3
