"""The queue port: at-least-once messages by topic.

The database is the truth (design decision 2): a message only wakes a worker. It may be lost,
repeated or come out of order, at the cost of a sweep interval and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from reelmill.jobs.places import DEFAULT_POOL, pool_of
from reelmill.v1.messages_pb2 import TaskReady

TASK_READY_VERSION = 1
_POOL = "pool"  # a header


class Topic(StrEnum):
    """What a message is about. An adapter may prefix the name (setting `kafka_topic_prefix`)."""

    TASKS_HIGH = "tasks.high"
    TASKS_NORMAL = "tasks.normal"
    TASKS_LOW = "tasks.low"
    EVENTS = "events"
    DEAD_LETTER = "dead-letter"


# Highest class first: the order in which a consumer prefers them.
TASK_TOPICS = (Topic.TASKS_HIGH, Topic.TASKS_NORMAL, Topic.TASKS_LOW)


def task_topic(priority: int) -> Topic:
    """The topic of a priority's class: 67 and more high, 34 to 66 normal, less low."""
    if priority >= 67:
        return Topic.TASKS_HIGH
    return Topic.TASKS_NORMAL if priority >= 34 else Topic.TASKS_LOW


def priority_class(topic: Topic) -> str:
    """The class of priority of a topic of tasks: high, normal or low."""
    return topic.removeprefix("tasks.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message. Messages of one key stay in order where the adapter keeps any order."""

    topic: Topic
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A received message; `receipt` is the adapter's own, for commit."""

    message: Message
    receipt: object


class QueueUnavailable(Exception):
    """The queue can't be reached now; the outbox keeps the messages."""


class Consumer(Protocol):
    """A member of a consumer group."""

    async def receive(self, limit: int, timeout_seconds: float) -> list[Delivery]:
        """Up to `limit` messages, higher classes first; empty after `timeout_seconds` without one.

        While no call is under way the member stays in its group and takes nothing.
        Raises QueueUnavailable.
        """
        ...

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge: these won't be delivered to the group again. Raises QueueUnavailable."""
        ...

    async def stop(self) -> None:
        """Leave the group; what was not committed goes to others. Bears being called twice."""
        ...


class Queue(Protocol):
    """A connection to the queue."""

    @property
    def outbox_is_queue(self) -> bool:
        """Whether consumers read the outbox table itself, so that nothing relays it."""
        ...

    async def start(self) -> None:
        """Connect; make missing topics. Raises QueueUnavailable only where waiting can't help."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect. Bears being called twice."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send, and return once all are durable. Raises QueueUnavailable; then some may have gone."""
        ...

    async def wake(self) -> None:
        """Tell waiting consumers of this queue that the outbox has grown; cheap, best effort."""
        ...

    def consumer(
        self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers", pool: str = DEFAULT_POOL
    ) -> Consumer:
        """A new member of a consumer group, for workers of a pool; messages of other pools may come too."""
        ...

    async def lag(self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers") -> dict[Topic, int]:
        """How many messages of each topic the group has not acknowledged. Raises QueueUnavailable."""
        ...

    async def check(self) -> None:
        """Raise QueueUnavailable unless the queue answers now."""
        ...


def task_ready(
    *, task_id: UUID, job_id: UUID, priority: int, traceparent: str = "", place: str = DEFAULT_POOL
) -> Message:
    """The message that says that a task is ready."""
    value = TaskReady(version=TASK_READY_VERSION, task_id=task_id.bytes, job_id=job_id.bytes).SerializeToString()
    headers = {"traceparent": traceparent} if traceparent else {}
    if (pool := pool_of(place)) != DEFAULT_POOL:
        headers[_POOL] = pool
    return Message(topic=task_topic(priority), key=str(job_id), value=value, headers=headers)


def pool_told(message: Message) -> str:
    """Whose workers a message is for; the default pool's, where a release before wrote it."""
    return message.headers.get(_POOL, DEFAULT_POOL)


def parse_task_ready(value: bytes) -> UUID:
    """The task's id. Raises ValueError, saying why, for bytes that are no TaskReady that we know."""
    try:
        message = TaskReady.FromString(value)
    except Exception as error:  # protobuf's own DecodeError is not public in every runtime
        raise ValueError(f"not a TaskReady message: {error}") from error
    if message.version != TASK_READY_VERSION:
        raise ValueError(f"TaskReady version {message.version}; this worker knows {TASK_READY_VERSION}")
    return UUID(bytes=message.task_id)
