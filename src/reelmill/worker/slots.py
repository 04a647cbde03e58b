"""A worker's slots: encodes that run at once. Who only fetches leaves its slot to another meanwhile.

A slow source would else hold a slot, and two of them a whole worker, for as long as a fetch may take. Only so many may
leave theirs: a worker that claims far more than it can run would keep it from others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Slots:
    """Counts slots. `freed` is called where a new task may have one."""

    def __init__(self, count: int, may_leave: int, freed: Callable[[], None]) -> None:
        """`may_leave`: how many tasks may be without their slot at once."""
        self._free = count
        self._may_leave = may_leave
        self._freed = freed
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def free(self) -> int:
        """How many new tasks there is a slot for."""
        return self._free

    def take(self) -> "Slot":
        """A slot for a new task; not held yet where one that came back from fetching was quicker than the claim."""
        held = self._free > 0
        self._free -= held
        return Slot(self, held=held)

    def _give(self) -> None:
        """A slot is free: for whoever came back from fetching first, else for a new task."""
        while self._waiting:
            if not (waiting := self._waiting.popleft()).done():
                waiting.set_result(None)
                return
        self._free += 1
        self._freed()

    async def _wait(self) -> None:
        if self._free:
            self._free -= 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give()  # it was given in the very moment
            raise


class Slot:
    """One task's slot, from its claim to its end."""

    def __init__(self, slots: Slots, *, held: bool) -> None:
        self._slots = slots
        self.held = held
        self._leaving = 0

    async def hold(self) -> None:
        """Wait for it, where it is not held."""
        if not self.held:
            await self._slots._wait()
            self.held = True

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Leave the slot to others while the context is open, where as many as may do not do so already.

        A task that fetches several inputs may be in it several times at once; it comes back with the last.
        """
        slots = self._slots
        if not self._leaving:
            if not slots._may_leave:
                yield
                return
            slots._may_leave -= 1
            self.held = False
            slots._give()
        self._leaving += 1
        try:
            yield
            if self._leaving == 1:
                await self.hold()
        finally:
            self._leaving -= 1
            if not self._leaving:
                slots._may_leave += 1

    def end(self) -> None:
        """The task has ended. Bears being called twice."""
        if self.held:
            self.held = False
            self._slots._give()
