"""When a task that waits is begun. Pure."""

import math
from dataclasses import dataclass

from reelmill.jobs.measures import Range

_BELIEF = 2.0
"""Beginnings that what is reckoned of slots and tasks weighs as much as."""
_NINE_OF_TEN = 1.28  # standard deviations of a normal distribution, below which they lie
_HALF_LIFE_SECONDS = 60.0
SOON = Range(least=0.0, likely=0.0, most=1.0)
"""Seconds, where a slot is free."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast tasks were begun."""

    begun: float = 0.0
    seconds: float = 0.0
    """In which so many were."""

    def on(self, begun: int, seconds: float) -> "Pace":
        """With what was seen since: what is older by a minute weighs half."""
        kept = 2 ** -(max(0.0, seconds) / _HALF_LIFE_SECONDS)
        return Pace(begun=self.begun * kept + begun, seconds=self.seconds * kept + max(0.0, seconds))


def start(before: int, *, slots: int, free: int, task_seconds: float, pace: Pace) -> Range | None:
    """Seconds until a task is begun that `before` others go before; None where no worker could.

    `slots`: of all workers that can, `free` ones among them; `task_seconds`: how long a task takes on the average.
    """
    if slots <= 0:
        return None
    waits = before + 1 - max(0, free)
    if waits <= 0:
        return SOON
    reckoned = max(task_seconds, 1e-3) / slots
    each = (pace.seconds + _BELIEF * reckoned) / (pace.begun + _BELIEF)
    likely = waits * each
    off = 1 + _NINE_OF_TEN * math.sqrt(1 / (pace.begun + _BELIEF) + 1 / waits)
    return Range(least=likely / off, likely=likely, most=likely * off)
