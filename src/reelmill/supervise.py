"""Parts that live as long as their process: none ends in silence.

Everything that a process starts for its whole life runs under `supervised` (or `supervised_thread`). An end that
nobody asked for is logged as an error, counted, and the part is started again after a growing wait.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import PART_ENDS

log = get_logger(__name__)
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 30.0
MAX_ENDS = 5  # of a whole worker or scheduler, within 3 s; then its process ends, for others to start anew
_HEALTHY_SECONDS = 60.0  # a part that ran for so long begins with the first wait again
_SWALLOWED_SECONDS = 1.0  # after which a part that was cancelled and did not end is cancelled again


@dataclass(kw_only=True, eq=False, slots=True)
class Part:
    """A part that is alive, from its first start until it is ended on purpose."""

    name: str
    max_retry_seconds: float
    max_ends: int | None
    """In a row; the part's owner hears of the next."""
    starts: int = 0
    task: asyncio.Task[None] | None = None
    """What runs it now, unless a thread does."""
    thread: threading.Thread | None = None
    _began: float = 0.0
    _ends: int = 0
    _retry_seconds: float = field(default=_FIRST_RETRY_SECONDS)

    def began(self) -> None:
        """It starts, or starts again."""
        self.starts += 1
        self._began = time.monotonic()

    def ended(self, error: BaseException | None) -> float:
        """It ended though nobody asked; answers how many seconds to wait. Raises the error at the last end."""
        if time.monotonic() - self._began >= _HEALTHY_SECONDS:
            self._ends, self._retry_seconds = 0, _FIRST_RETRY_SECONDS
        self._ends += 1
        wait_seconds = min(self._retry_seconds, self.max_retry_seconds)
        self._retry_seconds = 2 * wait_seconds
        PART_ENDS.labels(self.name).inc()
        if self.max_ends is not None and self._ends > self.max_ends:
            log.error("a part ended too often", part=self.name, ends=self._ends, exc_info=error)
            raise error or RuntimeError(f"{self.name} ended {self._ends} times")
        log.error("a part ended; it is started again", part=self.name, retry_seconds=wait_seconds, exc_info=error)
        return wait_seconds


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


_alive: set[Part] = set()


def alive() -> list[Part]:
    """This process's parts."""
    return sorted(_alive, key=lambda part: part.name)


def supervised(
    name: str,
    run: Callable[[], Coroutine[Any, Any, None]],
    *,
    until: asyncio.Event | None = None,
    max_retry_seconds: float = _MAX_RETRY_SECONDS,
    max_ends: int | None = None,
) -> asyncio.Task[None]:
    """A task that runs a part until it is cancelled, or ends by itself once `until` is set.

    `name` is of a closed set: it is a label of the metric. Tasks of a TaskGroup inside are named `name.…`.
    With `max_ends` the task ends with the part's error after one more end in a row: for a part without which its
    owner does harm.
    """
    part = _part(name, max_retry_seconds, max_ends)
    supervisor = asyncio.create_task(_forever(part, run, until or asyncio.Event()), name=f"supervisor of {name}")
    supervisor.add_done_callback(lambda _: _alive.discard(part))
    return supervisor


def supervised_thread(name: str, run: Callable[[], None], *, leaving: threading.Event) -> threading.Thread:
    """A thread that runs a part until it returns after `leaving` was set. It does not hold up the process's end."""
    part = _part(name, _MAX_RETRY_SECONDS, None)
    part.thread = threading.Thread(target=_forever_here, args=(part, run, leaving), name=name, daemon=True)
    part.thread.start()
    return part.thread


def heed_cancellation() -> None:
    """Raise CancelledError where this task was told to end: after a call of a library that may swallow that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait for their ends: again and again, for a library may swallow a cancellation."""
    running = {task for task in tasks if task and not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_SWALLOWED_SECONDS)


def _part(name: str, max_retry_seconds: float, max_ends: int | None) -> Part:
    part = Part(name=name, max_retry_seconds=max_retry_seconds, max_ends=max_ends)
    PART_ENDS.labels(name)  # shown as 0 from now on: what begins with 1 is no increase
    _alive.add(part)
    return part


async def _forever(part: Part, run: Callable[[], Coroutine[Any, Any, None]], until: asyncio.Event) -> None:
    while True:
        part.began()
        # A task of its own: in Python 3.11 a TaskGroup that failed leaves its task as if somebody had cancelled it.
        part.task = asyncio.create_task(run(), name=part.name)
        error = await _error_of(part.task)
        if until.is_set():
            if error:
                raise error
            return
        wait_seconds = part.ended(error)
        del error  # and its frames
        try:
            async with asyncio.timeout(wait_seconds):
                await until.wait()
        except TimeoutError:
            continue
        return


async def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """What a task ended with, be it a panic in Rust or the cancellation of another; cancelled with us."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=_SWALLOWED_SECONDS)
        if not task.cancelled() and (error := task.exception()):  # else asyncio tells it, whenever it is collected
            log.warning("a part failed as it was ended", part=task.get_name(), exc_info=error)
        raise
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _forever_here(part: Part, run: Callable[[], None], leaving: threading.Event) -> None:
    try:
        while not leaving.is_set():
            part.began()
            error: BaseException | None = None
            try:
                run()
            except BaseException as unforeseen:
                error = unforeseen
            if leaving.is_set() and error is None:
                return
            leaving.wait(part.ended(error))
    finally:
        _alive.discard(part)
