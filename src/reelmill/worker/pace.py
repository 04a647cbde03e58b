"""How many tasks a worker claims beyond its free slots: those that begin soon, if they are as quick as the last ones.

Small tasks end one by one, and each would have a claim of its own: so several are claimed at once. What does not begin
soon is handed back, for another worker may be free.
"""

import math

PATIENCE_SECONDS = 0.5
"""A task that has not begun by then is handed back."""
_SOON_SECONDS = 0.1
_MOST = 16
_NEWEST = 0.2  # how much the newest one counts


class Pace:
    """Of one worker."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._mean_seconds = math.inf

    def took(self, seconds: float) -> bool:
        """A task had its slot for so long; answers whether that was quick."""
        if math.isinf(self._mean_seconds):
            self._mean_seconds = seconds
        else:
            self._mean_seconds += _NEWEST * (seconds - self._mean_seconds)
        return seconds <= PATIENCE_SECONDS

    def was_wrong(self) -> None:
        """One that was claimed ahead did not begin soon: a longer one is before it."""
        self._mean_seconds = math.inf

    @property
    def ahead(self) -> int:
        """How many may wait for a slot."""
        return min(_MOST, int(self._slots * _SOON_SECONDS / max(self._mean_seconds, _SOON_SECONDS / _MOST)))
