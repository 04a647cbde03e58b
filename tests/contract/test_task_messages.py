"""Messages that name a task: what is sent, and what is refused."""

from uuid import UUID, uuid4

import pytest

from reelmill.queue.port import Topic, parse_task_ready, task_ready, task_topic
from reelmill.v1.messages_pb2 import TaskReady


def test_a_message_names_its_task_and_is_keyed_by_its_job() -> None:
    task_id, job_id = uuid4(), uuid4()
    message = task_ready(task_id=task_id, job_id=job_id, priority=50, traceparent="00-1-2-01")
    assert parse_task_ready(message.value) == task_id
    assert (message.key, message.headers) == (str(job_id), {"traceparent": "00-1-2-01"})
    assert not task_ready(task_id=task_id, job_id=job_id, priority=50).headers


@pytest.mark.parametrize(
    ("priority", "topic"),
    [
        (0, Topic.TASKS_LOW),
        (33, Topic.TASKS_LOW),
        (34, Topic.TASKS_NORMAL),
        (66, Topic.TASKS_NORMAL),
        (67, Topic.TASKS_HIGH),
        (100, Topic.TASKS_HIGH),
    ],
)
def test_a_priority_has_its_class(priority: int, topic: Topic) -> None:
    assert task_topic(priority) is topic


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "version 0"),
        (b"\xff\xff\xff", "not a TaskReady"),
        (b"a line of text", "not a TaskReady|version 0"),
        (TaskReady(version=2, task_id=UUID(int=7).bytes).SerializeToString(), "version 2"),
        (TaskReady(version=1, task_id=b"short").SerializeToString(), "16"),
        (TaskReady(version=1).SerializeToString(), "16"),
    ],
)
def test_a_value_that_is_no_message_of_ours_is_refused_saying_why(value: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_task_ready(value)
