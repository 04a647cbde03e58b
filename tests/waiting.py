"""How tests wait: for conditions, never for time, and longer than the slowest machine needs.

What a test expects not to come is another thing: there it says how long it looks.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
"""Of every wait for what must come; less than a test's time-out, so that the failure says what was waited for."""
_LOOK_SECONDS = 0.01  # between two looks
_T = TypeVar("_T")


def patient() -> asyncio.Timeout:
    """Ends what is waited for inside of it when it is too late: `async with patient():`. Raises TimeoutError."""
    return asyncio.timeout(PATIENCE_SECONDS)


async def soon(awaited: Awaitable[_T]) -> _T:
    """What is awaited. Raises TimeoutError."""
    return await asyncio.wait_for(awaited, PATIENCE_SECONDS)


async def eventually(holds: Callable[[], object], what: str = "it holds") -> None:
    """Wait until `holds`, which may be async, answers what is true. Fails, and says what was waited for."""
    try:
        async with patient():
            while not (found := holds()) or (inspect.isawaitable(found) and not await found):
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"in {PATIENCE_SECONDS:g} s: not {what}") from None


def until(holds: Callable[[], object], what: str = "it holds") -> None:
    """The same where there is no loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"in {PATIENCE_SECONDS:g} s: not {what}"
        time.sleep(_LOOK_SECONDS)
