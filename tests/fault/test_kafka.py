"""Kafka away, lost, forgetful, repeating, shuffling: it only wakes workers, so at most a sweep's time is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from conftest import SharedServer
from effort import short_or_long, some_or_all
from fault.conftest import checked
from fault.kit.checker import messages, read
from fault.kit.deployment import Deployment
from services.databases import Databases
from services.kafka import Kafka
from waiting import PATIENCE_SECONDS, patient

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new_kafka(kafka: Kafka) -> AsyncIterator[Kafka]:
    """An empty broker for the address of the lost one; not started."""
    broker = Kafka()
    broker.port = kafka.port
    yield broker
    await asyncio.to_thread(broker.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka: Kafka, new_kafka: Kafka, redis_server: SharedServer, clip: Path
) -> AsyncIterator[Deployment]:
    """The full set-up on a broker of its own; what takes its place outlives it."""
    async with checked(databases, clip, queue_url=kafka.url, cache_url=redis_server.url) as deployment:
        yield deployment


async def assert_completed(system: Deployment, jobs: Sequence[Job]) -> None:
    done = await system.finish(*jobs)
    assert {(job.state, job.attempt) for job in done} == {(Job.COMPLETED, 1)}


def _produce(system: Deployment, topic: str, values: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": urlsplit(system.queue_url).netloc})
    for value in values:
        producer.produce(system.topic_prefix + topic, value)
    assert producer.flush(10) == 0


# Frozen, it says nothing of being away. Killed, clients hear of it at once: below too, and it comes back in test_chaos.
@pytest.mark.parametrize(
    ("go", "come_back"),
    some_or_all([(Kafka.pause, Kafka.resume), (Kafka.kill, Kafka.start)], (Kafka.pause, Kafka.resume)),
)
async def test_kafka_is_away_under_load(
    whole: Deployment, kafka: Kafka, go: Callable[[Kafka], None], come_back: Callable[[Kafka], None]
) -> None:
    before = await whole.submit(*[whole.quick_job(whole.talk)] * 5)
    await asyncio.to_thread(go, kafka)
    # How long it is away: longer than the broker's sessions with its clients, and than a client waits for an answer.
    away = asyncio.create_task(asyncio.sleep(short_or_long(12, 30)))
    during = await whole.submit(*[whole.quick_job(whole.talk)] * 9, whole.chunked_job(whole.talk))
    await assert_completed(whole, [*before, *during])  # the sweeps find them
    await away
    await asyncio.to_thread(come_back, kafka)
    await assert_completed(whole, await whole.submit(*[whole.quick_job(whole.talk)] * 5))


async def test_messages_come_again_and_in_any_order(whole: Deployment) -> None:
    jobs = await whole.submit(*[whole.quick_job(whole.talk)] * 4, whole.chunked_job(whole.talk))
    values = [m.value() for m in await asyncio.to_thread(messages, whole, "tasks.normal")] * 3
    random.Random(1).shuffle(values)
    await asyncio.to_thread(_produce, whole, "tasks.normal", values)
    await assert_completed(whole, [*jobs, *await whole.submit(*[whole.quick_job(whole.talk)] * 5)])


async def test_offsets_are_set_back_to_the_beginning(whole: Deployment) -> None:
    for worker in whole.workers:
        await asyncio.to_thread(worker.stop)
    topic = f"{whole.topic_prefix}tasks.normal"
    start = [TopicPartition(topic, partition, 0) for partition in range(4)]
    group = ConsumerGroupTopicPartitions(f"{whole.topic_prefix}workers", start)
    admin = AdminClient({"bootstrap.servers": urlsplit(whole.queue_url).netloc})
    changed = admin.alter_consumer_group_offsets([group])
    await asyncio.to_thread(next(iter(changed.values())).result)
    await whole.revive()
    await assert_completed(whole, await whole.submit(*[whole.quick_job(whole.talk)] * 3))


async def test_garbage_goes_to_the_dead_letter_topic_and_blocks_nobody(whole: Deployment) -> None:
    garbage = [b"", b"garbage", b"\x08\x63", bytes(range(256))]
    await asyncio.to_thread(_produce, whole, "tasks.normal", garbage * 5)
    await assert_completed(whole, await whole.submit(*[whole.quick_job(whole.talk)] * 3))
    async with patient():
        while len(await asyncio.to_thread(messages, whole, "dead-letter")) < len(garbage) * 5:
            await asyncio.sleep(0.1)


async def test_the_group_changes_all_the_time(whole: Deployment) -> None:
    jobs = []
    for _ in range(short_or_long(1, 10)):
        jobs += await whole.submit(*[whole.quick_job(whole.talk)] * 5)
        await asyncio.to_thread(whole.workers[1].stop)
        jobs += await whole.submit(*[whole.quick_job(whole.talk)] * 5)
        await asyncio.to_thread(whole.workers[1].start)
    await assert_completed(whole, jobs)


async def test_a_topic_that_is_deleted_is_made_anew(whole: Deployment) -> None:
    topic = f"{whole.topic_prefix}tasks.normal"
    admin = AdminClient({"bootstrap.servers": urlsplit(whole.queue_url).netloc})
    for result in admin.delete_topics([topic]).values():
        await asyncio.to_thread(result.result)
    await assert_completed(whole, await whole.submit(*[whole.quick_job(whole.talk)] * 5))
    async with patient():
        while topic not in (found := (await asyncio.to_thread(admin.list_topics, timeout=PATIENCE_SECONDS)).topics):
            await asyncio.sleep(0.1)
    assert len(found[topic].partitions) == 4
    await assert_completed(whole, await whole.submit(*[whole.quick_job(whole.talk)] * 5))


# The last of this module: its broker does not come back.
async def test_kafka_is_lost_and_an_empty_one_takes_its_place(
    whole: Deployment, kafka: Kafka, new_kafka: Kafka
) -> None:
    await whole.finish(*await whole.submit(*[whole.quick_job(whole.talk)] * 3))
    whole.untold |= (await read(whole.database_url)).jobs.keys()
    await asyncio.to_thread(kafka.kill)
    during = await whole.submit(*[whole.quick_job(whole.talk)] * 3)
    await asyncio.to_thread(new_kafka.start)
    async with patient():
        while not await asyncio.to_thread(announced_again, whole):
            await asyncio.sleep(0.2)
    await assert_completed(whole, [*during, *await whole.submit(*[whole.quick_job(whole.talk)] * 3)])


def announced_again(system: Deployment) -> bool:
    """Whether the new broker has topics of ours and messages for workers in them."""
    try:
        return bool(messages(system, "tasks.normal"))
    except (KeyError, KafkaException):  # the topic is not there, or not yet led by anyone
        return False
