"""A curve through points, of cubic pieces, that never leaves the span of two neighbours (Fritsch and Carlson). Pure."""

from collections.abc import Sequence
from itertools import pairwise


class Curve:
    """Through points of rising places; of one point alone there is nothing between."""

    def __init__(self, places: Sequence[float], values: Sequence[float]) -> None:
        self._places, self._values = places, values
        self._widths = [b - a for a, b in pairwise(places)]
        rises = [b - a for a, b in pairwise(values)]
        steep = [rise / width for rise, width in zip(rises, self._widths, strict=True)]
        self._slopes = _slopes(self._widths, steep)

    def __call__(self, place: float, piece: int) -> float:
        """The value at a place of a piece, which is counted from 0."""
        width = self._widths[piece]
        at = (place - self._places[piece]) / width
        one, other = self._values[piece], self._values[piece + 1]
        bends = at * (1 - at) ** 2 * self._slopes[piece] - at**2 * (1 - at) * self._slopes[piece + 1]
        found = one + (other - one) * at**2 * (3 - 2 * at) + width * bends
        return min(max(found, min(one, other)), max(one, other))  # but for rounding it lies there


def _slopes(widths: Sequence[float], steep: Sequence[float]) -> list[float]:
    """At each point: 0 where a curve turns, else no more than keeps it within."""
    if len(steep) < 2:
        return [*steep, *steep]
    inner = [
        0.0 if a * b <= 0 else (w + v) * 3 / ((w + 2 * v) / b + (2 * w + v) / a)
        for (a, b), (w, v) in zip(pairwise(steep), pairwise(widths), strict=True)
    ]
    first = _at_end(widths[0], widths[1], steep[0], steep[1])
    return [first, *inner, _at_end(widths[-1], widths[-2], steep[-1], steep[-2])]


def _at_end(width: float, next_width: float, steep: float, next_steep: float) -> float:
    found = ((2 * width + next_width) * steep - width * next_steep) / (width + next_width)
    if found * steep <= 0:
        return 0.0
    return 3 * steep if steep * next_steep < 0 and abs(found) > 3 * abs(steep) else found
