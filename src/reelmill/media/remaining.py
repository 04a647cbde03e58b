"""How long what runs still has, from what it was reckoned to take and how it goes. Pure."""

import math
from collections.abc import Sequence

from reelmill.jobs.measures import Range
from reelmill.media.estimating import total

_SURE_SHARE = 0.15
"""Of a process, after which only how it goes counts."""
_UNEVEN = 1.25
"""Times the time that is left, within which a film's later parts are taken to differ from those before."""
_MOST_PACE = 16.0
_SURE_SECONDS = 2.0
_MOST_SECONDS = 1e9


def own(expected: Range, *, share: float, elapsed: float, first: float, moved: float) -> Range:
    """Seconds left of a process that has run for `elapsed` seconds.

    `expected`: what it was reckoned to take, all in all. `share`: what is done of it, since it had run for `moved`
    seconds, for encoders bring frames by the dozen; until `first` nothing was done.
    """
    share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
    believed = expected.times(1 - share)
    if share <= 0 or not 0 <= first < moved <= elapsed < math.inf:
        return believed
    # What an encoder took in before it brought anything it always has in hand; at the end that comes out at once.
    in_hand = min(first, moved - first) * (1 - share)
    left = (1 - share) * (moved - first) / share - in_hand - (elapsed - moved)
    left = min(_MOST_SECONDS, max(0.0, left))
    seen = Range(least=left / _UNEVEN, likely=left, most=left * _UNEVEN)
    trust = min(1.0, share / _SURE_SHARE)
    likely = _between(believed.likely, seen.likely, trust)
    # Rounding may turn around what is nearly the same.
    return Range(
        least=min(likely, _between(believed.least, seen.least, trust)),
        likely=likely,
        most=max(likely, _between(believed.most, seen.most, trust)),
    )


def pace(expected: float, took: float) -> float:
    """How many times as long what follows will take as reckoned, where `expected` seconds became `took`."""
    if not (0 < expected < math.inf and 0 < took < math.inf):
        return 1.0
    ratio = min(_MOST_PACE, max(1 / _MOST_PACE, took / expected))
    trust: float = took / (took + _SURE_SECONDS)
    return float(ratio**trust)


def left(running: Range, later: Sequence[Range], pace: float) -> Range:
    """Seconds until what runs and what follows it is done."""
    return running + total(later).times(pace)


def _between(one: float, other: float, trust: float) -> float:
    """From one to the other, by equal factors; by equal amounts where one of them is nothing."""
    if one > 0 and other > 0:
        return math.exp((1 - trust) * math.log(one) + trust * math.log(other))
    return (1 - trust) * one + trust * other
