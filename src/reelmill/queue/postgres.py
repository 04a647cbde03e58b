"""The queue in PostgreSQL: the outbox table itself, shared by SKIP LOCKED.

A message that was received is hidden for a while and deleted at its commit. The table knows no
consumer groups: each message goes to one consumer of its pool, whatever its group.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import uuid4
from weakref import WeakSet

import asyncpg

from reelmill.batching import Batcher
from reelmill.jobs.errors import Unavailable
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.queue.port import TASK_TOPICS, Consumer, Delivery, Message, QueueUnavailable, Topic
from reelmill.store.database import Database
from reelmill.store.sql import queries
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_SQL = queries("queue")
_OUTBOX = queries("outbox")
_CHANNEL = "reelmill_queue"
_POLL_SECONDS = 2.0  # should a notification be lost
_RECONNECT_SECONDS = 1.0  # between two connections
# A connection that died without a word is found only by asking.
_SILENCE_SECONDS = 5.0
_ANSWER_SECONDS = 2.0


class PostgresQueue:
    """Implements reelmill.queue.port.Queue on an open database."""

    def __init__(self, database: Database, *, redelivery_seconds: float = 30.0) -> None:
        """`redelivery_seconds`: after which messages of a consumer that died come again."""
        self._database = database
        self._redelivery_seconds = redelivery_seconds
        self._wakes: Batcher[None, None] = Batcher(self._notify)
        self._name = uuid4().hex
        self._consumers: WeakSet[PostgresConsumer] = WeakSet()

    @property
    def outbox_is_queue(self) -> bool:
        """Yes: what a transaction writes to the outbox is published by its commit."""
        return True

    async def start(self) -> None:
        """Nothing: the database is open."""

    async def stop(self) -> None:
        """Nothing: the database closes by itself."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Write to the outbox and wake consumers. Raises QueueUnavailable."""
        if not messages:
            return
        topics, keys = [m.topic.value for m in messages], [m.key for m in messages]
        headers = [json.dumps(dict(m.headers)) for m in messages]
        async with _connection(self._database) as connection:
            await connection.execute(_OUTBOX["insert_outbox"], topics, keys, [m.value for m in messages], headers)
        await self.wake()

    async def wake(self) -> None:
        """Wake consumers that wait: ours at once, others by a notification. They poll where it fails.

        Calls at one time share a notification.
        """
        for consumer in self._consumers:
            consumer.wake()
        await self._wakes.submit(None)

    def consumer(
        self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers", pool: str = DEFAULT_POOL
    ) -> Consumer:
        """A consumer; of what group makes no difference."""
        made = PostgresConsumer(
            self._database, topics, pool=pool, redelivery_seconds=self._redelivery_seconds, queue=self._name
        )
        self._consumers.add(made)
        return made

    async def lag(self, topics: Sequence[Topic] = TASK_TOPICS, group: str = "workers") -> dict[Topic, int]:
        """How many messages of each topic there are. Raises QueueUnavailable."""
        async with _connection(self._database) as connection:
            rows = await connection.fetch(_SQL["count_messages"], [t.value for t in topics])
        return dict.fromkeys(topics, 0) | {Topic(row["topic"]): row["messages"] for row in rows}

    async def check(self) -> None:
        """Raise QueueUnavailable unless PostgreSQL answers now."""
        try:
            await self._database.check()
        except Unavailable as error:
            raise QueueUnavailable(str(error)) from error

    async def _notify(self, calls: Sequence[None]) -> list[None]:
        try:
            async with self._database.connection() as connection:
                await connection.execute(_SQL["notify_consumers"], self._name)
        except Unavailable as error:
            log.debug("consumers are not notified", reason=str(error))
        return [None] * len(calls)


class PostgresConsumer:
    """Implements reelmill.queue.port.Consumer."""

    def __init__(
        self, database: Database, topics: Sequence[Topic], *, pool: str, redelivery_seconds: float, queue: str = ""
    ) -> None:
        """`queue`: whose notifications tell nothing new, for it calls `wake` itself."""
        self._database = database
        self._topics = [t.value for t in topics]
        self._pool = pool
        self._queue = queue
        self._redelivery_seconds = redelivery_seconds
        self._held: dict[int, datetime] = {}  # received and not committed: when it comes again
        self._ready: list[Delivery] = []
        self._taking: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._stopped = False

    def wake(self) -> None:
        """There may be messages."""
        self._woken.set()

    async def receive(self, limit: int, timeout_seconds: float) -> list[Delivery]:
        """Up to `limit` messages, higher classes first; empty after `timeout_seconds` without one."""
        deadline = time.monotonic() + timeout_seconds
        while not self._stopped:
            if self._listener is None:
                self._listener = supervised("queue_listener", self._listen)
            self._woken.clear()
            if not self._ready:
                await self._take(limit)
            if self._ready:
                received, self._ready = self._ready[:limit], self._ready[limit:]
                return received
            if (remaining := deadline - time.monotonic()) <= 0:
                return []
            try:
                async with asyncio.timeout(min(remaining, _POLL_SECONDS)):  # wait_for may swallow a cancellation
                    await self._woken.wait()
            except TimeoutError:
                continue
        raise QueueUnavailable("the consumer has stopped")

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Delete these messages. Raises QueueUnavailable."""
        ids = [d.receipt for d in deliveries if isinstance(d.receipt, int)]
        if not ids:
            return
        async with _connection(self._database) as connection:
            await connection.execute(_OUTBOX["delete_outbox"], ids)
        for message_id in ids:
            self._held.pop(message_id, None)

    async def stop(self) -> None:
        """What was received and not committed is visible to others at once."""
        self._stopped = True
        self._woken.set()
        listener, self._listener = self._listener, None
        await end(listener)
        if self._taking:
            await asyncio.gather(self._taking, return_exceptions=True)
        held, self._held = self._held, {}
        if not held:
            return
        try:
            async with self._database.connection() as connection:
                await connection.execute(_SQL["release_messages"], list(held), list(held.values()))
                await connection.execute(_SQL["notify_consumers"], "")
        except Unavailable as error:
            log.warning("messages come again late", seconds=self._redelivery_seconds, reason=str(error))

    async def _take(self, limit: int) -> None:
        """Fill `_ready`. A receive that is cancelled leaves the messages there for the next."""
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._fetch(limit))
        await asyncio.shield(self._taking)

    async def _fetch(self, limit: int) -> None:
        async with _connection(self._database) as connection:
            rows = await connection.fetch(
                _SQL["take_messages"], self._topics, limit, self._redelivery_seconds, self._pool
            )
        for row in sorted(rows, key=lambda r: (self._topics.index(r["topic"]), r["id"])):
            self._held[row["id"]] = row["visible_at"]
            message = Message(
                topic=Topic(row["topic"]), key=row["key"], value=row["value"], headers=json.loads(row["headers"])
            )
            self._ready.append(Delivery(message=message, receipt=row["id"]))

    def _heard(self, _connection: object, _pid: int, _channel: str, sender: object) -> None:
        if not sender or sender != self._queue:
            self._woken.set()

    async def _listen(self) -> None:
        """Wake `receive` at notifications, over a connection of its own; make a new one when it breaks."""
        while True:
            broken, began = asyncio.Event(), time.monotonic()
            try:
                connection = await asyncpg.connect(
                    self._database.url,
                    password=self._database.password,
                    timeout=5,
                    server_settings={"application_name": "reelmill queue"},
                )
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.debug("no notifications: the consumer polls", reason=str(error))
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            connection.add_termination_listener(lambda _, broken=broken: broken.set())
            try:
                await connection.add_listener(_CHANNEL, self._heard)
                self._woken.set()  # for what was missed until now
                while not await _set_within(broken, _SILENCE_SECONDS):
                    await connection.fetchval("SELECT 1", timeout=_ANSWER_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.debug("notifications broke off", reason=str(error))
            finally:
                connection.terminate()
            # A server that ends idle connections (idle_session_timeout) must not make us deaf in between.
            await asyncio.sleep(began + _RECONNECT_SECONDS - time.monotonic())


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def _connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose errors come out as QueueUnavailable."""
    try:
        async with database.connection() as connection:
            yield connection
    except Unavailable as error:
        raise QueueUnavailable(str(error)) from error
