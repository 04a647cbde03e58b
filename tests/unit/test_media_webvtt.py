"""WebVTT is read, cut and divided without losing a word or how it looks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media import webvtt
from reelmill.media.webvtt import Cue, Text

FILE = """\ufeffWEBVTT - a film

STYLE
::cue(i) { color: yellow }

NOTE nobody sees this

REGION
id:top
lines:3

intro
00:01.000 --> 00:02.500 line:10% align:start
<i>Hello</i> &amp; welcome

01:00:00.000 --> 01:00:05.000
- One
- <01:00:02.000>two

STYLE
::cue { color: red }

1:00:00.000 --> nowhere
lost

00:03.000 --> 00:02.000
backwards
"""
HELLO = Cue(1000, 2500, ("<i>Hello</i> &amp; welcome",), "line:10% align:start")
LATER = Cue(3_600_000, 3_605_000, ("- One", "- <01:00:02.000>two"))
LOOKS = ("STYLE\n::cue(i) { color: yellow }", "REGION\nid:top\nlines:3")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_what_is_shown_and_how_is_read(ends: str) -> None:
    assert webvtt.parsed(FILE.replace("\n", ends)) == Text((HELLO, LATER), LOOKS)


@pytest.mark.parametrize("text", ["", "1\n00:00:01,000 --> 00:00:02,000\nHello", "WEBVTTX\n", " WEBVTT"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        webvtt.parsed(text)


def test_more_than_anybody_reads_is_refused() -> None:
    cue = "\n\n00:00.000 --> 00:01.000\nx"
    with pytest.raises(ValueError, match="more than 50000"):
        webvtt.parsed("WEBVTT" + cue * (webvtt.MOST_CUES + 1))


def test_a_part_keeps_what_is_shown_in_it() -> None:
    text = Text((HELLO, LATER), LOOKS)
    assert webvtt.cut(text, 2000, 0, 0).cues == (
        Cue(0, 500, HELLO.lines, HELLO.settings),
        Cue(3_598_000, 3_603_000, ("- One", "- <01:00:00.000>two")),
    )
    assert webvtt.cut(text, 0, 1500, 250).cues == (Cue(1250, 1750, HELLO.lines, HELLO.settings),)
    assert webvtt.cut(text, 2500, 3_600_000, 0) == Text((), LOOKS)


said = st.lists(
    st.builds(
        lambda start, length, lines, settings: Cue(start, start + length, tuple(lines), settings),
        st.integers(0, 400_000_000),
        st.integers(1, 10**6),
        st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1).filter(
            lambda line: "-->" not in line and "\ufeff" not in line
        ), min_size=1, max_size=3),
        st.sampled_from(["", "line:0", "align:start size:50%"]),
    ),
    max_size=12,
)  # fmt: skip


@given(said)
def test_what_is_written_reads_back(cues: list[Cue]) -> None:
    text = Text(tuple(sorted(cues, key=lambda cue: (cue.start, cue.end))), LOOKS)
    assert webvtt.parsed(webvtt.written(text)) == text
    assert webvtt.parsed(webvtt.written(text, ("X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000",))) == text


def test_what_goes_on_over_a_seam_is_in_both_segments() -> None:
    text = Text((HELLO, LATER), LOOKS)
    assert webvtt.between(text, 0, 2000) == webvtt.between(text, 2000, 4000) == Text((HELLO,), LOOKS)
    assert webvtt.between(text, 2500, 4000).cues == () == webvtt.between(text, 0, 1000).cues


@given(said, st.lists(st.integers(1, 10**8), min_size=1, max_size=5))
def test_segments_have_all_that_is_shown_in_them(cues: list[Cue], lasts: list[int]) -> None:
    text = Text(tuple(cues))
    edges = [sum(lasts[:i]) for i in range(len(lasts) + 1)]
    found = [(begin, end, webvtt.between(text, begin, end).cues) for begin, end in pairwise(edges)]
    for begin, end, shown in found:
        assert all(cue in shown for cue in cues if begin <= cue.start < end)
    assert {cue for _, _, shown in found for cue in shown} == {cue for cue in cues if cue.start < edges[-1]}
