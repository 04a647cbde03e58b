"""What every queue holds: Kafka and PostgreSQL pass the same tests."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from contract.conftest import Join
from waiting import PATIENCE_SECONDS, patient, soon

from reelmill.queue import postgres
from reelmill.queue.port import Consumer, Delivery, Message, Queue, QueueUnavailable, Topic
from reelmill.queue.postgres import PostgresConsumer, PostgresQueue
from reelmill.store.database import Database
from reelmill.store.sql import queries


def message(number: int, topic: Topic = Topic.TASKS_NORMAL) -> Message:
    return Message(topic=topic, key=f"key {number}", value=str(number).encode())


def numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [int(d.message.value) for d in deliveries]


async def take(consumer: Consumer, count: int, *, limit: int = 100, commit: bool = False) -> list[Delivery]:
    """Receive until `count` have come."""
    taken: list[Delivery] = []
    async with patient():
        while len(taken) < count:
            received = await consumer.receive(limit, PATIENCE_SECONDS)
            taken += received
            if commit:
                await consumer.commit(received)
    return taken


async def joined(queue: Queue, *consumers: Consumer, topic: Topic = Topic.TASKS_NORMAL) -> None:
    """Wait until each consumer gets messages of a topic, and all of these have come."""
    sent: set[int] = set()
    came: set[int] = set()

    async def receive(consumer: Consumer, timeout_seconds: float) -> None:
        received = await consumer.receive(1000, timeout_seconds)
        await consumer.commit(received)
        came.update(numbers(received))

    async with patient():
        for consumer in consumers:
            first = asyncio.create_task(receive(consumer, PATIENCE_SECONDS))
            while not first.done():
                batch = range(len(sent), len(sent) + 10)
                sent.update(batch)
                await queue.publish([message(n, topic) for n in batch])
                await asyncio.wait([first], timeout=0.1)
            await first
        while not came >= sent:
            for consumer in consumers:
                await receive(consumer, 0.05)


async def test_a_message_arrives_with_value_key_and_headers(queue: Queue, join: Join) -> None:
    sent = Message(
        topic=Topic.TASKS_HIGH,
        key="Schlüssel",
        value=bytes(range(256)),
        headers={"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x": "ü"},
    )
    await queue.publish([sent])
    [delivery] = await take(join(), 1)
    assert delivery.message == sent


async def test_messages_of_one_key_keep_their_order(queue: Queue, join: Join) -> None:
    await queue.publish([Message(topic=Topic.EVENTS, key="k", value=str(n).encode()) for n in range(50)])
    assert numbers(await take(join([Topic.EVENTS]), 50)) == list(range(50))


async def test_higher_classes_come_first_while_a_flood_waits(queue: Queue, join: Join) -> None:
    consumer = join()
    for topic in (Topic.TASKS_HIGH, Topic.TASKS_NORMAL, Topic.TASKS_LOW):
        await joined(queue, consumer, topic=topic)
    flood, came = 2000, Counter[Topic]()
    for topic in (Topic.TASKS_LOW, Topic.TASKS_NORMAL, Topic.TASKS_HIGH):
        await queue.publish([Message(topic=topic, key="k", value=b"1") for _ in range(flood)])
        # They come in pieces, and others while a piece is under way; once one is here, none but its own.
        in_a_row = 0
        async with patient():
            while in_a_row < 50:
                [delivery] = await consumer.receive(1, PATIENCE_SECONDS)
                came[delivery.message.topic] += 1
                in_a_row = in_a_row + 1 if delivery.message.topic is topic else 0
        assert all(count < flood for count in came.values()), "the flood of the other classes waits still"


async def test_two_consumers_share_the_work_and_none_gets_what_the_other_has(queue: Queue, join: Join) -> None:
    one, two = join([Topic.TASKS_NORMAL]), join([Topic.TASKS_NORMAL])
    await joined(queue, one, two)
    await queue.publish([message(n) for n in range(300)])
    shares: tuple[list[int], list[int]] = ([], [])
    async with patient():
        while len(shares[0]) + len(shares[1]) < 300:
            for share, consumer in zip(shares, (one, two), strict=True):
                share += numbers(await consumer.receive(10, 0.05))
    assert sorted(shares[0] + shares[1]) == list(range(300))
    assert all(shares)


async def test_what_was_committed_does_not_come_again_to_the_next_consumer(queue: Queue, join: Join) -> None:
    await queue.publish([message(n) for n in range(20)])
    first = join()
    await first.commit(await take(first, 20))
    await first.stop()
    await queue.publish([message(99)])
    assert numbers(await take(join(), 1)) == [99]


async def test_what_was_not_committed_comes_again_once_its_consumer_has_stopped(queue: Queue, join: Join) -> None:
    await queue.publish([message(n) for n in range(20)])
    first = join()
    deliveries = await take(first, 20)
    # Out of order: 0 to 2 stay open, and with them in Kafka what lies behind them in their partition.
    await first.commit(sorted(deliveries, key=lambda d: -int(d.message.value))[:17])
    await first.stop()
    second = join()
    again: set[int] = set()
    async with patient():
        while not again >= {0, 1, 2}:
            again |= set(numbers(await second.receive(100, 1)))
    assert again <= set(range(20))


async def test_commits_out_of_order_are_whole_once_all_have_come(queue: Queue, join: Join) -> None:
    await queue.publish([message(n) for n in range(30)])
    first = join()
    for delivery in reversed(await take(first, 30)):
        await first.commit([delivery])
    await first.stop()
    await queue.publish([message(99)])
    assert numbers(await take(join(), 1)) == [99]


async def test_receive_is_empty_at_its_timeout(queue: Queue, join: Join) -> None:
    assert await join().receive(10, 0.05) == []


async def test_receive_takes_no_more_than_its_limit(queue: Queue, join: Join) -> None:
    consumer = join()
    await queue.publish([message(n) for n in range(20)])
    assert len(await consumer.receive(7, PATIENCE_SECONDS)) <= 7
    assert len(await consumer.receive(1, PATIENCE_SECONDS)) == 1


async def test_a_waiting_receive_answers_as_soon_as_a_message_arrives(
    queue: Queue, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_POLL_SECONDS", 3600)  # so that nothing but the notification brings it
    consumer = join()
    await joined(queue, consumer)
    waiting = asyncio.create_task(consumer.receive(10, 3600))
    await asyncio.wait([waiting], timeout=0.1)
    await queue.publish([message(7)])
    assert numbers(await soon(waiting)) == [7]


async def test_a_cancelled_receive_loses_nothing(queue: Queue, join: Join) -> None:
    consumer = join()
    await joined(queue, consumer)
    received: list[int] = []
    for round_ in range(10):
        waiting = asyncio.create_task(consumer.receive(100, PATIENCE_SECONDS))
        await queue.publish([message(10 * round_ + n) for n in range(10)])
        waiting.cancel()
        [result] = await asyncio.gather(waiting, return_exceptions=True)
        received += numbers(result) if isinstance(result, list) else []
    received += numbers(await take(consumer, 100 - len(received)))
    assert sorted(received) == list(range(100))


async def test_a_consumer_that_does_not_receive_for_a_while_loses_nothing(queue: Queue, join: Join) -> None:
    consumer = join()
    await joined(queue, consumer)
    await queue.publish([message(n) for n in range(60)])
    received = await take(consumer, 1, limit=1)
    idle = asyncio.create_task(asyncio.Event().wait())
    await asyncio.wait([idle], timeout=1.6)  # the Kafka consumer holds after 1 s
    idle.cancel()
    received += await take(consumer, 59, limit=5)
    assert sorted(numbers(received)) == list(range(60))
    assert await consumer.receive(10, 0.2) == []


async def test_a_batch_of_thousands_arrives_whole(queue: Queue, join: Join) -> None:
    await queue.publish([message(n) for n in range(5000)])
    assert sorted(numbers(await take(join(), 5000, limit=1000))) == list(range(5000))


async def test_publishing_nothing_is_fine(queue: Queue) -> None:
    await queue.publish([])
    await queue.check()


async def test_consumers_and_queues_bear_a_second_stop(queue: Queue, join: Join) -> None:
    consumer = join()
    await consumer.receive(1, 0.05)
    for _ in range(2):
        await consumer.stop()
    with pytest.raises(QueueUnavailable):
        await consumer.receive(1, 0.05)
    for _ in range(2):
        await queue.stop()


async def test_stop_ends_a_receive_that_waits(queue: Queue, join: Join) -> None:
    consumer = join()
    waiting = asyncio.create_task(consumer.receive(1, 3600))
    await asyncio.wait([waiting], timeout=0.1)
    await consumer.stop()
    with pytest.raises(QueueUnavailable):
        await soon(waiting)


async def test_postgres_brings_what_a_dead_consumer_held_again(database: Database) -> None:
    queue = PostgresQueue(database, redelivery_seconds=0.2)
    await queue.publish([message(1)])
    dead, living = queue.consumer(), queue.consumer()
    assert numbers(await take(dead, 1)) == [1]
    assert numbers(await take(living, 1)) == [1]
    await dead.stop()
    await living.stop()


async def test_postgres_hides_what_a_consumer_holds(database: Database) -> None:
    queue = PostgresQueue(database, redelivery_seconds=3600)
    await queue.publish([message(1)])
    holder, other = queue.consumer(), queue.consumer()
    assert numbers(await take(holder, 1)) == [1]
    assert await other.receive(10, 0.2) == []
    await holder.stop()
    assert numbers(await take(other, 1)) == [1]
    await other.stop()


@pytest.mark.parametrize("way", ["by itself", "by a notification"])
async def test_postgres_wakes_consumers_of_rows_that_a_transaction_wrote(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Those of its own process by itself: their notification tells them nothing new. Those of others hear it."""
    monkeypatch.setattr(postgres, "_POLL_SECONDS", 3600)
    queue = PostgresQueue(database)
    consumer = (queue if way == "by itself" else PostgresQueue(database)).consumer()
    if way == "by itself":
        monkeypatch.setattr(PostgresConsumer, "_heard", lambda *_: None)
    await joined(queue, consumer)
    waiting = asyncio.create_task(consumer.receive(1, 3600))
    await asyncio.wait([waiting], timeout=0.1)
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO outbox (topic, key, value) VALUES ('tasks.low', 'k', '5')")
    await queue.wake()
    assert numbers(await soon(waiting)) == [5]
    await consumer.stop()


async def test_postgres_hears_notifications_of_all_but_its_own_queue(database: Database) -> None:
    queue = PostgresQueue(database)
    consumer = queue.consumer()
    for sender, woken in ((queue._name, False), (PostgresQueue(database)._name, True), ("", True)):
        consumer._woken.clear()
        consumer._heard(None, 0, "", sender)
        assert consumer._woken.is_set() is woken


async def test_postgres_waits_for_no_disk_where_a_message_may_come_again(database: Database) -> None:
    """And of everything else each commit waits: the setting ends with its transaction."""
    for statement, arguments in (
        (queries("queue")["take_messages"], (["tasks.low"], 1, 30.0, "default")),
        (queries("outbox")["delete_outbox"], None),
    ):
        async with database.transaction() as connection:
            number = await connection.fetchval(
                "INSERT INTO outbox (topic, key, value) VALUES ('tasks.low', 'k', '5') RETURNING id"
            )
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            await connection.execute(statement, *(arguments or ([number],)))
            assert await connection.fetchval("SHOW synchronous_commit") == "off"
        async with database.connection() as connection:
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            await connection.execute("DELETE FROM outbox")


async def test_postgres_says_when_it_is_away(database: Database) -> None:
    queue = PostgresQueue(database)
    await database.stop()
    for call in (queue.check(), queue.publish([message(1)]), queue.consumer().receive(1, 0)):
        with pytest.raises(QueueUnavailable):
            await call
