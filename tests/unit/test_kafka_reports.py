"""Reports of what was sent to Kafka."""

import pytest

from reelmill.queue.kafka_producer import _Reports
from reelmill.queue.port import QueueUnavailable


async def test_a_report_that_never_comes_is_told_as_kafka_being_away() -> None:
    with pytest.raises(QueueUnavailable, match=r"no word of what was sent within 0\.01 s"):
        await _Reports(1, 0.01).complete()
