"""Queues, caches and stores of each kind, for suites that every adapter passes."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from services.moto import Moto
from waiting import PATIENCE_SECONDS

from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Cache
from reelmill.cache.redis import RedisCache
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import TASK_TOPICS, Consumer, Queue, Topic
from reelmill.queue.postgres import PostgresQueue
from reelmill.storage.access import Access
from reelmill.storage.fetch import HttpLimits
from reelmill.storage.storage import Storage
from reelmill.worker.intake import Abilities

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

        def join(topics: Sequence[Topic] = TASK_TOPICS, pool: str = DEFAULT_POOL) -> Consumer:
            consumer = unstarted.consumer(topics, group=Abilities(pool=pool).group, pool=pool)
            stack.push_async_callback(consumer.stop)
            return consumer

        yield join


STATUS_TTL_SECONDS = 60.0
FINAL_TTL_SECONDS = 3600.0


def redis_cache(url: str, *, scope: str = "") -> RedisCache:
    """A Redis cache with the suite's times to live. Processes of one `scope` share a watermark."""
    return RedisCache(url, status_ttl_seconds=STATUS_TTL_SECONDS, final_ttl_seconds=FINAL_TTL_SECONDS, scope=scope)


@pytest.fixture
def patient_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy Redis is no Redis that is away."""
    monkeypatch.setattr("reelmill.cache.redis._TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture(params=["redis", "memory"])
async def cache(request: pytest.FixtureRequest, patient_cache: None) -> AsyncIterator[Cache]:
    """A started cache of each kind. Redis is everyone's: use ids of your own."""
    if request.param == "redis":
        made: Cache = redis_cache(request.getfixturevalue("redis_server").url)
    else:
        made = MemoryCache(status_ttl_seconds=STATUS_TTL_SECONDS, final_ttl_seconds=FINAL_TTL_SECONDS)
    await made.start()
    yield made
    await made.stop()


MAX_BYTES = 1_000_000


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 with one empty bucket, `bucket`; moto's server."""
    with Moto() as server:
        httpx.put(f"{server.url}/bucket", timeout=PATIENCE_SECONDS).raise_for_status()
        yield server.url


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What moto takes: anything."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture
def make_storage(tmp_path: Path) -> Callable[..., Storage]:
    """Makes a storage whose allowed folder is `tmp_path / "root"`."""
    (tmp_path / "root").mkdir()
    limits = HttpLimits(timeout_seconds=PATIENCE_SECONDS, total_seconds=PATIENCE_SECONDS)

    def make(own: str, **options: Any) -> Storage:
        rules = {field.name: options.pop(field.name) for field in fields(Access) if field.name in options}
        roots = [tmp_path / "root"]
        access = Access(**{"own": own, "read_roots": roots, "write_roots": roots, **rules})
        return Storage(access=access, max_bytes=MAX_BYTES, http=limits, **options)

    return make


@pytest.fixture(params=["file", "s3"])
def storage(request: pytest.FixtureRequest, make_storage: Callable[..., Storage], tmp_path: Path) -> Storage:
    """A storage whose own files are the test's own, of each kind."""
    if request.param == "file":
        return make_storage(f"file://{tmp_path}/own")
    request.getfixturevalue("s3_credentials")
    return make_storage(f"s3://bucket/{secrets.token_hex(4)}", s3_endpoint=request.getfixturevalue("s3_endpoint"))
