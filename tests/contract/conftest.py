"""Queues, caches and stores of each kind, for suites that every adapter passes."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Cache
from reelmill.cache.redis import RedisCache
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


STATUS_TTL_SECONDS = 60.0
FINAL_TTL_SECONDS = 3600.0


def redis_cache(url: str) -> RedisCache:
    """A Redis cache with the suite's times to live."""
    return RedisCache(url, status_ttl_seconds=STATUS_TTL_SECONDS, final_ttl_seconds=FINAL_TTL_SECONDS)


@pytest.fixture(params=["redis", "memory"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """A started cache of each kind. Redis is everyone's: use ids of your own."""
    if request.param == "redis":
        made: Cache = redis_cache(request.getfixturevalue("redis_server").url)
    else:
        made = MemoryCache(status_ttl_seconds=STATUS_TTL_SECONDS, final_ttl_seconds=FINAL_TTL_SECONDS)
    await made.start()
    yield made
    await made.stop()
