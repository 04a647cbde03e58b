"""From messages to claimed tasks: a message only wakes, and the database says what comes first."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from reelmill.jobs.places import DEFAULT_POOL, places
from reelmill.points import reach
from reelmill.queue.port import Consumer, Delivery, Message, Queue, Topic, parse_task_ready, pool_told
from reelmill.store.leases import BEGINNING, KINDS, LeaseStore
from reelmill.store.records import ClaimedTask
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import CLAIMED
from reelmill.v1.messages_pb2 import DeadLetter

log = get_logger(__name__)
_PROMPT_SECONDS = 0.02
_SINCE_SECONDS = 5.0  # between two questions when the oldest ready task became so
_BEGIN_AGAIN_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What a worker can take."""

    kinds: tuple[str, ...] = KINDS
    pool: str = DEFAULT_POOL
    labels: tuple[str, ...] = ()
    """That it was given, and the one that names its ffmpeg's build."""

    @property
    def group(self) -> str:
        """The consumer group of the pool's workers: each pool hears every message, and heeds its own."""
        return "workers" if self.pool == DEFAULT_POOL else f"workers.{self.pool}"


class Intake:
    """Takes tasks for a worker's free slots."""

    def __init__(
        self,
        leases: LeaseStore,
        queue: Queue,
        *,
        owner: str,
        sweep_seconds: float,
        abilities: Abilities = Abilities(),
    ) -> None:
        self._leases = leases
        self._queue = queue
        self._owner = owner
        self._sweep_seconds = sweep_seconds
        self._abilities = abilities
        self._places = places(abilities.pool, abilities.labels)
        self._random = random.Random()  # noqa: S311 - spreads sweeps, guards nothing
        self._next_sweep = 0.0
        self._more = False  # whether the last claim brought all that it might
        self._since, self._since_next, self._begin_again = BEGINNING, 0.0, 0.0
        self._uncommitted: list[Delivery] = []
        self._claiming: asyncio.Task[list[ClaimedTask]] | None = None

    @property
    def backlog(self) -> bool:
        """Whether the last claim brought all that it might: there is more, and so no worker is idle."""
        return self._more

    def consumer(self) -> Consumer:
        """A new member of the workers' group."""
        return self._queue.consumer(group=self._abilities.group, pool=self._abilities.pool)

    async def take(self, consumer: Consumer, limit: int, start: Callable[[ClaimedTask], None]) -> list[ClaimedTask]:
        """Claim up to `limit` tasks and start them; waits up to a sweep's interval for one.

        Raises Unavailable and QueueUnavailable; messages in hand are then kept for the next call.
        """
        if not self._uncommitted and time.monotonic() < self._next_sweep:
            timeout = max(0.01, self._next_sweep - time.monotonic())
            if self._more:  # work waits that no message may bring us: with more workers than partitions most get none
                timeout = min(timeout, _PROMPT_SECONDS)
            self._uncommitted = await consumer.receive(limit, timeout)
        ours = [await self._readable(d) and pool_told(d.message) == self._abilities.pool for d in self._uncommitted]
        claimed = []
        if any(ours) or not self._uncommitted:
            claimed = await self._start_claimed(self._claim(limit), start)
            self._more = len(claimed) == limit
        if claimed:
            await reach("task.claimed")
        CLAIMED["message" if self._uncommitted else "sweep"].inc(len(claimed))
        if self._uncommitted:
            deliveries, self._uncommitted = self._uncommitted, []
            await consumer.commit(deliveries)
        elif claimed:
            log.info("swept", tasks=len(claimed))
        return claimed

    async def _claim(self, limit: int) -> list[ClaimedTask]:
        """The first tasks that this worker can run, whatever message woke it."""
        now = time.monotonic()
        self._schedule_sweep()
        if now >= self._begin_again:  # the database's clock may have been set back
            self._since, self._since_next, self._begin_again = BEGINNING, now, now + _BEGIN_AGAIN_SECONDS
        if now >= self._since_next:
            self._since = await self._leases.ready_since(self._since)
            self._since_next = now + _SINCE_SECONDS
        return await self._leases.claim(
            self._owner, limit=limit, kinds=self._abilities.kinds, places=self._places, since=self._since
        )

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

    async def _readable(self, delivery: Delivery) -> bool:
        """Whether a message tells of a task; one that can't be read goes to the dead-letter topic."""
        message = delivery.message
        try:
            parse_task_ready(message.value)
            return True
        except ValueError as error:
            log.warning(
                "a message can't be read and goes to the dead-letter topic", topic=message.topic, reason=str(error)
            )
            letter = DeadLetter(version=1, topic=message.topic, value=message.value, reason=str(error))
            await self._queue.publish(
                [Message(topic=Topic.DEAD_LETTER, key=message.key, value=letter.SerializeToString())]
            )
            return False

    def _schedule_sweep(self) -> None:
        # Jitter keeps many workers from sweeping at once.
        self._next_sweep = time.monotonic() + self._sweep_seconds * self._random.uniform(0.5, 1.5)
