"""How far a consumer group is behind, asked of the brokers: so it is known also while no member lives."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from reelmill.queue.kafka_producer import Config
from reelmill.queue.port import QueueUnavailable

_EARLIEST, _LATEST = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]  # they have none


class KafkaLag:
    """Asks with a client of its own, made at the first question. Calls block: use a thread."""

    def __init__(self, config: Config) -> None:
        # Its troubles are told by the caller, and by the producer's log.
        self._config: Config = {**config, "log_level": 0}
        self._admin: AdminClient | None = None

    def measure(self, group: str, names: Sequence[str], timeout_seconds: float) -> dict[str, int]:
        """Messages of each topic that the group has not acknowledged; 0 for a topic that is not there.

        Raises QueueUnavailable.
        """
        try:
            if self._admin is None:
                self._admin = AdminClient(self._config)
            return self._measure(self._admin, group, names, timeout_seconds)
        except KafkaException as error:
            raise QueueUnavailable(f"Kafka is away: {error.args[0].str()}") from error

    def _measure(self, admin: AdminClient, group: str, names: Sequence[str], timeout_seconds: float) -> dict[str, int]:
        topics = admin.list_topics(timeout=timeout_seconds).topics
        partitions = [TopicPartition(name, p) for name in names if name in topics for p in topics[name].partitions]
        lag = Counter(dict.fromkeys(names, 0))
        if not partitions:
            return dict(lag)
        asked = [ConsumerGroupTopicPartitions(group, partitions)]
        [answer] = admin.list_consumer_group_offsets(asked, request_timeout=timeout_seconds).values()
        committed = {(p.topic, p.partition): p.offset for p in answer.result().topic_partitions}
        # Where nothing was acknowledged yet, a group begins at the first message that is there.
        fresh = [p for p in partitions if committed.get((p.topic, p.partition), -1) < 0]
        committed |= self._offsets(admin, fresh, _EARLIEST, timeout_seconds)
        for place, end in self._offsets(admin, partitions, _LATEST, timeout_seconds).items():
            lag[place[0]] += max(0, end - committed[place])
        return dict(lag)

    @staticmethod
    def _offsets(
        admin: AdminClient, partitions: Sequence[TopicPartition], which: Any, timeout_seconds: float
    ) -> dict[tuple[str, int], int]:
        if not partitions:
            return {}
        answers = admin.list_offsets(dict.fromkeys(partitions, which), request_timeout=timeout_seconds)
        return {(p.topic, p.partition): answer.result().offset for p, answer in answers.items()}
