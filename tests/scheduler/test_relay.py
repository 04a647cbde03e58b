"""From the outbox to Kafka: everything arrives, shared by any number of relays, repeated at worst."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from conftest import SharedServer
from store.kit import TENANT, USER, Store, new_job
from waiting import patient

from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import TASK_TOPICS, Topic, parse_task_ready
from reelmill.relay import Relay
from reelmill.supervise import end, supervised
from reelmill.telemetry.metrics import PART_ENDS


@pytest.fixture
async def queue(kafka_server: SharedServer) -> AsyncIterator[KafkaQueue]:
    """A Kafka with topics of the test's own."""
    opened = KafkaQueue(kafka_server.url, topic_prefix=f"relay-{secrets.token_hex(4)}.", partitions=2, replication=1)
    await opened.start()
    yield opened
    await opened.stop()


async def arrived(queue: KafkaQueue, count: int, topics: Sequence[Topic] = TASK_TOPICS) -> Counter[bytes]:
    """The values of the first `count` messages and of those that come with them."""
    consumer, values = queue.consumer(topics), Counter[bytes]()
    async with patient():
        while values.total() < count:
            values.update(d.message.value for d in await consumer.receive(5000, 1))
        values.update(d.message.value for d in await consumer.receive(5000, 0.2))
    await consumer.stop()
    return values


async def test_relays_share_the_outbox_and_each_message_goes_once(store: Store, queue: KafkaQueue) -> None:
    jobs = [new_job(priority=n % 101) for n in range(2500)]
    await store.jobs.create(TENANT, USER, jobs)
    relays = [Relay(store.outbox, queue, interval_seconds=1) for _ in range(3)]
    async with patient():
        while sum(await asyncio.gather(*(r.run_once() for r in relays))):
            pass
    assert await store.value("SELECT count(*) FROM outbox") == 0
    values = await arrived(queue, len(jobs))
    assert set(values.values()) == {1}
    assert {parse_task_ready(v) for v in values} == {j.task_id for j in jobs}


async def test_a_relay_that_dies_before_it_deletes_sends_again(
    store: Store, queue: KafkaQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.jobs.create(TENANT, USER, [new_job() for _ in range(3)])
    relay = Relay(store.outbox, queue, interval_seconds=1)
    with monkeypatch.context() as patch:
        patch.setattr("reelmill.relay.reach", _die)
        with pytest.raises(ZeroDivisionError):
            await relay.run_once()
    assert await store.value("SELECT count(*) FROM outbox WHERE topic LIKE 'tasks%'") == 3
    await relay.run_once()
    assert await store.value("SELECT count(*) FROM outbox") == 0
    assert set((await arrived(queue, 6)).values()) == {2}


async def _die(point: str) -> None:
    raise ZeroDivisionError(point)


async def test_a_row_that_no_topic_takes_is_counted_and_the_relay_goes_on(store: Store, queue: KafkaQueue) -> None:
    await store.rows("INSERT INTO outbox (topic, key, value) VALUES ('of the future', '', '')")
    await store.submit()
    before = PART_ENDS.labels("relay_sweep")._value.get()
    relay = supervised("relay_sweep", Relay(store.outbox, queue, interval_seconds=0.05).run)
    async with patient():
        while PART_ENDS.labels("relay_sweep")._value.get() == before:
            await asyncio.sleep(0.01)
        await store.rows("DELETE FROM outbox WHERE topic = 'of the future'")
        while await store.value("SELECT count(*) FROM outbox"):
            await asyncio.sleep(0.01)
    await end(relay)
    assert (await arrived(queue, 1)).total() == 1


async def test_a_nudge_sends_at_once(store: Store, queue: KafkaQueue) -> None:
    relay = Relay(store.outbox, queue, interval_seconds=600)
    running = asyncio.create_task(relay.run())
    for _ in range(2):
        await store.submit()
        relay.nudge()
        async with patient():
            while await store.value("SELECT count(*) FROM outbox"):
                await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await arrived(queue, 4, [Topic.EVENTS, *TASK_TOPICS])).total() == 4


async def test_the_oldest_are_sent_first_and_no_more_than_a_batch(store: Store) -> None:
    jobs = [await store.submit() for _ in range(5)]
    async with store.outbox.batch(4) as messages:
        tasks = [m for m in messages if m.topic == Topic.TASKS_NORMAL]
        assert len(messages) == 4
        assert [parse_task_ready(m.value) for m in tasks] == [j.task_id for j in jobs[: len(tasks)]]
    ids = await store.value("SELECT array_agg(id ORDER BY id) FROM outbox")
    async with store.outbox.batch(2):
        pass
    assert await store.value("SELECT array_agg(id ORDER BY id) FROM outbox") == ids[2:]


async def test_a_round_sends_all_that_there_is(store: Store, queue: KafkaQueue) -> None:
    """One batch a round, with the interval between, would be a throughput of a batch a second."""
    await store.jobs.create(TENANT, USER, [new_job() for _ in range(1200)])
    relay = asyncio.create_task(Relay(store.outbox, queue, interval_seconds=600).run())
    async with patient():
        while await store.value("SELECT count(*) FROM outbox"):
            await asyncio.sleep(0.02)
    assert not relay.done(), "it waits for the next round"
    relay.cancel()
    await asyncio.gather(relay, return_exceptions=True)
