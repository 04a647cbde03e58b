"""The queue in Apache Kafka: topics, publishing and health. Consumers are in kafka_consumer.py."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from reelmill.jobs.places import DEFAULT_POOL
from reelmill.queue.kafka_consumer import KafkaConsumer
from reelmill.queue.kafka_lag import KafkaLag
from reelmill.queue.kafka_options import KafkaOptions
from reelmill.queue.kafka_producer import KafkaProducer
from reelmill.queue.port import TASK_TOPICS, Consumer, Message, QueueUnavailable, Topic
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_START_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_CHECK_SECONDS = 3.0
# Errors that waiting does not cure.
_LASTING = frozenset(
    (
        KafkaError._INVALID_ARG,
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.POLICY_VIOLATION,
    )
)
# What a broker says that lost its topics: they were deleted, or it is an empty one in another's place.
_MISSING = frozenset((KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID, KafkaError._UNKNOWN_TOPIC))


class KafkaQueue:
    """Implements reelmill.queue.port.Queue."""

    def __init__(
        self, url: str, *, topic_prefix: str, partitions: int, replication: int, file: Path | None = None
    ) -> None:
        """`url`: kafka://host:port[,host:port][?librdkafka.option=value]. Raises ValueError for another.

        `file`: where the URL stands, with the newest user and password.
        `topic_prefix` comes before the names of topics and groups; `partitions` and `replication`
        are those of topics that are missing and made.
        """
        self._options = KafkaOptions(url, file)
        self._prefix = topic_prefix
        self._partitions = partitions
        self._replication = replication
        self._producer = KafkaProducer(self._options, topic_prefix)
        self._lag = KafkaLag(self._options)
        self._missing = asyncio.Event()
        self._topics: asyncio.Task[None] | None = None

    @property
    def outbox_is_queue(self) -> bool:
        """No: the relay brings the outbox here."""
        return False

    async def start(self) -> None:
        """Make missing topics; after 5 s without Kafka that goes on in the background.

        Raises QueueUnavailable for bad options and refused rights.
        """
        if self._topics is not None:
            return
        self._producer.start()
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing.set()
        self._topics = supervised("kafka_topics", lambda: self._keep_topics(first))
        try:
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.shield(first)
        except TimeoutError:
            log.warning("kafka is away: goes on without it", servers=self._options.servers)

    async def stop(self) -> None:
        """Flush for up to 5 s and disconnect."""
        topics, self._topics = self._topics, None
        await end(topics)
        await self._producer.stop()
        await asyncio.to_thread(self._lag.close)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send, and return once all in-sync replicas have all. Raises QueueUnavailable after 10 s.

        A message that was reported as failed may still arrive. Topics that are gone are made anew in the background.
        """
        if not messages:
            return
        try:
            await self._producer.send(messages)
        except QueueUnavailable as error:
            if _code(error) in _MISSING:
                self._missing.set()
            raise

    async def wake(self) -> None:
        """Nothing: brokers wake consumers by themselves."""

    def consumer(
        self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers", pool: str = DEFAULT_POOL
    ) -> Consumer:
        """A new member of a consumer group; it joins at once, and hears all pools' messages.

        Raises QueueUnavailable for a bad option.
        """
        return KafkaConsumer(self._options, topics, topic_prefix=self._prefix, group=self._prefix + group)

    async def lag(self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers") -> dict[Topic, int]:
        """How many messages of each topic the group has not acknowledged. Raises QueueUnavailable."""
        names = {self._prefix + topic: topic for topic in topics}
        lag = await asyncio.to_thread(self._lag.measure, self._prefix + group, list(names), _CHECK_SECONDS)
        return {names[name]: messages for name, messages in lag.items()}

    async def check(self) -> None:
        """Raise QueueUnavailable unless a broker answers within 3 s."""
        await self._producer.topics(_CHECK_SECONDS)

    async def _keep_topics(self, first: asyncio.Future[None]) -> None:
        """Make topics whenever some are missing; `first` tells how that went at the start."""
        while True:
            await self._missing.wait()
            try:
                await self._make_topics()
            except QueueUnavailable as error:  # it was logged
                if not first.done():
                    first.set_exception(error)
            self._missing.clear()
            if not first.done():
                first.set_result(None)

    async def _make_topics(self) -> None:
        """Until it is done, whatever waiting cures. Raises QueueUnavailable."""
        while True:
            try:
                missing = [t for t in Topic if self._prefix + t not in await self._producer.topics(_CHECK_SECONDS)]
                if missing:
                    await asyncio.to_thread(self._create, missing)
                    log.info("made topics", topics=[self._prefix + t for t in missing])
                return
            except QueueUnavailable as error:
                lasting = _code(error) in _LASTING
                log.log(logging.ERROR if lasting else logging.WARNING, "topics are not made", reason=str(error))
                if lasting:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)

    def _create(self, missing: Sequence[Topic]) -> None:
        admin = AdminClient(self._options.current())
        new = [
            NewTopic(
                self._prefix + topic,
                num_partitions=1 if topic is Topic.DEAD_LETTER else self._partitions,
                replication_factor=self._replication,
            )
            for topic in missing
        ]
        for name, created in admin.create_topics(new, request_timeout=_CHECK_SECONDS).items():
            try:
                created.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise QueueUnavailable(f"can't make the Kafka topic {name}: {error.args[0].str()}") from error


def _code(error: QueueUnavailable) -> int | None:
    """Kafka's code of what is behind it."""
    cause = error.__cause__
    return int(cause.args[0].code()) if isinstance(cause, KafkaException) else None
