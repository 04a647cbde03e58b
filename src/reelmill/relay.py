"""From the outbox to the queue. The api runs it right after its commits, the scheduler as a sweep."""

import asyncio

from reelmill.jobs.errors import Unavailable
from reelmill.points import reach
from reelmill.queue.port import Message, Queue, QueueUnavailable, Topic
from reelmill.store.outbox import OutboxStore
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_BATCH = 1000


class Relay:
    """Sends what the outbox holds. Any number may run: rows are shared by SKIP LOCKED."""

    def __init__(self, outbox: OutboxStore, queue: Queue, *, interval_seconds: float) -> None:
        self._outbox = outbox
        self._queue = queue
        self._interval_seconds = interval_seconds
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """The outbox has grown: look at once."""
        self._nudged.set()

    async def run(self) -> None:
        """Relay until cancelled; where a server is away, wait for the interval and go on."""
        while True:
            self._nudged.clear()
            try:
                if self._queue.outbox_is_queue:
                    await self._queue.wake()
                else:
                    while await self.run_once() == _BATCH:
                        pass
            except (QueueUnavailable, Unavailable) as error:
                log.warning("relay waits", reason=str(error), retry_seconds=self._interval_seconds)
                await asyncio.sleep(self._interval_seconds)
            try:
                async with asyncio.timeout(self._interval_seconds):  # wait_for may swallow a cancellation
                    await self._nudged.wait()
            except TimeoutError:
                continue

    async def send(self) -> None:
        """Look once, now; what fails is left to the sweeps."""
        try:
            if self._queue.outbox_is_queue:
                await self._queue.wake()
            else:
                await self.run_once()
        except (QueueUnavailable, Unavailable) as error:
            log.warning("the outbox waits for the sweeps", reason=str(error))

    async def run_once(self) -> int:
        """Send one batch; answers its size. A crash in between sends it again, which is harmless."""
        async with self._outbox.batch(_BATCH) as messages:
            if messages:
                await self._queue.publish(
                    [Message(topic=Topic(m.topic), key=m.key, value=m.value, headers=m.headers) for m in messages]
                )
                await reach("relay.published")
                for m in messages:
                    log.debug("relayed", job_id=m.key, topic=m.topic)
            return len(messages)
