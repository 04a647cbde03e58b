"""Redis publish/subscribe over one connection for all subscribers of the process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from reelmill.cache.subscriptions import Channels, Subscriber
from reelmill.supervise import end, heed_cancellation, supervised
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
PREFIX = "reelmill:"
# RuntimeError: uvloop's for a write to a connection that was closed in that moment.
AWAY = (RedisError, OSError, TimeoutError, RuntimeError)
# Nobody notifies it. A client that listens to anything is not closed by Redis for being idle (`timeout`).
_ALWAYS = "always"
_CONFIRM_SECONDS = 0.5
_SILENCE_SECONDS = 5.0
_ANSWER_SECONDS = 1.0  # to a PING after it
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 2.0


class RedisChannels:
    """Keeps the connection and subscribes it to what this process listens to.

    Subscribers are woken when a new connection is subscribed again: they may have missed something.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._channels = Channels()
        self._changed = asyncio.Event()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._doubted = asyncio.Event()
        self._heard = 0.0
        self._away = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect in the background."""
        if self._task is None:
            self._task = supervised("redis_channels", self._run)

    async def stop(self) -> None:
        """Disconnect. Bears being called twice."""
        task, self._task = self._task, None
        await end(task)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscriber]:
        """A subscriber; Redis has confirmed it, unless it is away: then it is woken later."""
        subscriber = self._channels.add(channel)
        self._changed.set()
        try:
            await self._wait_until_confirmed(channel, subscriber)
            yield subscriber
        finally:
            self._channels.remove(channel, subscriber)
            self._changed.set()

    async def _wait_until_confirmed(self, channel: str, subscriber: Subscriber) -> None:
        confirmed = self._confirmed.setdefault(channel, asyncio.Event())
        if self._away or self._task is None:
            return
        asked = time.monotonic()
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                await confirmed.wait()
        except TimeoutError:
            if self._heard < asked:
                self._doubted.set()
            return
        subscriber.forget()

    async def _run(self) -> None:
        retry_seconds = _FIRST_RETRY_SECONDS
        while True:
            # The pool's options, but a connection of its own: reads wait long.
            connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # it has no types
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await connection.connect()  # type: ignore[no-untyped-call]  # it has no types
                if self._away:
                    log.info("listens to Redis again")
                self._away, retry_seconds = False, _FIRST_RETRY_SECONDS
                self._doubted.clear()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read(connection), name="redis_channels.read")
                    group.create_task(self._write(connection), name="redis_channels.write")
                    group.create_task(self._doubt(), name="redis_channels.doubt")
            except* AWAY as errors:
                if not self._away:
                    reason = errors.exceptions[0]
                    log.warning("can't listen to Redis: watchers poll", reason=str(reason) or type(reason).__name__)
            finally:
                self._away = True
                for channel in list(self._confirmed):
                    self._confirmed[channel].clear()
                    if channel not in self._channels.names():
                        del self._confirmed[channel]
                await connection.disconnect(nowait=True)
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(2 * retry_seconds, _MAX_RETRY_SECONDS)

    async def _read(self, connection: AbstractConnection) -> None:
        asked = False
        while True:
            reply = await connection.read_response(timeout=_ANSWER_SECONDS if asked else _SILENCE_SECONDS)
            heed_cancellation()
            if reply is None:
                if asked:
                    raise TimeoutError("Redis is silent")
                # A connection that died without a word is found only by asking.
                await _send(connection, "PING")
                asked = True
                continue
            asked, self._heard = False, time.monotonic()
            match reply:  # whatever else it says, it is not silent
                case [b"message", bytes(name), *_]:
                    self._channels.wake(_channel(name))
                case [b"subscribe", bytes(name), *_] if (channel := _channel(name)) in self._confirmed:
                    self._confirmed[channel].set()
                    self._channels.wake(channel)

    async def _write(self, connection: AbstractConnection) -> None:
        """Tell Redis what we listen to, all changes since the last time at once."""
        told: set[str] = set()
        while True:
            self._changed.clear()
            wanted = self._channels.names() | {_ALWAYS}
            new, old, told = wanted - told, told - wanted, wanted
            for channel in old:
                # Before the first await: who subscribes from here on waits for a new confirmation.
                self._confirmed.pop(channel, None)
            if old:
                await _send(connection, "UNSUBSCRIBE", *(PREFIX + c for c in old))
            if new:
                await _send(connection, "SUBSCRIBE", *(PREFIX + c for c in new))
            await self._changed.wait()

    async def _doubt(self) -> None:
        """End a connection that died without a word as soon as someone notices."""
        await self._doubted.wait()
        raise TimeoutError("Redis does not confirm")


async def _send(connection: AbstractConnection, *command: str) -> None:
    await connection.send_command(*command, check_health=False)
    heed_cancellation()  # the client swallows one that comes while it sends


def _channel(name: bytes) -> str:
    return name.decode(errors="replace").removeprefix(PREFIX)
