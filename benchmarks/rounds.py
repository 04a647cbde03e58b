"""Alternating rounds, and what they say: medians, spreads, and medians of the ratios within a round.

Two contestants of one round ran seconds apart on the same machine in the same mood. So their ratio
means something where their times alone don't, and a median forgives the round that was disturbed.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

Contestants = Mapping[str, Callable[[], float]]


def alternate(contestants: Contestants, rounds: int, tell: Callable[[str, float], None]) -> dict[str, list[float]]:
    """Run each contestant once a round; answers the values by name, in the order of rounds.

    Every other round goes backwards, so that nobody always runs after the same one.
    """
    values: dict[str, list[float]] = {name: [] for name in contestants}
    for i in range(rounds):
        names = list(contestants)
        for name in names if i % 2 == 0 else reversed(names):
            value = contestants[name]()
            values[name].append(value)
            tell(name, value)
    return values


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours to theirs, round by round. Raises ValueError unless there are as many of both."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, not the ratio of the medians."""
    return statistics.median(ratios(ours, theirs))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values don't exceed. Raises ValueError for no values."""
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]
