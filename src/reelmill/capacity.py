"""What requests may take together: bytes in flight, looks into files, and threads beside the event loop."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, TypeVar

from reelmill.jobs.errors import Busy, Unavailable
from reelmill.jobs.rules import is_batch

IN_FLIGHT_MAX_BYTES = 64 * 2**20
"""Bytes of large requests that a process holds at once."""
SMALL_BYTES = 64 * 2**10
"""A request up to this size never waits for the large ones."""
WAIT_SECONDS = 2.0
"""How long a large request waits for its turn before it is asked to come again."""
LOOKS_AT_ONCE = 16
"""Calls that fetch files and look into them, in a process; each may hold a folder with its inputs."""
INLINE_BYTES = 8 * 2**10
"""Messages up to this size are read, checked and printed on the event loop; larger ones in a thread."""
_THREADS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Most bytes of a request, as JSON and as protobuf alike."""

    request_max_bytes: int
    batch_max_bytes: int

    def of(self, message: str) -> int:
        """The limit of requests of this full name."""
        return self.batch_max_bytes if is_batch(message) else self.request_max_bytes


Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="messages")


async def off_loop(
    size_bytes: int, function: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer:
    """What the function answers; called in a thread where it works on more than INLINE_BYTES."""
    if size_bytes <= INLINE_BYTES:
        return function(*args, **kwargs)
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, lambda: context.run(function, *args, **kwargs))


class Capacity:
    """Shares IN_FLIGHT_MAX_BYTES among large requests."""

    def __init__(self, *, max_bytes: int = IN_FLIGHT_MAX_BYTES, wait_seconds: float = WAIT_SECONDS) -> None:
        self._free = max_bytes
        self._wait_seconds = wait_seconds
        self._freed = asyncio.Condition()

    def share(self) -> "Share":
        """A request's share, given back at the end of its context."""
        return Share(self)

    async def take(self, size_bytes: int) -> None:
        """Take bytes, for `give`. Raises Unavailable where there are none for `wait_seconds`."""
        try:
            async with asyncio.timeout(self._wait_seconds), self._freed:
                await self._freed.wait_for(lambda: self._free >= size_bytes)
                self._free -= size_bytes
        except TimeoutError as error:
            raise Unavailable("too many large requests are under way; try again") from error

    async def give(self, size_bytes: int) -> None:
        """Give bytes back."""
        self._free += size_bytes
        async with self._freed:
            self._freed.notify_all()


class Looks:
    """Lets LOOKS_AT_ONCE calls that look into files run at once."""

    def __init__(self, *, at_once: int = LOOKS_AT_ONCE, wait_seconds: float = WAIT_SECONDS) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run in its turn. Raises Busy where none comes within `wait_seconds`."""
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise Busy from error
        try:
            yield
        finally:
            self._free.release()


class Share:
    """What one request has taken."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._taken = 0

    async def __aenter__(self) -> "Share":
        return self

    async def grow(self, size_bytes: int) -> None:
        """The request is this large by now. Raises Unavailable."""
        if size_bytes > SMALL_BYTES and (more := size_bytes - self._taken) > 0:
            await self._capacity.take(more)
            self._taken += more

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        taken, self._taken = self._taken, 0
        if taken:
            await self._capacity.give(taken)
