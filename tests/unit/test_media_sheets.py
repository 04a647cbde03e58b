"""The WebVTT file of sprite sheets: cells, cues and true times."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.tools.kit import Refused
from reelmill.media.tools.sheets import Layout, read, vtt

SECOND = 1_000_000
FIRST = 7 * SECOND  # of the first cell, as ffmpeg counts
CUE = re.compile(r"(\d\d):(\d\d):(\d\d\.\d\d\d) --> (\d\d):(\d\d):(\d\d\.\d\d\d)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n")


def layout(cells: int, interval: float = SECOND, begin: int = 0, end: int = 100 * SECOND) -> Layout:
    return Layout(
        cells=cells,
        columns=2,
        rows=2,
        width=10,
        height=6,
        interval=interval,
        first=FIRST,
        begin=begin,
        end=end,
        sheet="o-{}.jpg",
    )


def cues(text: str) -> list[tuple[float, float, str, int, int]]:
    """When each begins and ends, in seconds, its sheet and where it lies there."""
    assert text.startswith("WEBVTT\n\n")
    found = []
    for h, m, s, h2, m2, s2, sheet, left, top, wide, high in CUE.findall(text):
        assert (wide, high) == ("10", "6")
        begin, end = (int(a) * 3600 + int(b) * 60 + float(c) for a, b, c in ((h, m, s), (h2, m2, s2)))
        found.append((begin, end, sheet, int(left), int(top)))
    assert len(found) == text.count("-->")
    return found


def test_a_cue_has_its_frames_own_times_and_cells_that_show_the_same_are_one() -> None:
    text = vtt([FIRST, FIRST + round(2.4 * SECOND), FIRST + 4 * SECOND], layout(6, begin=SECOND, end=8 * SECOND))
    assert cues(text) == [
        (0.0, 3.4, "o-0001.jpg", 0, 0),  # from the film's beginning on
        (3.4, 5.0, "o-0001.jpg", 10, 6),  # the fourth cell, at 3 s of the picture
        (5.0, 8.0, "o-0002.jpg", 0, 0),
    ]


def test_what_ffmpeg_printed_is_read() -> None:
    assert list(read("frame:0    pts:-40000  pts_time:-0.04\nshown=1\nframe:1    pts:1234567 pts_time:1.2\n")) == [
        -40000,
        1234567,
    ]


def test_without_a_picture_there_is_nothing_to_tell() -> None:
    with pytest.raises(Refused, match="no picture"):
        vtt([], layout(1))


@given(st.lists(st.integers(-SECOND, 50 * SECOND), min_size=1, max_size=30), st.integers(1, 40))
def test_cues_follow_each_other_and_each_shows_what_is_on_the_screen(keys: list[int], cells: int) -> None:
    found = cues(vtt([FIRST + key for key in keys], layout(cells, begin=2 * SECOND)))
    assert found[0][0] == 0 and found[-1][1] == 100
    for one, other in itertools.pairwise(found):
        assert one[1] == other[0] and one[0] <= one[1]
    for begin, _, sheet, left, top in found[1:]:
        cell = (int(sheet[2:6]) - 1) * 4 + top // 6 * 2 + left // 10
        last = max(key for key in keys if key <= cell * SECOND)
        assert begin == pytest.approx(last / SECOND + 2, abs=0.001)
