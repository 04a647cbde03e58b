"""A circuit breaker: while a server is away, calls answer at once instead of waiting for it."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import CACHE_BREAKER, CACHE_ERRORS

log = get_logger(__name__)
Answer = TypeVar("Answer")


class Breaker:
    """Closed: calls go through. Open after `failures` in a row: calls answer their miss value.

    After `first_seconds` one call goes through; each that fails doubles the time, to `max_seconds`.
    """

    def __init__(
        self,
        server: str,
        away: tuple[type[Exception], ...],
        *,
        failures: int = 3,
        first_seconds: float = 1.0,
        max_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._away = away
        self._failures = failures
        self._first_seconds = first_seconds
        self._max_seconds = max_seconds
        self._clock = clock
        self._failed_in_a_row = 0
        self._open_seconds = 0.0  # 0 while closed
        self._opened = 0.0
        self._trying = False
        self._errors, self._gauge = CACHE_ERRORS.labels(server), CACHE_BREAKER.labels(server)
        self._gauge.set(0)

    async def call(self, operation: Callable[[], Awaitable[Answer]], miss: Answer) -> Answer:
        """The operation's answer; `miss` where the server is away. Raises what is no such error."""
        trial = self._open_seconds > 0
        if trial:
            if self._trying or self._clock() < self._opened + self._open_seconds:
                return miss
            self._trying = True
        try:
            answer = await operation()
        except self._away as error:
            self._errors.inc()
            self._failed(error, trial=trial)
            return miss
        finally:
            if trial:
                self._trying = False
        self._succeeded()
        return answer

    def _failed(self, error: Exception, *, trial: bool) -> None:
        self._failed_in_a_row += 1
        if trial:
            self._open(min(2 * self._open_seconds, self._max_seconds))
        elif self._open_seconds == 0 and self._failed_in_a_row >= self._failures:
            log.warning("the cache is away: reads miss", server=self._server, reason=str(error) or type(error).__name__)
            self._open(self._first_seconds)

    def _open(self, seconds: float) -> None:
        self._open_seconds, self._opened = seconds, self._clock()
        self._gauge.set(1)

    def _succeeded(self) -> None:
        self._failed_in_a_row = 0
        if self._open_seconds:
            self._open_seconds = 0.0
            self._gauge.set(0)
            log.info("the cache is back", server=self._server)
