"""How often an address may fail to sign in, and how often a key may call, in tables of a size. Pure, but for clocks."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from reelmill.jobs.errors import Busy

MOST_FAILURES = 20
"""Of an address within WINDOW_SECONDS; what comes after is refused unread."""
MOST_BY_GATEWAY = 1000
"""Of all clients of a gateway together, as it tells them apart: anybody can say that he is one."""
WINDOW_SECONDS = 60.0
_MOST_ADDRESSES = 10_000  # remembered; then the oldest is forgotten
_MOST_KEYS = 10_000
_BURST_SECONDS = 2.0  # what a key may call at once, in seconds of its rate
_HOME_BITS = 64  # of an IPv6 address: who has one has 2^64 of them

Clock = Callable[[], float]


class Failures:
    """Failed sign-ins by address."""

    def __init__(self, most: int = MOST_FAILURES, *, clock: Clock = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str) -> None:
        """One more."""
        place, now = home(address), self._clock()
        began, count = self._failed.pop(place, (now, 0))
        if now - began > WINDOW_SECONDS:
            began, count = now, 0
        self._failed[place] = began, count + 1
        if len(self._failed) > _MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def blocked(self, address: str) -> bool:
        """Whether there were too many in the last minute."""
        began, count = self._failed.get(home(address), (0.0, 0))
        return count >= self._most and self._clock() - began <= WINDOW_SECONDS


class Rates:
    """A bucket of calls for each key, which fills at its rate."""

    def __init__(self, per_second: float, *, clock: Clock = time.monotonic) -> None:
        """`per_second`: calls of a key; 0: any number."""
        self._rate = per_second
        self._most = max(1.0, per_second * _BURST_SECONDS)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether one more call is allowed now; it counts."""
        if not self._rate:
            return True
        now = self._clock()
        looked, left = self._buckets.pop(key, (now, self._most))
        left = min(self._most, left + (now - looked) * self._rate)
        allowed = left >= 1
        self._buckets[key] = now, left - allowed
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return allowed


class Streams:
    """How many streams each key has open."""

    def __init__(self, most: int) -> None:
        """`most`: of a key; 0: any number."""
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, key: str) -> Iterator[None]:
        """One more, while the context is open. Raises Busy."""
        if self._most and self._open[key] >= self._most:
            raise Busy(f"this key has {self._most} streams open, and may have no more; end one")
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


def home(address: str) -> str:
    """What an address is counted by: of IPv6 the network that one household or machine has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> _HOME_BITS << _HOME_BITS))
    return str(found)
