"""Reelmill on a Kafka that loses, repeats and shuffles: `python -m fault.kit.unreliable_queue api`.

Only wake-ups are lost. Events and dead letters are promised to arrive, at least once and in any order.
"""

import os
import random
from collections.abc import Sequence

from reelmill.cli.main import main
from reelmill.queue import kafka
from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import TASK_TOPICS, Message


class UnreliableQueue(KafkaQueue):
    """Of each three wake-ups one is lost and one comes twice, by chance and in any order."""

    _rng = random.Random(os.environ.get("REELMILL_TEST_SEED"))

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send what chance leaves."""
        sent = [m for m in messages for _ in range(self._rng.choice([0, 1, 2]) if m.topic in TASK_TOPICS else 2)]
        self._rng.shuffle(sent)
        await super().publish(sent)


if __name__ == "__main__":
    kafka.KafkaQueue = UnreliableQueue  # type: ignore[misc]
    main()
