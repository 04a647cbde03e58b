"""When a failed attempt is tried again: exponential backoff with full jitter.

Full jitter spreads retries evenly over the whole window, which clears a backlog with the least
work (M. Brooker, "Exponential Backoff And Jitter", 2015).
"""

import random
from dataclasses import dataclass

from reelmill.v1.jobs_pb2 import RetryPolicy as RetryPolicyProto


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and when a failed attempt is tried again."""

    max_attempts: int = 3
    initial_backoff_seconds: float = 2.0
    max_backoff_seconds: float = 60.0

    @classmethod
    def from_proto(cls, proto: RetryPolicyProto) -> "RetryPolicy":
        """Read the API's policy; what it leaves out takes its default."""
        default = cls()
        return cls(
            max_attempts=proto.max_attempts or default.max_attempts,
            initial_backoff_seconds=proto.initial_backoff.ToTimedelta().total_seconds()
            or default.initial_backoff_seconds,
            max_backoff_seconds=proto.max_backoff.ToTimedelta().total_seconds() or default.max_backoff_seconds,
        )

    def is_last(self, attempt: int) -> bool:
        """Whether attempt `attempt` (from 1) is followed by none, however it fails."""
        return attempt >= self.max_attempts

    def backoff_seconds(self, attempt: int, *, retryable: bool, rng: random.Random) -> float | None:
        """Seconds to wait after failed attempt `attempt` (from 1), or None where it was the last."""
        if not retryable or self.is_last(attempt):
            return None
        # 2**32 outgrows any max_backoff; larger powers would overflow a float.
        window = self.initial_backoff_seconds * 2.0 ** min(attempt - 1, 32)
        return rng.uniform(0, min(window, self.max_backoff_seconds))
