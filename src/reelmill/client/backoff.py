"""Whether and when a failed call is tried again. Pure, but for the dice."""

import random
from dataclasses import dataclass

from reelmill.client.errors import ReelmillError, Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Bounded tries with full jitter. Every call of the client may be repeated: none acts twice."""

    attempts: int = 6
    """Most tries, the first included."""
    first_seconds: float = 0.2
    """Longest wait before the second try; doubles for each further one."""
    max_seconds: float = 5.0
    """Longest wait before any try, unless the server asks for more."""

    def delay_seconds(self, error: ReelmillError, attempt: int) -> float | None:
        """The wait after try number `attempt` (from 1) failed; None where it was the last."""
        # A try that took too long may have met a server that froze; the next one meets another, or it awake.
        passing = isinstance(error, Unavailable) or error.code == "DEADLINE_EXCEEDED" or error.retry_seconds is not None
        if not passing or attempt >= self.attempts:
            return None
        longest = min(self.max_seconds, self.first_seconds * 2 ** (attempt - 1))
        return max(error.retry_seconds or 0.0, random.uniform(0, longest))  # noqa: S311 - jitter is no secret
