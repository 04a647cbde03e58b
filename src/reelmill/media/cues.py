"""Whether a file of captions can be shown as it is written: it is text, and no caption ends before it begins. Pure.

Of one that ends before it begins readers make none, and say nothing: words would be lost in silence.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from reelmill.media.diagnosis import AGAIN, Diagnosis

_CLOCK = r"(?:(\d+):)?(\d+):(\d\d)[.,](\d{1,3})"
_ARROW = re.compile(rf"{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}")
_DIALOGUE = re.compile(
    r"^Dialogue:[^,\n]*,\s*(\d+):(\d+):(\d\d)[.:](\d{1,3}),\s*(\d+):(\d+):(\d\d)[.:](\d{1,3}),", re.M
)
_TIMED = re.compile(r"<(?:\w+:)?(?:p|span|div|body)\s[^<>]*>")
_BEGIN, _END = (re.compile(rf"\s{name}\s*=\s*[\"']([^\"']*)[\"']") for name in ("begin", "end"))
_TTML_CLOCK, _OFFSET = re.compile(r"(\d+):(\d\d):(\d\d)((?:[.:]\d+)?)"), re.compile(r"(\d+(?:\.\d+)?)(h|m|s|ms|f|t)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_OF_SECONDS = {"", "clock"}
_NO_TEXT = re.compile(r"[^\t\n\v\f\r\x1a -\x7e\x80-\U0010ffff]|\ufffd")
_FEW, _SHARE = 8, 100
_TIMES = (
    "Mend their times in a program for captions, and submit the file again: the last of the two times of each is when"
    " it goes."
)


class _Cue(NamedTuple):
    at: int
    """Where its times stand in the text."""
    backwards: bool


def problem(text: str, kind: str) -> Diagnosis | None:
    """What is wrong with captions of a kind (a key of texts.FORMATS)."""
    strange = len(_NO_TEXT.findall(text))
    if strange > _FEW and strange * _SHARE > len(text):
        cause = (
            f"the file begins as captions ({kind.upper()}), and is no text: {strange} of {len(text)} letters are none"
        )
        return Diagnosis(kind="captions_unreadable", code="INPUT_CORRUPT", cause=cause, remedy=f"{AGAIN}.")
    found = list(_READERS[kind](text)) if kind in _READERS else []
    wrong = [i for i, cue in enumerate(found) if cue.backwards]
    if not wrong:
        return None
    line = text.count("\n", 0, found[wrong[0]].at) + 1
    first = f"caption {wrong[0] + 1}, in line {line}"
    many = f"{len(wrong)} of {len(found)} captions end before they begin, the first of them {first}"
    cause = f"the captions can't be shown: {many if len(wrong) > 1 else f'{first}, ends before it begins'}"
    return Diagnosis(kind="captions_unreadable", code="INPUT_CORRUPT", cause=cause, remedy=_TIMES)


def _by_clock(pattern: re.Pattern[str]) -> Callable[[str], Iterator[_Cue]]:
    def read(text: str) -> Iterator[_Cue]:
        for found in pattern.finditer(text):
            times = found.groups()
            yield _Cue(found.start(), _milliseconds(*times[4:]) < _milliseconds(*times[:4]))

    return read


def _milliseconds(hours: str | None, minutes: str, seconds: str, rest: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest.ljust(3, "0"))


def _of_ttml(text: str) -> Iterator[_Cue]:
    """By TTML 2, 12.3: both times count from the same; frames and ticks are held against their like alone."""
    for element in _TIMED.finditer(text):
        begin, end = (_moment(pattern.search(element[0])) for pattern in (_BEGIN, _END))
        if begin and end:
            if begin[0] == end[0]:
                yield _Cue(element.start(), end[1:] < begin[1:])
            elif {begin[0], end[0]} <= _OF_SECONDS:
                yield _Cue(element.start(), int(end[1]) < int(begin[1]))


def _moment(told: re.Match[str] | None) -> tuple[str, float, float] | None:
    """A unit (empty: seconds), and so many of it; of a clock also what stands behind its seconds."""
    value = told[1].strip() if told else ""
    if (clock := _TTML_CLOCK.fullmatch(value)) is not None:
        seconds, rest = (int(clock[1]) * 60 + int(clock[2])) * 60 + int(clock[3]), clock[4]
        return ("clock", seconds, int(rest[1:])) if rest[:1] == ":" else ("", seconds + float(f"0{rest}"), 0)
    if (offset := _OFFSET.fullmatch(value)) is not None:
        scale = _SECONDS.get(offset[2])
        return ("", float(offset[1]) * scale, 0) if scale else (offset[2], float(offset[1]), 0)
    return None


_READERS: dict[str, Callable[[str], Iterator[_Cue]]] = {
    "srt": _by_clock(_ARROW),
    "webvtt": _by_clock(_ARROW),
    "ass": _by_clock(_DIALOGUE),
    "ttml": _of_ttml,
}
"""SCC tells when captions come and go by commands alone, and knows no such pair."""
