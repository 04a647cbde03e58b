"""What benchmarks compute from their rounds. Nothing here is timed."""

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

from benchmarks.rounds import alternate, median_ratio, percentile, ratios


def test_every_other_round_goes_backwards() -> None:
    order: list[str] = []

    def run(name: str) -> float:
        order.append(name)
        return float(len(order))

    told: list[tuple[str, float]] = []
    values = alternate({n: partial(run, n) for n in "abc"}, 3, lambda name, value: told.append((name, value)))
    assert "".join(order) == "abccbaabc"
    assert values == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}
    assert told == list(zip(order, range(1, 10), strict=True))


def test_ratios_pair_the_values_of_a_round() -> None:
    assert ratios([2, 9, 4], [1, 3, 8]) == [2, 3, 0.5]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_the_median_of_ratios_is_not_the_ratio_of_medians() -> None:
    ours, theirs = [10, 1, 6], [20, 1, 3]  # medians 6 and 3; ratios 0.5, 1, 2
    assert median_ratio(ours, theirs) == 1


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 5), (90, 9), (91, 10), (100, 10)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: int, value: float) -> None:
    assert percentile([10, *range(1, 10)], percent) == value


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
