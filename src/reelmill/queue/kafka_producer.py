"""Sends messages to Kafka: librdkafka's producer, and the thread that runs its callbacks."""

import asyncio
import logging
import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from reelmill.queue.kafka_options import Config, KafkaOptions
from reelmill.queue.port import Message, QueueUnavailable
from reelmill.supervise import supervised_thread

_FLUSH_SECONDS = 5.0
_POLL_SECONDS = 0.5  # a report ends a poll; the end waits so long at most
_LATE_SECONDS = 5.0  # that a report may take after librdkafka gave up its message
_OPTIONS: Config = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 1,
    "compression.type": "lz4",
    "delivery.timeout.ms": 10_000,
    # A broker would make a missing topic with partitions of its own choice, before we do.
    "allow.auto.create.topics": False,
    # For so long, and not for 30 s, a topic that was just made may seem to be missing.
    "topic.metadata.propagation.max.ms": 3000,
}


class KafkaProducer:
    """An idempotent producer; a new one takes its place after a fatal error."""

    def __init__(self, options: KafkaOptions, topic_prefix: str) -> None:
        self._options = options
        timeout_ms = int({**_OPTIONS, **options.current()}["delivery.timeout.ms"])
        self._report_seconds = timeout_ms / 1000 + _LATE_SECONDS
        self._prefix = topic_prefix
        self._running: _Running | None = None

    def start(self) -> None:
        """Begin; connects in the background. Raises QueueUnavailable for a bad option."""
        if self._running is None:
            self._running = _Running(self._options)

    async def stop(self) -> None:
        """Flush for up to 5 s and disconnect. Bears being called twice."""
        running, self._running = self._running, None
        if running:
            await asyncio.to_thread(running.stop)

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once all are durable. Raises QueueUnavailable."""
        running = self._current()
        reports = _Reports(len(messages), self._report_seconds)
        for message in messages:
            try:
                running.producer.produce(
                    self._prefix + message.topic,
                    message.value,
                    message.key,
                    headers=[(name, value.encode()) for name, value in message.headers.items()],
                    on_delivery=reports.delivered,
                )
            except (BufferError, KafkaException) as error:
                # Full, or fatally ill: what was handed over before may go, which is allowed.
                raise _unavailable(error) from error
        if failed := await reports.complete():
            raise _unavailable(failed) from failed

    async def topics(self, timeout_seconds: float) -> set[str]:
        """Names of all topics. Raises QueueUnavailable."""
        running = self._current()
        try:
            metadata = await asyncio.to_thread(running.producer.list_topics, timeout=timeout_seconds)
        except KafkaException as error:
            # "No broker answers" has a reason that only the error callback was told.
            raise _unavailable(running.refusal or error) from (running.refusal or error)
        return set(metadata.topics)

    def _current(self) -> "_Running":
        if self._running is None:
            raise QueueUnavailable("the queue is not started")
        if self._running.dead:
            # Its thread ends by itself; it is not waited for.
            self._running.leave()
            self._running = _Running(self._options)
        return self._running


class _Running:
    """A librdkafka producer and the thread that polls it."""

    def __init__(self, options: KafkaOptions) -> None:
        config = {**_OPTIONS, **options.current()}
        self.dead = False
        self.refusal: KafkaException | None = None
        self._leaving = threading.Event()
        try:
            self.producer = Producer({**config, "error_cb": self._on_error, "logger": logging.getLogger("kafka")})
        except KafkaException as error:
            raise refused(error) from error
        self._renewal = options.renewal(self.producer, config)
        self._thread = supervised_thread("kafka_producer", self._poll, leaving=self._leaving)

    def leave(self) -> None:
        """Flush and end, soon."""
        self._leaving.set()

    def stop(self) -> None:
        """Flush and end; returns when that is done."""
        self.leave()
        self._thread.join(_FLUSH_SECONDS + 1)

    def _poll(self) -> None:
        while not self._leaving.is_set():
            self._renewal.look()
            self.producer.poll(_POLL_SECONDS)
        self.producer.flush(_FLUSH_SECONDS)

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self.dead = True
        if error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL):
            self.refusal = KafkaException(error)


class _Reports:
    """Counts the delivery reports of a batch: one wake-up of the loop for all of them."""

    def __init__(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._missing = count
        self._error: KafkaError | None = None

    def delivered(self, error: KafkaError | None, _message: KafkaMessage) -> None:
        """A report; runs in the producer's thread only."""
        self._error = error or self._error
        self._missing -= 1
        if self._missing == 0 and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    async def complete(self) -> KafkaException | None:
        """Wait for all reports; answers an error of them. Raises QueueUnavailable where one never comes."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._done
        except TimeoutError as error:
            raise _unavailable(RuntimeError(f"no word of what was sent within {self._seconds:g} s")) from error
        return KafkaException(self._error) if self._error else None

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


def is_fatal(error: KafkaError) -> bool:
    """Whether a client is dead for good. What a poll brings has the code alone, without the flag."""
    return error.fatal() or error.code() == KafkaError._FATAL


def refused(error: KafkaException) -> QueueUnavailable:
    """What it means that librdkafka does not take its options."""
    return QueueUnavailable(f"REELMILL_QUEUE_URL: {error.args[0].str()}")


def _unavailable(error: Exception) -> QueueUnavailable:
    reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return QueueUnavailable(f"Kafka is away: {reason}")
