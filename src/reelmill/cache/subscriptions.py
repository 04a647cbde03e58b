"""Who in this process listens to which channel."""

import asyncio


class Subscriber:
    """A subscription to one channel."""

    def __init__(self) -> None:
        self._notified = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> bool:
        """True as soon as the channel was notified since the last call; False at the timeout."""
        try:
            async with asyncio.timeout(timeout_seconds):  # wait_for may swallow a cancellation
                await self._notified.wait()
        except TimeoutError:
            return False
        self._notified.clear()
        return True

    def wake(self) -> None:
        """The channel was notified."""
        self._notified.set()

    def forget(self) -> None:
        """What was notified until now is no news."""
        self._notified.clear()


class Channels:
    """The subscribers of each channel."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscriber]] = {}

    def names(self) -> set[str]:
        """Channels that have a subscriber."""
        return set(self._subscribers)

    def add(self, channel: str) -> Subscriber:
        """A new subscriber of a channel."""
        subscriber = Subscriber()
        self._subscribers.setdefault(channel, set()).add(subscriber)
        return subscriber

    def remove(self, channel: str, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        subscribers = self._subscribers[channel]
        subscribers.discard(subscriber)
        if not subscribers:
            del self._subscribers[channel]

    def wake(self, channel: str) -> None:
        """Wake all subscribers of a channel."""
        for subscriber in self._subscribers.get(channel, ()):
            subscriber.wake()
