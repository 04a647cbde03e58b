"""Receives messages from Kafka: for each topic a librdkafka consumer, and the thread that polls it."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from reelmill.queue.kafka_options import Config, KafkaOptions
from reelmill.queue.kafka_producer import is_fatal, refused
from reelmill.queue.port import Delivery, Message, QueueUnavailable, Topic
from reelmill.supervise import supervised_thread
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_Headers = Iterable[tuple[str, str | bytes | None]]  # the other form is for sending only
_RESUME_SECONDS = 0.1  # what was paused needs a moment
_POLL_SECONDS = 0.5  # a message ends a poll; commits and the end wait so long at most
_HOLD_AFTER_SECONDS = 1.0  # without a receive
_HELD_POLL_SECONDS = 0.25
_RENEW_SECONDS = 1.0
_OPTIONS: Config = {
    "group.protocol": "consumer",  # KIP-848: a member that comes or goes stops nobody else
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A pause throws away what librdkafka read ahead, so it reads less than its 100,000.
    "queued.min.messages": 1000,
}
_REFUSALS = frozenset(
    (
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    )
)


class KafkaConsumer:
    """Implements reelmill.queue.port.Consumer.

    Each topic has a group member of its own, so that a flood in one class never stands before a
    higher one. A member keeps as many messages at hand as the last `receive` asked for: so the
    highest class can be told without waiting for the network.
    """

    def __init__(self, options: KafkaOptions, topics: Sequence[Topic], *, topic_prefix: str, group: str) -> None:
        """Joins the group in the background. Raises QueueUnavailable for a bad option."""
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._stopped = False
        self._members = {topic: _Member(options, group, topic, topic_prefix + topic, self._wake) for topic in topics}

    async def receive(self, limit: int, timeout_seconds: float) -> list[Delivery]:
        """Up to `limit` messages, higher classes first; empty after `timeout_seconds` without one."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._arrived.clear()
            if self._stopped:
                raise QueueUnavailable("the consumer has stopped")
            if received := self._take(limit):
                return received
            for member in self._members.values():
                member.raise_refusal()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):  # wait_for may swallow a cancellation
                    await self._arrived.wait()
            except TimeoutError:
                return []

    def _take(self, limit: int) -> list[Delivery]:
        received: list[Delivery] = []
        for member in self._members.values():
            received += member.take(limit - len(received), wanted=limit)
            if not member.looked:
                break  # else lower classes would overtake what it is about to find
        return received

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

    def _wake(self) -> None:
        """Called in a member's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)


class _Member:
    """A member of the group that reads one topic in a thread of its own.

    Only that thread calls the client: the binding makes each call wait for the other to end, which
    a poll may take long to do.
    """

    def __init__(self, options: KafkaOptions, group: str, topic: Topic, name: str, wake: Callable[[], None]) -> None:
        self._options = options
        self._group = group
        self._topic = topic
        self._name = name
        self._wake = wake
        self._asked = threading.Event()
        self._leaving = threading.Event()
        self._held = False
        self._reassigned = False  # pauses are not what `_held` says
        self.looked = True  # for more messages, since some were taken
        self._lock = threading.Lock()  # guards what follows
        self._wanted = 1
        self._ready: deque[Delivery] = deque()
        self._refusal: KafkaError | None = None
        self._open: dict[int, set[int]] = {}  # by partition: offsets that were read and not committed
        self._next: dict[int, int] = {}  # by partition: the offset after the last one read
        self._moved: set[int] = set()  # partitions whose position is to be committed
        self._client = self._connect()
        self._closed = False
        self._thread = supervised_thread(f"kafka_{topic}", self._run, leaving=self._leaving)

    def take(self, limit: int, *, wanted: int) -> list[Delivery]:
        """Up to `limit` of the messages at hand; from now on `wanted` are kept there."""
        with self._lock:
            self._wanted = wanted
            taken = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
            if taken:
                self.looked = False
        self._asked.set()
        return taken

    def raise_refusal(self) -> None:
        """Raise QueueUnavailable, once, for an error that waiting does not cure."""
        with self._lock:
            refusal, self._refusal = self._refusal, None
        if refusal:
            raise QueueUnavailable(f"Kafka refuses the consumer: {refusal.str()}")

    def commit(self, messages: Sequence[KafkaMessage]) -> None:
        """Soon, commit up to the first message that is still open in each partition.

        Raises QueueUnavailable after `stop`.
        """
        if self._leaving.is_set():
            raise QueueUnavailable("the consumer has stopped")
        with self._lock:
            for message in messages:
                partition, offset = message.partition(), message.offset()
                assert partition is not None and offset is not None
                if partition in self._next:  # else another member has it by now
                    self._open[partition].discard(offset)
                    self._moved.add(partition)
        self._asked.set()

    def stop(self) -> None:
        """Leave the group and end the thread."""
        self._leaving.set()
        self._asked.set()
        self._thread.join()

    def _connect(self) -> KafkaClient:
        config: Config = {**_OPTIONS, **self._options.current(), "group.id": self._group}
        try:
            client = KafkaClient({**config, "logger": logging.getLogger("kafka"), "on_commit": self._on_commit})
            client.subscribe([self._name], on_assign=self._on_assign, on_revoke=self._on_revoke)
        except KafkaException as error:
            raise refused(error) from error
        self._renewal = self._options.renewal(client, config)
        return client

    def _run(self) -> None:
        """Serve until `stop`. An error ends a client's life: a new one takes its place and reads again."""
        while not self._leaving.is_set():
            if self._closed:
                self._client = self._connect()
                self._closed = False
            try:
                self._serve()
            except KafkaException as error:  # fatal
                self._refuse(error.args[0])
            finally:
                self._closed = True
                self._looked()
                self._forget(list(self._next))
                self._client.close()
            self._leaving.wait(_RENEW_SECONDS)

    def _serve(self) -> None:
        while not self._leaving.is_set():
            self._asked.clear()
            self._renewal.look()
            self._commit()
            with self._lock:
                room = self._wanted - len(self._ready)
            if room > 0:
                self._read(room, _RESUME_SECONDS if self._release() else 0)
            elif not self._asked.wait(_HELD_POLL_SECONDS if self._held else _HOLD_AFTER_SECONDS):
                self._hold()
        self._commit()

    def _commit(self) -> None:
        with self._lock:
            positions = [
                TopicPartition(self._name, p, min(self._open[p], default=self._next[p])) for p in sorted(self._moved)
            ]
            self._moved.clear()
        if positions:
            self._client.commit(offsets=positions, asynchronous=True)

    def _read(self, room: int, patience_seconds: float) -> None:
        if (first := self._client.poll(patience_seconds)) is None:
            self._looked()
            first = self._client.poll(_POLL_SECONDS)
        if first is not None:
            # Before the next call, which may give the message's partition away.
            self._keep([first])
            if room > 1:
                self._keep(self._client.consume(room - 1, 0))
            self._looked()

    def _looked(self) -> None:
        if not self.looked:
            self.looked = True
            self._wake()

    def _keep(self, messages: Sequence[KafkaMessage]) -> None:
        """Put messages at hand. Raises KafkaException for a fatal error."""
        for message in messages:
            if (error := message.error()) is None:
                self._deliver(message)
            elif is_fatal(error):
                raise KafkaException(error)
            elif error.code() in _REFUSALS:
                self._refuse(error)
            else:  # librdkafka's to mend
                log.debug("kafka consumer", topic=self._topic, reason=error.str())
        self._wake()

    def _deliver(self, message: KafkaMessage) -> None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None and offset is not None
        headers = {name: _text(value) for name, value in cast(_Headers, message.headers() or ())}
        content = Message(topic=self._topic, key=_text(message.key()), value=message.value() or b"", headers=headers)
        with self._lock:
            self._open.setdefault(partition, set()).add(offset)
            self._next[partition] = offset + 1
            self._ready.append(Delivery(message=content, receipt=message))

    def _refuse(self, error: KafkaError) -> None:
        log.warning("kafka refuses the consumer", topic=self._topic, reason=error.str())
        with self._lock:
            self._refusal = error
        self._wake()

    def _hold(self) -> None:
        """Read nothing, but serve the group: a poll that never comes would cost our partitions."""
        if not self._held or self._reassigned:
            self._held, self._reassigned = True, False
            self._client.pause(self._client.assignment())
        if (message := self._client.poll(0)) is not None:
            self._keep([message])  # it was on its way before the pause

    def _release(self) -> bool:
        """Read again; answers whether something was held."""
        held = self._held
        if held or self._reassigned:
            self._held = self._reassigned = False
            self._client.resume(self._client.assignment())
        return held

    def _on_assign(self, _client: KafkaClient, _partitions: list[TopicPartition]) -> None:
        # New ones are not paused yet; one that comes back may still be.
        self._reassigned = True

    def _on_revoke(self, _client: KafkaClient, partitions: list[TopicPartition]) -> None:
        self._forget([p.partition for p in partitions])

    def _forget(self, partitions: Sequence[int]) -> None:
        """These partitions, and what is at hand of them, are others' now."""
        gone = set(partitions)
        with self._lock:
            for partition in gone:
                self._open.pop(partition, None)
                self._next.pop(partition, None)
                self._moved.discard(partition)
            self._ready = deque(d for d in self._ready if cast(KafkaMessage, d.receipt).partition() not in gone)

    def _on_commit(self, error: KafkaError | None, _partitions: list[TopicPartition]) -> None:
        if error is not None and error.code() != KafkaError._NO_OFFSET:
            log.debug("a commit failed: its messages come again", topic=self._topic, reason=error.str())


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
