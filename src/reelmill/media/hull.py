"""Which sizes and qualities are worth a rung: the convex hull of what was tried. Pure.

As in Netflix's per-title encoding: at each bit rate one size is the best for a given film, and those points lie on the
hull of all. What lies below it costs more for the same quality.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from reelmill.media.curves import Curve

MOST_RUNGS = 8
MOST_APART, LEAST_APART = 2.0, 1.4
"""Times by which the bit rates of two neighbours differ (Apple's HLS authoring specification: 1.5 to 2)."""
LEAST_POINTS = 2.0
"""By which the scores of two neighbours differ: less would be seen by nobody."""
_NEAR = 2  # crfs from the end of a curve, where it is known least


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A size and quality, and what comes of it."""

    size: int
    """Its place among the sizes; 0 is the largest."""
    crf: int
    bps: float
    """Bits per second on average, more than 0."""
    vmaf: float
    """At the size that it is shown at."""


def between(tried: Iterable[Point]) -> list[Point]:
    """Those that were tried, and each whole crf between two of a size: by curves of its score and log rate.

    Scores fall the faster the coarser a picture is: straight lines would tell too little of what lies between.
    """
    found: list[Point] = []
    for size, group in groupby(sorted(tried, key=_order), key=_size):
        own = list(group)
        crfs = [float(one.crf) for one in own]
        scores, rates = Curve(crfs, [one.vmaf for one in own]), Curve(crfs, [math.log(one.bps) for one in own])
        found.append(own[0])
        for i, (one, other) in enumerate(pairwise(own)):
            for crf in range(one.crf + 1, other.crf):
                found.append(Point(size=size, crf=crf, bps=math.exp(rates(crf, i)), vmaf=scores(crf, i)))
            found.append(other)
    return found


def hull(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points that neither another nor a mixture of two others beats; rates and scores rise, each step for less."""
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (one.bps, -one.vmaf, one.size, one.crf)):
        if found and point.vmaf <= found[-1].vmaf:
            continue
        if found and point.bps == found[-1].bps:  # sorted: it came first, and was better
            continue
        while len(found) > 1 and _slope(found[-2], found[-1]) <= _slope(found[-1], point):
            found.pop()
        found.append(point)
    return tuple(found)


def rungs(points: Sequence[Point], target: float, least_bps: float) -> tuple[Point, ...]:
    """Of what was tried, and lies between, those that players choose between, the best first: the hull's.

    The first is the cheapest that is as good as the target, or the best. Others follow as evenly as they go, at most
    MOST_APART times apart where there are points, down to `least_bps`; none that nobody would tell from the one above.
    Where the hull leaves a wide gap it is the best point within.
    """
    edge = hull(points)
    top = next((one for one in edge if one.vmaf >= target), edge[-1])
    last = max(least_bps, edge[0].bps)
    octaves = math.log(top.bps / last, MOST_APART) if top.bps > last else 0.0
    count = min(MOST_RUNGS - 1, math.ceil(octaves - 1e-9))
    made = [top]
    for i in range(1, count + 1):
        wanted = top.bps * (last / top.bps) ** (i / count) * (1 + 1e-9)
        one = max((one for one in edge if one.bps <= wanted), key=lambda one: one.bps, default=edge[0])
        if one.bps * LEAST_APART < wanted:
            one = max((one for one in points if one.bps <= wanted), key=lambda one: one.vmaf, default=one)
        if made[-1].bps >= LEAST_APART * one.bps and made[-1].vmaf >= one.vmaf + LEAST_POINTS:
            made.append(one)
    return tuple(made)


def finer(tried: Collection[Point], target: float, finest: int) -> tuple[int, int] | None:
    """What is to be tried besides, as size and crf, so that the first rung is known well; None: nothing.

    The finest of the largest size where nothing is good enough; then the first rung itself, where it lies between.
    """
    if all(one.vmaf < target for one in tried):
        return None if any((one.size, one.crf) == (0, finest) for one in tried) else (0, finest)
    top = next(one for one in hull(between(tried)) if one.vmaf >= target)
    known = {(one.size, one.crf) for one in tried}
    return None if (top.size, top.crf) in known else (top.size, top.crf)


def wider(tried: Collection[Point], target: float, least_bps: float, crfs: range) -> list[tuple[int, int]]:
    """What is to be tried besides, as sizes and crfs: where the hull changes size at an end of what was tried of it.

    The smaller one may be worth its bits at a finer quality, too, the larger one at a coarser. `crfs`: those that an
    encoder may be asked for, in steps of a try.
    """
    ends = {size: [one.crf for one in group] for size, group in groupby(sorted(tried, key=_order), key=_size)}
    edge = hull(between(tried))
    top = next((i for i, one in enumerate(edge) if one.vmaf >= target), len(edge) - 1)
    found = []
    for one, other in pairwise(edge[: top + 1]):
        if one.size == other.size or other.bps <= least_bps:
            continue
        first, last = ends[one.size][0], ends[other.size][-1]
        if one.crf - first <= _NEAR and first > crfs.start:
            found.append((one.size, max(crfs.start, first - crfs.step)))
        if last - other.crf <= _NEAR and last < crfs.stop - 1:
            found.append((other.size, min(crfs.stop - 1, last + crfs.step)))
    return list(dict.fromkeys(found))


def _order(one: Point) -> tuple[int, int]:
    return one.size, one.crf


def _size(one: Point) -> int:
    return one.size


def _slope(one: Point, other: Point) -> float:
    return (other.vmaf - one.vmaf) / (other.bps - one.bps)
