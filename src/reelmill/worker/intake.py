"""From messages to claimed tasks: by id when a message names them, else by a sweep of the database."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from reelmill.points import reach
from reelmill.queue.port import Consumer, Delivery, Message, Queue, Topic, parse_task_ready
from reelmill.store.leases import LeaseStore
from reelmill.store.records import ClaimedTask
from reelmill.telemetry.logs import get_logger
from reelmill.v1.messages_pb2 import DeadLetter

log = get_logger(__name__)
_PROMPT_SECONDS = 0.1


class Intake:
    """Takes tasks for a worker's free slots."""

    def __init__(self, leases: LeaseStore, queue: Queue, *, owner: str, sweep_seconds: float) -> None:
        self._leases = leases
        self._queue = queue
        self._owner = owner
        self._sweep_seconds = sweep_seconds
        self._random = random.Random()  # noqa: S311 - spreads sweeps, guards nothing
        self._next_sweep = 0.0
        self._more_to_sweep = False
        self._uncommitted: list[Delivery] = []
        self._claiming: asyncio.Task[list[ClaimedTask]] | None = None

    def consumer(self) -> Consumer:
        """A new member of the workers' group."""
        return self._queue.consumer()

    async def take(self, consumer: Consumer, free: int, start: Callable[[ClaimedTask], None]) -> list[ClaimedTask]:
        """Claim up to `free` tasks and start them; waits up to a sweep's interval for one.

        Raises Unavailable and QueueUnavailable; messages in hand are then kept for the next call.
        """
        if time.monotonic() >= self._next_sweep:
            self._schedule_sweep()
            swept = self._leases.claim_swept(self._sweep_seconds, self._owner, limit=free)
            claimed = await self._start_claimed(swept, start)
            self._more_to_sweep = len(claimed) == free
            if claimed:
                log.info("swept", tasks=len(claimed))
                return claimed
        if not self._uncommitted:
            timeout = max(0.01, self._next_sweep - time.monotonic())
            if self._more_to_sweep:
                timeout = min(timeout, _PROMPT_SECONDS)
            self._uncommitted = await consumer.receive(free, timeout)
            if self._more_to_sweep and not self._uncommitted:
                # Work waits that no message brings us: with more workers than partitions most get none.
                self._next_sweep = 0.0
        if not self._uncommitted:
            return []
        task_ids = [task_id for d in self._uncommitted if (task_id := await self._parse(d)) is not None]
        claimed = []
        if task_ids:
            claimed = await self._start_claimed(self._leases.claim(task_ids, self._owner, limit=free), start)
        await reach("task.claimed")
        deliveries, self._uncommitted = self._uncommitted, []
        await consumer.commit(deliveries)
        return claimed

    async def settle(self) -> None:
        """Wait for a claim that was under way when `take` was cancelled."""
        if self._claiming:
            await asyncio.gather(self._claiming, return_exceptions=True)

    async def _start_claimed(
        self, claim: Coroutine[Any, Any, list[ClaimedTask]], start: Callable[[ClaimedTask], None]
    ) -> list[ClaimedTask]:
        """Start what a claim brings, even when the caller is cancelled: the tasks are ours by then."""

        async def run() -> list[ClaimedTask]:
            claimed = await claim
            for task in claimed:
                start(task)
            return claimed

        self._claiming = asyncio.create_task(run())
        return await asyncio.shield(self._claiming)

    async def _parse(self, delivery: Delivery) -> UUID | None:
        """The task that a message names; one that can't be read goes to the dead-letter topic."""
        message = delivery.message
        try:
            return parse_task_ready(message.value)
        except ValueError as error:
            log.warning(
                "a message can't be read and goes to the dead-letter topic", topic=message.topic, reason=str(error)
            )
            letter = DeadLetter(version=1, topic=message.topic, value=message.value, reason=str(error))
            await self._queue.publish(
                [Message(topic=Topic.DEAD_LETTER, key=message.key, value=letter.SerializeToString())]
            )
            return None

    def _schedule_sweep(self) -> None:
        # Jitter keeps many workers from sweeping at once.
        self._next_sweep = time.monotonic() + self._sweep_seconds * self._random.uniform(0.5, 1.5)
