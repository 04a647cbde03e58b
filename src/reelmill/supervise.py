"""Parts that live as long as their process: none ends in silence.

Everything that a process starts for its whole life runs under `supervised` (or `supervised_thread`). An end that
nobody asked for is logged as an error, counted, and the part is started again after a growing wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import part_ends

log = get_logger(__name__)
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0  # a part that ran for so long begins with the first wait again


def supervised(part: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """A task that runs a part until it is cancelled; `part` names it in logs and metrics."""
    return asyncio.create_task(_forever(part, run), name=part)


async def _forever(part: str, run: Callable[[], Awaitable[None]]) -> None:
    retry_seconds = _FIRST_RETRY_SECONDS
    ends = part_ends(part)
    while True:
        began = time.monotonic()
        error: Exception | None = None
        try:
            await run()
        except Exception as unforeseen:
            error = unforeseen
        if time.monotonic() - began >= _HEALTHY_SECONDS:
            retry_seconds = _FIRST_RETRY_SECONDS
        ends.inc()
        log.error("a part ended; it is started again", part=part, retry_seconds=retry_seconds, exc_info=error)
        await asyncio.sleep(retry_seconds)
        retry_seconds = min(2 * retry_seconds, _MAX_RETRY_SECONDS)
