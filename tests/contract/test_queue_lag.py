"""How far a group is behind, of each queue."""

import asyncio
from collections.abc import Mapping

from contract.conftest import Join
from waiting import patient

from reelmill.queue.port import TASK_TOPICS, Message, Queue, QueueUnavailable, Topic


async def first_lag(queue: Queue) -> Mapping[Topic, int]:
    """The lag, once partitions that were just made have their leaders."""
    async with patient():
        while True:
            try:
                return await queue.lag()
            except QueueUnavailable:
                await asyncio.sleep(0.05)


async def test_lag_is_what_was_sent_and_not_acknowledged(queue: Queue, join: Join) -> None:
    nothing = dict.fromkeys(TASK_TOPICS, 0)
    assert await first_lag(queue) == nothing
    await queue.publish([Message(topic=Topic.TASKS_LOW, key=str(n), value=b"x") for n in range(5)])
    sent = nothing | {Topic.TASKS_LOW: 5}
    assert await queue.lag() == sent
    consumer = join()
    received = await consumer.receive(2, 60)
    assert await queue.lag() == sent
    await consumer.commit(received)
    async with patient():  # Kafka's answer to a commit is not waited for
        while (lag := await queue.lag()) == sent:
            await asyncio.sleep(0.05)
    assert lag == nothing | {Topic.TASKS_LOW: 5 - len(received)}
