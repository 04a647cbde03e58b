"""Captions that end before they begin, and files that only begin as captions."""

import random

import pytest
from unit.test_media_captions import FILES

from reelmill.media.cues import problem
from reelmill.media.texts import kind_of

_HEAD = '<tt xmlns="http://www.w3.org/ns/ttml"><body><div>\n'
_ASS = "[Script Info]\n\n[Events]\nDialogue: 0,{},{},Default,,0,0,0,,Words\n"


@pytest.mark.parametrize("kind", FILES)
def test_nothing_is_told_of_captions_that_are_well(kind: str) -> None:
    assert problem(FILES[kind], kind) is None


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\nA\n\n2\n00:00:05,000 --> 00:00:04,999\nB\n", "caption 2, in line 6"),
        ("srt", "1\n00:00:05,000 --> 00:00:04,000\nA\n\n2\n00:00:05,000 --> 00:00:04,000\nB\n", "2 of 2 captions end"),
        ("srt", "1\n1:00:00,5 --> 0:59:59,9\nA\n", "caption 1, in line 2"),
        ("webvtt", "WEBVTT\n\n00:05.000 --> 00:04.000 line:0\nA\n", "caption 1, in line 3"),
        ("ass", _ASS.format("0:00:05.00", "0:00:04.99"), "caption 1, in line 4"),
        ("ttml", _HEAD + '<p begin="5s" end="4500ms">A</p>', "caption 1, in line 2"),
        ("ttml", _HEAD + "<p end='00:00:04' begin='00:00:05.5'>A</p>", "caption 1, in line 2"),
        ("ttml", _HEAD + '<tt:p begin="00:00:05:12" end="00:00:05:11">A</tt:p>', "caption 1, in line 2"),
        ("ttml", _HEAD + '<p begin="90t" end="89t">A</p>', "caption 1, in line 2"),
    ],
)  # fmt: skip
def test_one_that_ends_before_it_begins_is_told_by_its_line(kind: str, text: str, told: str) -> None:
    found = problem(text, kind)
    assert found is not None and found.kind == "captions_unreadable" and told in found.cause
    assert "before" in found.cause and "Words" not in found.cause


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("srt", "1\n00:00:05,000 --> 00:00:05,000\nA\n"),  # of no length
        ("ass", _ASS.format("0:00:05.00", "0:00:05.00")),
        ("ttml", _HEAD + '<p begin="5s" dur="1s">A</p><p begin="90t" end="2s">B</p><p begin="soon" end="1s">C</p>'),
        ("ttml", _HEAD + '<p begin="00:00:05:12" end="00:00:06">A</p>'),
        ("scc", "Scenarist_SCC V1.0\n\n23:59:59:00\t942c 942c\n\n00:00:00:00\t942c 942c\n"),  # past midnight
    ],
)
def test_times_that_may_be_are_left_alone(kind: str, text: str) -> None:
    assert problem(text, kind) is None


def test_what_only_begins_as_captions_is_told() -> None:
    rest = random.Random(1).randbytes(3000).decode("cp1252", errors="replace")
    found = problem("1\n00:00:01,000 --> 00:00:02,000\n" + rest, "srt")
    assert found is not None and "is no text" in found.cause
    assert problem("1\n00:00:01,000 --> 00:00:02,000\nсубтитры 字幕 ترجمة \x7f\n", "srt") is None


def test_captions_without_numbers_are_known() -> None:
    assert kind_of(b"00:00:01,000 --> 00:00:02,000\nHello\n") == "srt"
