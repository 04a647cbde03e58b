"""What work took, against what it was reckoned to take: histograms that forget, and ranges out of them. Pure.

A histogram counts ratios of measured to reckoned, by octaves, so that a machine that stood still once moves no median.
Before anything is measured it is believed that reckoning is right within some octaves; that weighs as much as half a
measurement.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import NamedTuple

PER_OCTAVE = 8
BINS = 192
"""Of a histogram: ratios from 2^-12 to 2^12; what lies beyond counts as the outermost."""
KEPT = 200.0
"""Measurements of a kind that are remembered, roughly: each new one takes 1/200 of the older ones' weight."""
_HALF = BINS // 2
_BELIEF = 0.5
_LOW, _HIGH = 0.1, 0.9
Bins = Sequence[float]


class Kind(NamedTuple):
    """What work is counted together."""

    operation: str
    codec: str = ""
    effort: str = ""


class Measure(Enum):
    """What of it is measured."""

    CPU = "cpu"
    """Core-seconds, to those reckoned."""
    WALL = "wall"
    """Seconds × threads, to the core-seconds reckoned; of a whole task its seconds."""
    BYTES = "bytes"
    """Written, to those reckoned."""


_OCTAVES = {Measure.CPU: 1.0, Measure.WALL: 1.25, Measure.BYTES: 1.5}
"""Within which, in two cases of three, reckoning is believed to be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """An amount that is not known: in eight of ten cases it lies between `least` and `most`."""

    least: float = 0.0
    likely: float = 0.0
    most: float = 0.0

    def __add__(self, other: "Range") -> "Range":
        return Range(least=self.least + other.least, likely=self.likely + other.likely, most=self.most + other.most)

    def times(self, factor: float) -> "Range":
        """So many of it; `factor` is 0 or more."""
        return Range(least=self.least * factor, likely=self.likely * factor, most=self.most * factor)

    def each(self, function: Callable[[float], float]) -> "Range":
        """What becomes of it by a function that never falls."""
        return Range(least=function(self.least), likely=function(self.likely), most=function(self.most))


def bin_of(ratio: float) -> int | None:
    """The place of a ratio in a histogram; None for what is none."""
    if not 0 < ratio < math.inf:
        return None
    return min(BINS - 1, max(0, math.floor(math.log2(ratio) * PER_OCTAVE) + _HALF))


def count(bins: Bins) -> float:
    """How many measurements a histogram remembers."""
    return math.fsum(bins)


def mean(bins: Bins) -> float:
    """Of the ratios that were measured; 0 where none was."""
    total = count(bins)
    return math.fsum(weight * _ratio(i + 0.5) for i, weight in enumerate(bins)) / total if total > 0 else 0.0


def spread(measure: Measure, bins: Bins = ()) -> Range:
    """Between which ratios the next one lies, by what was measured and what is believed before."""
    believed = _believed(_OCTAVES[measure])
    weights = [a + b for a, b in zip(believed, bins, strict=True)] if bins else believed
    return Range(least=_quantile(weights, _LOW), likely=_quantile(weights, 0.5), most=_quantile(weights, _HIGH))


def merged(histograms: Iterable[tuple[float, Bins]]) -> list[float]:
    """Several histograms as one, each with the weight given, from 0 to 1; one of another form is left out."""
    sums = [0.0] * BINS
    for weight, bins in histograms:
        if len(bins) == BINS and all(0 <= value < math.inf for value in bins):
            sums = [a + weight * b for a, b in zip(sums, bins, strict=True)]
    return sums


class Rates:
    """What is known of kinds of work."""

    def __init__(self, measured: Mapping[tuple[Kind, Measure], Bins] | None = None) -> None:
        self._measured = measured or {}
        self._spreads: dict[tuple[Kind, Measure], Range] = {}

    def known(self, kind: Kind, measure: Measure) -> float:
        """How many measurements of it are remembered."""
        return count(self._measured.get((kind, measure), ()))

    def spread(self, kind: Kind, measure: Measure) -> Range:
        """The ratio of what it will take to what is reckoned."""
        key = kind, measure
        if key not in self._spreads:
            self._spreads[key] = spread(measure, self._measured.get(key, ()))
        return self._spreads[key]

    def mean(self, kind: Kind, measure: Measure) -> float:
        """Of its ratios; 0 where none was measured."""
        return mean(self._measured.get((kind, measure), ()))


def _ratio(place: float) -> float:
    return math.exp2((place - _HALF) / PER_OCTAVE)


def _quantile(weights: Bins, share: float) -> float:
    """The ratio below which lies a share of the weights, which are not all 0."""
    wanted, below = share * math.fsum(weights), 0.0
    for i, weight in enumerate(weights):
        if weight > 0 and below + weight >= wanted:
            return _ratio(i + max(0.0, wanted - below) / weight)
        below += weight
    return _ratio(BINS)


@cache
def _believed(octaves: float) -> list[float]:
    """The bins of a normal distribution of the ratio's logarithm."""
    edges = [_normal((i - _HALF) / PER_OCTAVE / octaves) for i in range(BINS + 1)]
    return [_BELIEF * (upper - lower) for lower, upper in pairwise(edges)]


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2
