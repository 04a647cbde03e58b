"""How far a consumer group is behind, asked of the brokers: so it is known also while no member lives.

By a consumer that never joins: librdkafka 2.16's admin call for offsets (list_offsets) ended the whole
process by SIGSEGV on topics that had just been made, at every second start of a fresh broker.
"""

import threading
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from reelmill.queue.kafka_options import Config, KafkaOptions, Renewal
from reelmill.queue.port import QueueUnavailable

_CLOSE_SECONDS = 1.0
_Place = tuple[str, int]


class KafkaLag:
    """Asks with a client of its own for each group, made at the first question. Calls block: use a thread."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._clients: dict[str, tuple[Consumer, Renewal]] = {}
        self._lock = threading.Lock()  # a caller that lost its patience leaves a call under way

    def measure(self, group: str, names: Sequence[str], timeout_seconds: float) -> dict[str, int]:
        """Messages of each topic that the group has not acknowledged; 0 for a topic that is not there.

        Raises QueueUnavailable.
        """
        with self._lock:
            try:
                if group not in self._clients:
                    self._clients[group] = self._connect(group)
                client, renewal = self._clients[group]
                renewal.look()
                return _measure(client, names, timeout_seconds)
            except KafkaException as error:
                raise QueueUnavailable(f"Kafka does not tell the lag: {error.args[0].str()}") from error

    def _connect(self, group: str) -> tuple[Consumer, Renewal]:
        # Its troubles are told by the caller, and by the producer's log.
        config: Config = {**self._options.current(), "log_level": 0, "enable.auto.commit": False, "group.id": group}
        client = Consumer(config)
        return client, self._options.renewal(client, config)

    def close(self) -> None:
        """Disconnect; a client that is in use for another second ends with the process. Bears being called twice."""
        if self._lock.acquire(timeout=_CLOSE_SECONDS):
            while self._clients:
                self._clients.popitem()[1][0].close()
            self._lock.release()


def _measure(client: Consumer, names: Sequence[str], timeout_seconds: float) -> dict[str, int]:
    topics = client.list_topics(timeout=timeout_seconds).topics
    partitions = [TopicPartition(name, p) for name in names if name in topics for p in topics[name].partitions]
    lag = dict.fromkeys(names, 0)
    if not partitions:
        return lag
    committed = _offsets(client.committed(partitions, timeout=timeout_seconds))
    # Where nothing was acknowledged yet, a group begins at the first message that is there.
    if fresh := [place for place, offset in committed.items() if offset < 0]:
        committed |= _look_up(client, fresh, OFFSET_BEGINNING, timeout_seconds)
    for place, end in _look_up(client, list(committed), OFFSET_END, timeout_seconds).items():
        lag[place[0]] += max(0, end - committed[place])
    return lag


def _look_up(client: Consumer, places: Sequence[_Place], which: int, timeout_seconds: float) -> dict[_Place, int]:
    """The first or the last offset of partitions: what Kafka answers for these two as times."""
    return _offsets(client.offsets_for_times([TopicPartition(*p, which) for p in places], timeout=timeout_seconds))


def _offsets(partitions: Sequence[TopicPartition]) -> dict[_Place, int]:
    """Raises KafkaException for a partition that was not answered."""
    for partition in partitions:
        if partition.error:
            raise KafkaException(partition.error)
    return {(p.topic, p.partition): p.offset for p in partitions}
