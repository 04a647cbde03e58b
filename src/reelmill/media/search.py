"""The search for the coarsest quality whose picture is still as good as asked for. Pure.

As ab-av1 does it: whole numbers, the middle first, then between the two that hold the target by a straight line; what
comes near enough ends it, and near enough grows with each try. The same scores give the same tries.
"""

from collections.abc import Mapping

MOST_TRIES = 5
_NEAR = 0.2
"""Points above the target that end the search at the first try; at each further one as much more."""


def next_try(scores: Mapping[int, float], target: float, *, start: int, least: int, most: int) -> int | None:
    """The next quality to try, within `least`…`most` (more is coarser); None: `chosen` knows it.

    `scores`: of those that were tried.
    """
    if not scores:
        return start
    if len(scores) >= MOST_TRIES:
        return None
    good = [q for q, score in scores.items() if score >= target]
    if not good:
        lowest = min(scores)
        return (least + lowest) // 2 if lowest > least else None
    best = max(good)
    if scores[best] - target <= _NEAR * len(scores):
        return None
    bad = [q for q, score in scores.items() if score < target and q > best]
    if not bad:
        return (best + most + 1) // 2 if best < most else None
    worst = min(bad)
    if worst - best == 1:
        return None
    part = (scores[best] - target) / (scores[best] - scores[worst])
    return min(worst - 1, max(best + 1, best + int(part * (worst - best))))


def chosen(scores: Mapping[int, float], target: float) -> int:
    """The coarsest that was tried and is good enough; where none is, the finest."""
    return max((q for q, score in scores.items() if score >= target), default=min(scores))
