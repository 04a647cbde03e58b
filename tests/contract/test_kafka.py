"""What Kafka alone has: topics, partitions, positions, members that come and go, a broker that is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from contract.conftest import PARTITIONS
from contract.test_queue import joined, message, numbers, take
from services.kafka import Kafka
from waiting import PATIENCE_SECONDS, eventually, patient, soon

from reelmill.queue import kafka
from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.kafka_consumer import KafkaConsumer
from reelmill.queue.port import TASK_TOPICS, Consumer, Message, QueueUnavailable, Topic

TOPIC = Topic.TASKS_NORMAL


def make(url: str, prefix: str) -> KafkaQueue:
    return KafkaQueue(url, topic_prefix=prefix, partitions=PARTITIONS, replication=1)


def partitions(url: str) -> dict[str, int]:
    admin = AdminClient({"bootstrap.servers": url.removeprefix("kafka://")})
    return {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=PATIENCE_SECONDS).topics.items()}


async def until(holds: Callable[[], bool]) -> None:
    """Ask in a thread, for a client's calls of Kafka wait."""
    await eventually(lambda: asyncio.to_thread(holds))


def holds(consumer: Consumer) -> bool:
    return consumer._members[TOPIC]._held


def reassigned(consumer: Consumer) -> bool:
    return len(consumer._members[TOPIC]._client.assignment()) == PARTITIONS


@pytest.fixture
def url(kafka_server) -> str:
    return kafka_server.url


@pytest.fixture
async def queue(url: str, topic_prefix: str) -> AsyncIterator[KafkaQueue]:
    queue = make(url, topic_prefix)
    await queue.start()
    yield queue
    await queue.stop()


@pytest.fixture
async def one(queue: KafkaQueue) -> AsyncIterator[Consumer]:
    consumer = queue.consumer([TOPIC])
    yield consumer
    await consumer.stop()


@pytest.fixture
async def two(queue: KafkaQueue) -> AsyncIterator[Consumer]:
    consumer = queue.consumer([TOPIC])
    yield consumer
    await consumer.stop()


async def test_missing_topics_are_made_with_the_partitions_asked_for(
    queue: KafkaQueue, url: str, topic_prefix: str
) -> None:
    def made() -> dict[str, int]:
        return {name: count for name, count in partitions(url).items() if name.startswith(topic_prefix)}

    await until(lambda: len(made()) == len(Topic))
    assert made() == {topic_prefix + topic: 1 if topic is Topic.DEAD_LETTER else PARTITIONS for topic in Topic}


async def test_topics_that_are_there_stay_as_they_are(queue: KafkaQueue, url: str, topic_prefix: str) -> None:
    again = KafkaQueue(url, topic_prefix=topic_prefix, partitions=7, replication=1)
    await again.start()
    await again.stop()
    await until(lambda: partitions(url).get(topic_prefix + TOPIC) is not None)  # brokers learn of it one by one
    assert partitions(url)[topic_prefix + TOPIC] == PARTITIONS


async def test_the_committed_position_is_the_first_open_message(
    queue: KafkaQueue, one: Consumer, url: str, topic_prefix: str
) -> None:
    await queue.publish([Message(topic=TOPIC, key="k", value=str(n).encode()) for n in range(10)])
    deliveries = await take(one, 10)
    assert numbers(deliveries) == list(range(10))
    reader = KafkaClient({"bootstrap.servers": url.removeprefix("kafka://"), "group.id": topic_prefix + "workers"})
    asked = [TopicPartition(topic_prefix + TOPIC, p) for p in range(PARTITIONS)]

    def position() -> int:
        return max(p.offset for p in reader.committed(asked, timeout=PATIENCE_SECONDS))

    await one.commit([deliveries[n] for n in (9, 0, 1, 5, 2)])
    await until(lambda: position() == 3)
    await one.commit([deliveries[n] for n in (4, 3)])
    await until(lambda: position() == 6)
    await one.commit([deliveries[n] for n in (8, 7, 6)])
    await until(lambda: position() == 10)
    reader.close()


async def test_a_member_that_joins_while_another_holds_gets_its_share(
    queue: KafkaQueue, one: Consumer, two: Consumer
) -> None:
    await joined(queue, one, two)
    await two.stop()
    await queue.publish([message(n) for n in range(200)])
    held = await take(one, 1, limit=1)
    await until(lambda: holds(one))
    three = queue.consumer([TOPIC])
    share = await take(three, 1)  # `one` takes nothing and gives partitions away all the same
    while received := await three.receive(100, 1):
        share += received
    await three.commit(share)
    await three.stop()
    # Now all is `one`'s again, and none of its partitions is still paused.
    async with patient():
        while set(numbers(held)) | set(numbers(share)) < set(range(200)):
            held += await one.receive(100, 1)
    assert len(share) < 200


async def test_partitions_that_were_paused_are_read_again_after_a_rebalance(
    queue: KafkaQueue, one: Consumer, two: Consumer
) -> None:
    await joined(queue, one, two)
    await queue.publish([message(n) for n in range(60)])
    first = await take(one, 1, limit=1)
    await until(lambda: holds(one))
    await two.stop()
    # `one` is given the partitions of `two` while it holds; then its demand never pauses.
    await until(lambda: reassigned(one))
    received = first + await take(one, 59, limit=1)
    assert sorted(set(numbers(received))) == list(range(60))


async def test_members_that_come_and_go_lose_nothing(queue: KafkaQueue, one: Consumer) -> None:
    seen: set[int] = set()
    await joined(queue, one)
    for round_ in range(2):
        await queue.publish([message(100 * round_ + n) for n in range(100)])
        guest = queue.consumer([TOPIC])
        for consumer in (guest, one, guest):
            received = await consumer.receive(20, 0.3)
            seen |= set(numbers(received))
            await consumer.commit(received)
        await guest.receive(20, 0.1)  # it dies with these
        await guest.stop()
    async with patient():
        while len(seen) < 200:
            received = await one.receive(100, PATIENCE_SECONDS)
            seen |= set(numbers(received))
            await one.commit(received)
    assert seen == set(range(200))


async def test_a_fatal_error_is_told_and_a_new_client_takes_over(
    queue: KafkaQueue, url: str, topic_prefix: str
) -> None:
    # Two members of one instance id: the broker refuses the second for good.
    static = make(f"{url}?group.instance.id=same", topic_prefix)
    holder = static.consumer([TOPIC])
    await joined(queue, holder)
    refused = static.consumer([TOPIC])
    with pytest.raises(QueueUnavailable, match="refuses"):
        await refused.receive(1, PATIENCE_SECONDS)
    await holder.stop()
    await queue.publish([message(7)])
    received: list[int] = []
    async with patient():
        while not received:
            try:
                received = numbers(await refused.receive(1, PATIENCE_SECONDS))
            except QueueUnavailable:
                continue
    assert received == [7]
    await refused.stop()


@pytest.mark.parametrize("url", ["kafka://", "kafka:", "http://localhost:9092", "kafka://localhost:9092/topic"])
def test_a_url_of_another_form_is_refused_naming_the_setting(url: str) -> None:
    with pytest.raises(ValueError, match="REELMILL_QUEUE_URL"):
        make(url, "x.")


async def test_an_unknown_option_is_refused_naming_setting_and_option() -> None:
    queue = make("kafka://127.0.0.1:1?no.such.option=1", "x.")
    with pytest.raises(QueueUnavailable, match=r"REELMILL_QUEUE_URL.*no\.such\.option"):
        await queue.start()
    with pytest.raises(QueueUnavailable, match=r"REELMILL_QUEUE_URL.*no\.such\.option"):
        queue.consumer()


async def answers(call: Awaitable[None]) -> bool:
    try:
        await call
    except QueueUnavailable:
        return False
    return True


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kafka]:
    """A broker that is not started yet, and little patience with it."""
    monkeypatch.setattr(kafka, "_START_SECONDS", 0.2)
    monkeypatch.setattr(kafka, "_CHECK_SECONDS", 0.5)
    broker = Kafka()
    yield broker
    broker.close()


async def test_a_broker_that_is_away_is_told_and_found_once_it_is_back(away: Kafka) -> None:
    queue = make(f"{away.url}?delivery.timeout.ms=1000", "late.")
    await queue.start()  # returns
    with pytest.raises(QueueUnavailable):
        await queue.check()
    with pytest.raises(QueueUnavailable):
        await soon(queue.publish([message(1)]))
    consumer = queue.consumer()
    assert await consumer.receive(1, 0.1) == []
    await asyncio.to_thread(away.start)
    await until(lambda: partitions(away.url).get("late." + TOPIC) == PARTITIONS)
    # Its patience with a broker is short here: a slow one may be asked again.
    await eventually(lambda: answers(queue.check()), "the broker answers")
    await eventually(lambda: answers(queue.publish([message(2)])), "a message is taken")
    assert set(numbers(await take(consumer, 1))) == {2}
    await asyncio.to_thread(away.kill)
    with pytest.raises(QueueUnavailable):
        await queue.check()
    async with patient():
        await consumer.stop()
        await queue.stop()


class Member:
    """Stands for a class's reader, with some messages at hand."""

    looked = True

    def __init__(self, hand: int) -> None:
        self.hand = hand
        self.asked: list[tuple[int, int]] = []

    def take(self, limit: int, *, wanted: int) -> list[int]:
        self.asked.append((limit, wanted))
        return [0] * min(limit, self.hand)


@pytest.mark.parametrize(
    ("hands", "asked"), [((3, 9, 9), [7, 4, 0]), ((9, 9, 9), [7, 0, 0]), ((0, 0, 0), [7, 7, 7]), ((1, 1, 1), [7, 6, 5])]
)
def test_all_classes_together_give_no_more_than_was_asked_for(hands: tuple[int, ...], asked: list[int]) -> None:
    members: Any = {topic: Member(hand) for topic, hand in zip(TASK_TOPICS, hands, strict=True)}
    consumer = KafkaConsumer.__new__(KafkaConsumer)
    consumer._members = members
    assert len(consumer._take(7)) == min(7, sum(hands))
    assert [member.asked for member in members.values()] == [[(limit, 7)] for limit in asked]
