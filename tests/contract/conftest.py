"""Queues, caches and stores of each kind, for suites that every adapter passes."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import TASK_TOPICS, Consumer, Queue, Topic
from reelmill.queue.postgres import PostgresQueue

PARTITIONS = 3

Join = Callable[..., Consumer]


@pytest.fixture
def topic_prefix() -> str:
    """Kafka topics of the test's own."""
    return f"test-{secrets.token_hex(4)}."


@pytest.fixture(params=["kafka", "postgres"])
def unstarted(request: pytest.FixtureRequest, topic_prefix: str) -> Queue:
    """A queue of the test's own, of each kind."""
    if request.param == "kafka":
        url = request.getfixturevalue("kafka_server").url
        return KafkaQueue(url, topic_prefix=topic_prefix, partitions=PARTITIONS, replication=1)
    return PostgresQueue(request.getfixturevalue("database"))


@pytest.fixture
async def queue(unstarted: Queue) -> AsyncIterator[Queue]:
    """A started queue of the test's own, of each kind."""
    await unstarted.start()
    yield unstarted
    await unstarted.stop()


@pytest.fixture
async def join(unstarted: Queue) -> AsyncIterator[Join]:
    """Makes consumers of the queue: join() or join(topics); stopped at the test's end."""
    async with AsyncExitStack() as stack:

        def join(topics: Sequence[Topic] = TASK_TOPICS) -> Consumer:
            consumer = unstarted.consumer(topics)
            stack.push_async_callback(consumer.stop)
            return consumer

        yield join
