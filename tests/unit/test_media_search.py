"""The search for a quality: the target is met where it can be, in few tries, and alike for the same scores."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs import job

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Needs, PlanContext, Quality, Tried
from reelmill.media.sampling import SAMPLE_SECONDS, samples
from reelmill.media.search import MOST_TRIES, chosen, next_try
from reelmill.media.targeting import score_of
from reelmill.media.validate import job_violations


def searched(score: Callable[[int], float], target: float, start: int = 23, least: int = 10, most: int = 47) -> dict:
    """All that was tried, in that order."""
    scores: dict[int, float] = {}
    while (q := next_try(scores, target, start=start, least=least, most=most)) is not None:
        assert q not in scores and least <= q <= most
        scores[q] = score(q)
        assert len(scores) <= MOST_TRIES
    return scores


def test_the_search_goes_by_a_straight_line_between_the_two_that_hold_the_target() -> None:
    scores = searched(lambda q: 100 - q, 70.0)
    assert list(scores) == [23, 35, 30] and chosen(scores, 70.0) == 30
    assert list(searched(lambda q: 95.1, 95.0)) == [23]  # near enough at once
    assert list(searched(lambda q: 50.0, 95.0)) == [23, 16, 13, 11, 10]
    assert chosen(searched(lambda q: 50.0, 95.0), 95.0) == 10


@given(
    st.lists(st.floats(0, 100), min_size=38, max_size=38),
    st.floats(20, 99),
    st.integers(10, 47),
)
def test_what_is_found_meets_the_target_where_anything_does(falls: list[float], target: float, start: int) -> None:
    by_quality = sorted(falls, reverse=True)  # coarser is never better
    scores = searched(lambda q: by_quality[q - 10], target, start=start)
    found = chosen(scores, target)
    assert found in scores
    if by_quality[0] < target:
        assert found == min(scores)
    elif any(score >= target for score in scores.values()):
        assert scores[found] >= target
        assert all(score < target for q, score in scores.items() if q > found)


def quality(place: int) -> Quality:
    made = PurePosixPath(f"{place}.mp4")
    return Quality(output="out", steps=(), made=made, scores=made, seconds=4, guess=Tried(vmaf=90))


def test_samples_that_would_change_nothing_are_not_tried() -> None:
    three = [quality(i) for i in range(3)]

    def known(*scores: float) -> PlanContext:
        return PlanContext(facts={one: Tried(vmaf=score) for one, score in zip(three, scores, strict=False)})

    assert score_of(three, known(), 90) == Needs(measurements=(three[0],))
    assert score_of(three, known(70), 90) == Needs(measurements=tuple(three[1:]))  # two of 100 make it 90
    assert score_of(three, known(69), 90) == 69
    assert score_of(three, known(80, 90, 100), 90) == 90
    failed = PlanContext(facts={three[0]: Failure(code="FFMPEG_FAILED", message="broke")})
    with pytest.raises(AttemptFailed, match="broke"):
        score_of(three, failed, 90)


@given(st.floats(0, 10_000), st.floats(0.05, 200_000))
def test_samples_lie_within_the_film_and_are_few(start: float, length: float) -> None:
    found = samples(start, length)
    assert 1 <= len(found) <= 8
    assert found[0][0] >= start and found[-1][1] <= start + length + 0.002
    for begin, end in found:
        assert 0 < end - begin <= max(SAMPLE_SECONDS * 3, SAMPLE_SECONDS) + 0.002
    assert all(one[1] <= other[0] + 0.002 for one, other in pairwise(found))


@pytest.mark.parametrize(("length", "count"), [(5, 1), (60, 3), (1000, 6), (100_000, 8)])
def test_long_films_have_more_samples(length: float, count: int) -> None:
    assert len(samples(0.0, length)) == count


CONTRADICT = {
    "crf": {"crf": 20},
    "bitrate_bps": {"bitrate_bps": 100_000},
    "frame_rate": {"frame_rate": 10},
    "copy": {"copy": "WHEN_POSSIBLE"},
    "fit": {"fit": "PAD", "width": 64, "height": 64},
    "target_vmaf": {"denoise": "LIGHT"},
}


@pytest.mark.parametrize("field", CONTRADICT)
def test_what_contradicts_a_target_is_refused(field: str) -> None:
    made = job("file:///a.mp4", {"name": "out", "transcode": {"video": {"target_vmaf": 90, **CONTRADICT[field]}}})
    assert [one.field for one in job_violations(made, "job")] == [f"job.outputs[0].transcode.video.{field}"]


def test_a_rung_has_no_target() -> None:
    made = job("file:///a.mp4", {"name": "out", "package": {"rungs": [{"target_vmaf": 90}]}})
    [wrong] = job_violations(made, "job")
    assert wrong.field == "job.outputs[0].package.rungs[0].target_vmaf"
    assert wrong.description.endswith("give crf, or target_vmaf of the package and no rungs")
