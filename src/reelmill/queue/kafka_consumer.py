"""Receives messages from Kafka: for each topic a librdkafka consumer, and the thread that polls it."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from reelmill.queue.kafka_producer import Config
from reelmill.queue.port import Delivery, Message, QueueUnavailable, Topic
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_Headers = Iterable[tuple[str, str | bytes | None]]  # the other form is for sending only
_POLL_SECONDS = 0.1
# Without a receive for this long the partitions are paused, and polled so that the group keeps us.
_HOLD_AFTER_SECONDS = 1.0
_HELD_POLL_SECONDS = 0.25
_OPTIONS: Config = {
    "group.protocol": "consumer",  # KIP-848: a member that comes or goes stops nobody else
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
}


class KafkaConsumer:
    """Implements reelmill.queue.port.Consumer.

    Each topic has a group member of its own, so that a flood in one class never stands before a
    higher one.
    """

    def __init__(self, config: Config, topics: Sequence[Topic], *, topic_prefix: str, group: str) -> None:
        """Joins the group in the background. Raises QueueUnavailable for a bad option."""
        self._loop = asyncio.get_running_loop()
        self._ready: dict[Topic, list[Delivery]] = {topic: [] for topic in topics}
        self._arrived = asyncio.Event()
        self._refusal: KafkaError | None = None
        self._stopped = False
        options = {**_OPTIONS, **config, "group.id": group}
        self._members = {topic: _Member(options, topic, topic_prefix + topic, self._hand_over) for topic in topics}

    async def receive(self, limit: int, timeout_seconds: float) -> list[Delivery]:
        """Up to `limit` messages, higher classes first; empty after `timeout_seconds` without one."""
        if not any(self._ready.values()):
            await self._wait(limit, timeout_seconds)
        if self._stopped:
            raise QueueUnavailable("the consumer has stopped")
        if refusal := self._refusal:
            self._refusal = None
            raise QueueUnavailable(f"Kafka refuses the consumer: {refusal.str()}")
        received: list[Delivery] = []
        for waiting in self._ready.values():
            count = limit - len(received)
            received += waiting[:count]
            del waiting[:count]
        return received

    async def _wait(self, limit: int, timeout_seconds: float) -> None:
        """Let the members take up to `limit` messages each, until one has some."""
        self._arrived.clear()
        if self._stopped:
            return
        for member in self._members.values():
            member.ask(limit)
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout_seconds)
        except TimeoutError:
            return
        finally:
            for member in self._members.values():
                member.ask(0)

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge. The broker's answer is not waited for: a lost one costs a harmless repetition."""
        receipts: dict[Topic, list[KafkaMessage]] = {}
        for delivery in deliveries:
            if isinstance(delivery.receipt, KafkaMessage):
                receipts.setdefault(delivery.message.topic, []).append(delivery.receipt)
        for topic, messages in receipts.items():
            self._members[topic].commit(messages)

    async def stop(self) -> None:
        """Leave the group; commits under way are waited for. Bears being called twice."""
        self._stopped = True
        self._arrived.set()
        await asyncio.gather(*(asyncio.to_thread(member.stop) for member in self._members.values()))

    def _hand_over(self, topic: Topic, received: list[Delivery], refusal: KafkaError | None) -> None:
        """Called in a member's thread."""

        def arrive() -> None:
            self._ready[topic] += received
            self._refusal = refusal or self._refusal
            self._arrived.set()

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(arrive)


class _Member:
    """A member of the group that reads one topic in a thread of its own."""

    def __init__(
        self,
        options: Config,
        topic: Topic,
        name: str,
        hand_over: Callable[[Topic, list[Delivery], KafkaError | None], None],
    ) -> None:
        self._topic = topic
        self._hand_over = hand_over
        self._wanted = 0
        self._asked = threading.Event()
        self._leaving = threading.Event()
        self._held = False
        self._open: dict[int, set[int]] = {}  # by partition: offsets that were taken and not committed
        self._next: dict[int, int] = {}  # by partition: the offset after the last one taken
        self._lock = threading.Lock()
        try:
            self._client = KafkaClient({**options, "logger": logging.getLogger("kafka"), "on_commit": self._on_commit})
            self._client.subscribe([name], on_assign=self._on_assign, on_revoke=self._on_revoke)
        except KafkaException as error:
            raise QueueUnavailable(f"Kafka refuses the consumer: {error.args[0].str()}") from error
        self._thread = threading.Thread(target=self._run, name=f"kafka {topic}", daemon=True)
        self._thread.start()

    def ask(self, limit: int) -> None:
        """Take up to `limit` messages once; 0: take none."""
        self._wanted = limit
        if limit:
            self._asked.set()
        else:
            self._asked.clear()

    def commit(self, messages: Sequence[KafkaMessage]) -> None:
        """Commit up to the first message that is still open in each partition."""
        offsets = []
        with self._lock:
            for message in messages:
                partition, offset = message.partition(), message.offset()
                assert partition is not None and offset is not None
                if partition not in self._next:
                    continue  # another member has the partition by now
                still_open = self._open[partition]
                still_open.discard(offset)
                position = min(still_open, default=self._next[partition])
                offsets.append(TopicPartition(message.topic() or "", partition, position))
        if offsets and not self._leaving.is_set():
            # The last position of a partition is the furthest: offsets only leave the set.
            self._client.commit(offsets=list({o.partition: o for o in offsets}.values()), asynchronous=True)

    def stop(self) -> None:
        """Leave the group and end the thread."""
        self._leaving.set()
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._leaving.is_set():
            if self._wanted:
                self._release()
                self._take()
            elif not self._asked.wait(_HELD_POLL_SECONDS if self._held else _HOLD_AFTER_SECONDS):
                self._hold()
        self._client.close()

    def _take(self) -> None:
        first = self._client.poll(_POLL_SECONDS)
        if first is None:
            return
        received = [first]
        if (more := self._wanted - 1) > 0:
            received += self._client.consume(more, 0)
        refusal = None
        deliveries = []
        for message in received:
            if error := message.error():
                refusal = self._heed(error) or refusal
            else:
                deliveries.append(self._deliver(message))
        if deliveries or refusal:
            self.ask(0)
            self._hand_over(self._topic, deliveries, refusal)

    def _deliver(self, message: KafkaMessage) -> Delivery:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None
        with self._lock:
            self._open.setdefault(partition, set()).add(offset)
            self._next[partition] = offset + 1
        headers = {name: _text(value) for name, value in cast(_Headers, message.headers() or ())}
        return Delivery(
            message=Message(
                topic=self._topic,
                key=_text(message.key()),
                value=_bytes(message.value()),
                headers=headers,
            ),
            receipt=message,
        )

    def _heed(self, error: KafkaError) -> KafkaError | None:
        """An error that waiting does not cure; others are librdkafka's to mend."""
        if error.fatal() or error.code() in _REFUSALS:
            return error
        log.debug("kafka consumer", topic=self._topic, reason=error.str())
        return None

    def _hold(self) -> None:
        """Take nothing, but serve the group: a poll that never comes would cost our partitions."""
        if not self._held:
            self._held = True
            self._client.pause(self._client.assignment())
        if (message := self._client.poll(0)) is not None and not message.error():
            # It was on its way before the pause.
            self._hand_over(self._topic, [self._deliver(message)], None)

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._client.resume(self._client.assignment())

    def _on_assign(self, _client: KafkaClient, _partitions: list[TopicPartition]) -> None:
        self._held = False  # the next hold pauses the new ones too

    def _on_revoke(self, _client: KafkaClient, partitions: list[TopicPartition]) -> None:
        with self._lock:
            for partition in partitions:
                self._open.pop(partition.partition, None)
                self._next.pop(partition.partition, None)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if error is not None and error.code() != KafkaError._NO_OFFSET:
            log.debug("a commit failed: its messages come again", topic=self._topic, reason=error.str())


_REFUSALS = frozenset(
    (
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    )
)


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
