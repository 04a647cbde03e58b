"""The hull of what was tried: nothing on it is beaten, and a ladder has no rung that nobody needs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.hull import (
    LEAST_APART,
    LEAST_POINTS,
    MOST_APART,
    MOST_RUNGS,
    Point,
    between,
    finer,
    hull,
    rungs,
    wider,
)

points = st.lists(
    st.builds(
        Point,
        size=st.integers(0, 4),
        crf=st.integers(10, 50),
        bps=st.floats(1e3, 1e8),
        vmaf=st.floats(0, 100),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda one: (one.size, one.crf),
)
targets, floors = st.floats(20, 99), st.floats(1e3, 1e7)


def at(size: int, crf: int, bps: float, vmaf: float) -> Point:
    return Point(size=size, crf=crf, bps=bps, vmaf=vmaf)


FILM = [
    *(at(0, 18, 8e6, 98), at(0, 25, 4e6, 94), at(0, 32, 2e6, 84)),
    *(at(1, 25, 1.8e6, 86), at(1, 32, 0.9e6, 75), at(1, 39, 0.45e6, 58)),
    *(at(2, 25, 0.7e6, 65), at(2, 32, 0.35e6, 54), at(2, 39, 0.17e6, 38)),
]


@given(points)
def test_the_hull_rises_and_bends_and_nothing_lies_above_it(tried: list[Point]) -> None:
    edge = hull(tried)
    assert edge and set(edge) <= set(tried)
    for one, other in pairwise(edge):
        assert one.bps < other.bps and one.vmaf < other.vmaf
    slopes = [(other.vmaf - one.vmaf) / (other.bps - one.bps) for one, other in pairwise(edge)]
    assert all(one >= other for one, other in pairwise(slopes))
    assert max(one.vmaf for one in tried) == edge[-1].vmaf
    assert min(one.bps for one in tried) == edge[0].bps
    for point in tried:  # for its rate, the hull has at least its score
        below = [one for one in edge if one.bps <= point.bps]
        above = [one for one in edge if one.bps > point.bps]
        best = below[-1].vmaf
        if above:
            one, other = below[-1], above[0]
            best += (point.bps - one.bps) / (other.bps - one.bps) * (other.vmaf - one.vmaf)
        assert point.vmaf <= best + 1e-6


@given(points, targets, floors)
def test_a_ladder_falls_and_has_no_needless_rung(tried: list[Point], target: float, floor: float) -> None:
    edge = hull(tried)
    made = rungs(tried, target, floor)
    assert 1 <= len(made) <= MOST_RUNGS and set(made) <= set(tried)
    for one in set(made) - set(edge):  # in a wide gap of the hull, the best there is
        assert not any(one.bps <= other.bps < one.bps * LEAST_APART and other.vmaf >= one.vmaf for other in edge)
        assert one.vmaf == max(other.vmaf for other in tried if other.bps <= one.bps)
    good = [one for one in edge if one.vmaf >= target]
    assert made[0] == (good[0] if good else edge[-1])
    for one, other in pairwise(made):
        assert one.bps >= LEAST_APART * other.bps and one.vmaf >= other.vmaf + LEAST_POINTS


@given(points)
def test_what_is_between_lies_between(tried: list[Point]) -> None:
    found = between(tried)
    assert set(tried) <= set(found)
    assert len({(one.size, one.crf) for one in found}) == len(found)
    for size in {one.size for one in tried}:
        own = [one for one in tried if one.size == size]
        mine = [one for one in found if one.size == size]
        crfs = [one.crf for one in own]
        assert sorted(one.crf for one in mine) == list(range(min(crfs), max(crfs) + 1))
        least, most = min(one.bps for one in own), max(one.bps for one in own)
        assert all(least * (1 - 1e-9) <= one.bps <= most * (1 + 1e-9) for one in mine)


def curves(films: list[tuple[float, float, float, float]]) -> list[Point]:
    """Of each size four qualities: coarser ones have less of both, by even shares."""
    return [
        at(size, crf, bps * share ** (crf - 18), max(0.0, vmaf - less * (crf - 18)))
        for size, (bps, vmaf, share, less) in enumerate(films)
        for crf in (18, 25, 32, 39)
    ]


sizes = st.tuples(st.floats(1e5, 1e8), st.floats(40, 100), st.floats(0.8, 0.97), st.floats(0.2, 3))


@given(st.lists(sizes, min_size=1, max_size=5).map(curves), targets)
def test_the_first_rung_is_known_to_one_crf_after_three_further_tries(tried: list[Point], target: float) -> None:
    known = list(tried)
    for _ in range(3):
        if (more := finer(known, target, 10)) is None:
            return
        assert more not in {(one.size, one.crf) for one in known}
        guess = next((one for one in between(known) if (one.size, one.crf) == more), None)
        known.append(guess or at(*more, bps=2e8, vmaf=99.5))
    size, crf = finer(known, target, 10) or (known[-1].size, known[-1].crf)
    assert any(one.size == size and abs(one.crf - crf) <= 1 for one in known)


@given(points, targets, floors)
def test_beyond_the_ends_is_tried_only_where_the_hull_goes_over_to_another_size(
    tried: list[Point], target: float, floor: float
) -> None:
    crfs = range(10, 52, 7)
    more = wider(tried, target, floor, crfs)
    changes = sum(one.size != other.size for one, other in pairwise(hull(between(tried))))
    assert len(set(more)) == len(more) <= 2 * changes
    for size, crf in more:
        own = [one.crf for one in tried if one.size == size]
        assert crfs.start <= crf < crfs.stop and not min(own) <= crf <= max(own)
        assert min(abs(crf - min(own)), abs(crf - max(own))) <= crfs.step


def test_a_smaller_size_is_tried_finer_where_it_may_be_worth_its_bits() -> None:
    large = [at(0, 18, 2e6, 97), at(0, 25, 6e5, 93), at(0, 32, 3e5, 84)]
    small = [at(1, 25, 1.6e5, 85), at(1, 32, 8e4, 70)]
    assert wider([*large, *small], 95, 1e5, range(10, 52, 7)) == [(1, 18)]
    found = [*large, *small, at(1, 18, 3e5, 90)]
    assert wider(found, 95, 1e5, range(10, 52, 7)) == [(1, 11)]  # it is best there, too
    worse = [*large, *small, at(1, 18, 5e5, 86)]
    assert wider(worse, 95, 1e5, range(10, 52, 7)) == []
    assert wider([*large, *small], 80, 1e5, range(10, 52, 7)) == []  # no rung lies beyond the first one
    assert wider([*large, *small], 95, 7e5, range(10, 52, 7)) == []  # none below the least rate


def test_a_larger_size_is_tried_coarser_where_it_may_be_worth_its_bits() -> None:
    large = [at(0, 18, 8e5, 97), at(0, 25, 4e5, 94), at(0, 32, 2e5, 90)]
    small = [at(1, 18, 3e5, 80), at(1, 25, 1.2e5, 75), at(1, 32, 6e4, 60)]
    assert wider([*large, *small], 95, 5e4, range(10, 52, 7)) == [(0, 39)]


def test_each_rate_has_the_size_that_is_best_there() -> None:
    made = rungs(between(FILM), 93, 200_000)
    assert [one.size for one in made] == sorted(one.size for one in made)
    assert {one.size for one in made} == {0, 1, 2}
    assert made[0].size == 0 and 93 <= made[0].vmaf < 94.1
    assert made[-1].bps <= 250_000
    for one, other in pairwise(made):
        assert one.bps / other.bps <= MOST_APART * 1.3


def test_an_easy_film_has_few_rungs() -> None:
    easy = [at(one.size, one.crf, one.bps / 20, min(100.0, one.vmaf + 2)) for one in FILM]
    assert len(rungs(between(easy), 93, 150_000)) <= 2
    [only] = rungs(between(easy), 93, 1e6)
    assert only.vmaf >= 93


def test_a_gap_of_the_hull_is_filled_by_the_best_there_is() -> None:
    top, low, beside, worse = at(0, 20, 8e5, 96), at(1, 25, 1e5, 80), at(0, 30, 2.8e5, 83), at(1, 20, 2.8e5, 82)
    assert hull([top, low, beside, worse]) == (low, top)
    assert rungs([top, low, beside, worse], 95, 1e5) == (top, beside, low)


def test_scores_between_bend_as_those_of_films_do() -> None:
    """360 lines of a real one, of which crf 23 was measured besides: 90.5 at 396 kbit/s."""
    tried = [at(0, 18, 780e3, 96.0), at(0, 25, 297e3, 87.0), at(0, 32, 112e3, 67.3)]
    [one] = [one for one in between(tried) if one.crf == 23]
    assert abs(one.vmaf - 90.5) < 0.3 and abs(one.bps - 396e3) < 10e3


def test_what_nobody_would_tell_apart_is_one_rung() -> None:
    near, nearly, far = at(0, 20, 4e6, 95.5), at(0, 28, 2e6, 94.6), at(1, 30, 5e5, 80)
    assert rungs([near, nearly, far], 95, 2e5) == (near, far)


def test_a_target_that_nothing_reaches_gives_the_best() -> None:
    assert finer(FILM, 99, 10) == (0, 10)
    tried = [*FILM, at(0, 10, 2e7, 98.5)]
    assert finer(tried, 99, 10) is None
    assert rungs(between(tried), 99, 2e5)[0] == tried[-1]
