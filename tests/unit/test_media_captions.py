"""Captions of each format become each other one."""

import re

import pytest

from reelmill.media.texts import FORMATS, Order, decoded, kind_of
from reelmill.media.tools.captions import MOST_LINES, converted
from reelmill.media.tools.kit import Refused

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello, <i>you</i>\n\n2\n00:00:04,000 --> 00:00:06,000\nTwo\nlines\n\n"
VTT = (
    "WEBVTT\n\nNOTE by Ada\n\n00:01.000 --> 00:02.500 line:0\nHello, <i>you</i>\n\n"
    "00:04.000 --> 00:06.000\nTwo\nlines\n"
)
TTML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"'
    ' xmlns:tts="http://www.w3.org/ns/ttml#styling"><body><div>'
    '<p begin="1s" end="2.5s">Hello, <span tts:fontStyle="italic">you</span></p>'
    '<p begin="4s" end="6s">Two<br/>lines</p></div></body></tt>'
)
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV,"
    " Effect, Text\nComment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,a secret note\n"
    "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,Hello, {\\i1}you{\\i0}\n"
    "Dialogue: 0,0:00:04.00,0:00:06.00,Default,,0,0,0,,Two\\Nlines\n"
)
FILES = {"srt": SRT, "webvtt": VTT, "ttml": TTML, "ass": ASS}


def lines(text: str) -> list[tuple[str, str, str]]:
    """Times and words of an SRT."""
    return re.findall(r"(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})\n(.*?)\n(?:\n|$)", text, re.DOTALL)


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("target", ["srt", "webvtt", "ttml", "ass"])
def test_each_becomes_each_other_one_with_its_times_words_and_italics(source: str, target: str) -> None:
    made = converted(FILES[source], Order(source=source, target=target))
    assert kind_of(made.encode()) == target
    assert "secret" not in made and "Ada" not in made
    back = converted(made, Order(source=target, target="srt"))
    assert lines(back) == [
        ("00:00:01,000", "00:00:02,500", "Hello, <i>you</i>"),
        ("00:00:04,000", "00:00:06,000", "Two\nlines"),
    ]


def test_broadcasters_captions_are_read() -> None:
    scc = "Scenarist_SCC V1.0\n\n00:00:01:00\t9420 9420 9470 9470 c8e5 ecec efae 942f 942f\n\n00:00:03:00\t942c 942c\n"
    made = converted(scc, Order(source="scc", target="srt"))
    assert [line[2] for line in lines(made)] == ["Hello."]


def test_a_trim_keeps_what_is_shown_in_it_and_a_shift_moves_it() -> None:
    cut = converted(SRT, Order(source="srt", target="srt", start=2000, end=5000))
    assert [line[:2] for line in lines(cut)] == [("00:00:00,000", "00:00:00,500"), ("00:00:02,000", "00:00:03,000")]
    late = converted(SRT, Order(source="srt", target="srt", shift=1500))
    assert [line[0] for line in lines(late)] == ["00:00:02,500", "00:00:05,500"]
    early = converted(SRT, Order(source="srt", target="srt", shift=-2000))
    assert [line[:2] for line in lines(early)] == [("00:00:00,000", "00:00:00,500"), ("00:00:02,000", "00:00:04,000")]
    gone = converted(SRT, Order(source="srt", target="webvtt", shift=-3000))
    assert gone.count("-->") == 1


def test_a_trim_past_all_captions_of_a_file_is_refused_and_of_a_film_is_not() -> None:
    for source in ("srt", "webvtt", "ass"):
        with pytest.raises(Refused, match="start_seconds \\(60\\) lies past the end: the last caption ends at 6 s"):
            converted(FILES[source], Order(source=source, target="webvtt", start=60_000, alone=True))
        with pytest.raises(Refused, match="shift_seconds \\(-9\\) moves all captions before the beginning"):
            converted(FILES[source], Order(source=source, target="webvtt", shift=-9000, alone=True))
        assert "-->" not in converted(FILES[source], Order(source=source, target="webvtt", start=60_000))
        within = Order(source=source, target="webvtt", start=3000, end=3500, alone=True)
        assert "-->" not in converted(FILES[source], within)


def test_words_of_a_file_are_not_quoted() -> None:
    for source, text in (
        ("ass", ASS.replace("0:00:01.00", "secret")),
        ("scc", "Scenarist_SCC V1.0\n\n00:00:01:00\tsecret\n"),
    ):
        with pytest.raises(Refused, match=f"can't be read as {source}") as told:
            converted(text, Order(source=source, target="srt"))
        assert "secret" not in str(told.value)


def test_what_can_not_be_read_is_refused() -> None:
    with pytest.raises(Refused, match="no captions"):
        converted("1\n", Order(source="srt", target="webvtt"))
    with pytest.raises(Refused, match="can't be read as ttml"):
        converted("<tt><body>", Order(source="ttml", target="webvtt"))
    with pytest.raises(Refused, match="declare entities"):
        converted('<!DOCTYPE tt [<!ENTITY a "b">]>' + TTML, Order(source="ttml", target="srt"))
    many = "".join(f"{i}\n00:00:01,000 --> 00:00:02,000\nx\n\n" for i in range(MOST_LINES + 1))
    with pytest.raises(Refused, match="50000 is the most"):
        converted(many, Order(source="srt", target="srt"))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (SRT.encode(), "srt"),
        (b"\xef\xbb\xbf" + SRT.encode(), "srt"),
        (SRT.encode("utf-16"), "srt"),
        (SRT.encode("utf-16-le"), "srt"),
        (SRT.replace("\n", "\r\n").encode(), "srt"),
        (VTT.encode(), "webvtt"),
        (ASS.encode(), "ass"),
        (TTML.encode(), "ttml"),
        (b"<!-- x --><tt:tt xmlns:tt='a'>", "ttml"),
        (b"Scenarist_SCC V1.0\n\n", "scc"),
        (b"just some text", None),
        (b"<html><tt>", None),
        (b"\x00\x00\x00\x20ftypisom", None),
        (b"", None),
    ],
)
def test_captions_are_known_by_how_they_begin(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind
    assert kind is None or kind in FORMATS


def test_words_of_any_writer_are_read() -> None:
    assert decoded("é".encode("cp1252") + b" and more words") == "é and more words"
    assert decoded("für €".encode()[:-1]) == "für "  # a head that was cut in the middle of a character
