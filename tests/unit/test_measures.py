"""What work took, as histograms, and the ranges that come out of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.measures import (
    BINS,
    Kind,
    Measure,
    Range,
    Rates,
    bin_of,
    count,
    mean,
    merged,
    spread,
)

measures = st.sampled_from(list(Measure))
histograms = st.lists(st.one_of(st.just(0.0), st.floats(0, 1e6)), min_size=BINS, max_size=BINS)


def histogram(*ratios: float) -> list[float]:
    bins = [0.0] * BINS
    for ratio in ratios:
        place = bin_of(ratio)
        assert place is not None
        bins[place] += 1
    return bins


@given(measures, histograms)
def test_a_range_contains_what_is_likely_and_is_more_than_nothing(measure: Measure, bins: list[float]) -> None:
    found = spread(measure, bins)
    assert 0 < found.least <= found.likely <= found.most < math.inf


@given(st.floats())
def test_any_number_has_a_place_or_none(ratio: float) -> None:
    place = bin_of(ratio)
    assert (place is None) == (not 0 < ratio < math.inf)
    assert place is None or 0 <= place < BINS


@given(st.floats(2**-11, 2**11), st.integers(1, 50), measures)
def test_what_was_measured_again_and_again_is_likely(ratio: float, times: int, measure: Measure) -> None:
    found = spread(measure, histogram(*[ratio] * times))
    assert found.likely == pytest.approx(ratio, rel=0.1)
    assert mean(histogram(*[ratio] * times)) == pytest.approx(ratio, rel=0.1)


def test_before_anything_is_measured_reckoning_is_believed_within_some_octaves() -> None:
    found = spread(Measure.CPU)
    assert found.likely == pytest.approx(1, rel=0.01)
    assert (found.least, found.most) == (pytest.approx(2**-1.28, rel=0.03), pytest.approx(2**1.28, rel=0.03))
    assert spread(Measure.BYTES).most > spread(Measure.WALL).most > found.most


def test_one_that_stood_still_moves_nothing_and_many_make_sure() -> None:
    one, many = spread(Measure.CPU, histogram(2.0)), spread(Measure.CPU, histogram(*[2.0] * 50, 1000.0))
    assert many.likely == pytest.approx(2, rel=0.06)
    assert many.most / many.least < one.most / one.least


def test_several_builds_are_one_and_what_is_no_histogram_is_left_out() -> None:
    both = merged([(1.0, histogram(1.0)), (0.25, histogram(4.0, 4.0))])
    assert count(both) == 1.5
    broken = [histogram(1.0)[1:], [math.nan] * BINS, [-1.0] * BINS, [math.inf] * BINS, []]
    assert merged([(1.0, histogram(1.0)), *((1.0, bins) for bins in broken)]) == histogram(1.0)
    assert mean(merged([])) == 0


def test_rates_are_of_their_kind_and_measure() -> None:
    kind = Kind("transcode", "H264", "FAST")
    rates = Rates({(kind, Measure.CPU): histogram(4.0, 4.0, 4.0)})
    assert rates.known(kind, Measure.CPU) == 3 and rates.known(kind, Measure.WALL) == 0
    assert rates.spread(kind, Measure.CPU).likely == pytest.approx(4, rel=0.06)
    assert rates.spread(Kind("transcode", "H264", "SLOW"), Measure.CPU) == spread(Measure.CPU)


@given(*[st.floats(0, 1e9)] * 3, st.floats(0, 1e3))
def test_ranges_add_and_multiply_in_order(a: float, b: float, c: float, factor: float) -> None:
    least, likely, most = sorted((a, b, c))
    both = (Range(least=least, likely=likely, most=most) + Range(least=a, likely=a, most=a)).times(factor)
    assert 0 <= both.least <= both.likely <= both.most
    assert both.each(math.sqrt).likely == math.sqrt(both.likely)
