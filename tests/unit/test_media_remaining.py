"""How long what runs still has."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.measures import Range
from reelmill.media.remaining import left, own, pace

shares = st.floats(0, 1)
seconds = st.floats(0, 1e7)
anything = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    least, likely, most = sorted(draw(st.lists(seconds, min_size=3, max_size=3)))
    return Range(least=least, likely=likely, most=most)


def ordered(found: Range) -> bool:
    return 0 <= found.least <= found.likely * (1 + 1e-9) <= found.most * (1 + 1e-8) < math.inf


@given(ranges(), shares, anything, anything, anything)
def test_a_range_stays_one_whatever_the_clock_says(
    expected: Range, share: float, elapsed: float, first: float, moved: float
) -> None:
    for one in (share, math.nan):
        assert ordered(own(expected, share=one, elapsed=elapsed, first=first, moved=moved))


@given(ranges(), ranges(), st.floats(1 / 16, 16))
def test_what_follows_adds_to_it(running: Range, later: Range, factor: float) -> None:
    found = left(running, [later], factor)
    assert ordered(found) and found.likely >= running.likely


@given(anything, anything)
def test_a_pace_is_a_factor(expected: float, took: float) -> None:
    assert 1 / 16 <= pace(expected, took) <= 16


def test_before_anything_is_seen_it_is_as_reckoned_and_later_as_it_goes() -> None:
    expected = Range(least=50, likely=100, most=200)
    assert own(expected, share=0, elapsed=5, first=5, moved=0) == expected
    halfway = own(expected, share=0.5, elapsed=10, first=0, moved=10)
    assert (halfway.likely, halfway.least, halfway.most) == pytest.approx((10, 8, 12.5))
    little = own(expected, share=0.05, elapsed=1, first=0, moved=1)
    assert 19 < little.likely < 95, "between what is seen and what was reckoned"
    assert own(expected, share=1, elapsed=20, first=0, moved=20) == Range()


def test_the_time_until_the_first_frame_is_no_pace() -> None:
    expected = Range(least=1, likely=1, most=1)
    found = own(expected, share=0.5, elapsed=12, first=2, moved=12)
    assert found.likely == pytest.approx(9), "half of it took 10 s, and what it has in hand by then comes at once"


def test_frames_that_come_by_the_dozen_are_no_standstill() -> None:
    expected = Range(least=1, likely=1, most=1)
    found = [own(expected, share=0.5, elapsed=elapsed, first=0, moved=10).likely for elapsed in (10, 12, 25)]
    assert found == pytest.approx([10, 8, 0]), "what stood at a half after 10 s is further by now"


def test_a_pace_is_believed_the_longer_it_was_seen() -> None:
    assert pace(10, 20) == pytest.approx(2, rel=0.1)
    assert 1 < pace(0.1, 0.2) < 1.1
    assert pace(1, 1000) == pytest.approx(16, rel=0.01)
