"""What was heard of speech, as text with times: WebVTT, SRT, JSON. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A word, with the punctuation at it; seconds."""

    start_seconds: float
    end_seconds: float
    text: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """What is shown at once."""

    start_seconds: float
    end_seconds: float
    text: str
    words: tuple[Word, ...] = ()


def ordered(segments: Sequence[Segment], seconds: float) -> list[Segment]:
    """Those that have text, none before the one before it has ended, none behind the sound's end."""
    found: list[Segment] = []
    last = 0.0
    for one in segments:
        start, end = max(last, one.start_seconds), min(one.end_seconds, seconds)
        if not one.text.strip() or _milliseconds(end) <= _milliseconds(start):
            continue
        found.append(
            Segment(start_seconds=start, end_seconds=end, text=one.text.strip(), words=_within(one.words, start, end))
        )
        last = end
    return found


def _within(words: Sequence[Word], start: float, end: float) -> tuple[Word, ...]:
    """Words with times that never go back, within their segment."""
    found: list[Word] = []
    last = start
    for word in words:
        begin = min(end, max(last, word.start_seconds))
        until = min(end, max(begin, word.end_seconds))
        found.append(Word(start_seconds=begin, end_seconds=until, text=word.text.strip(), probability=word.probability))
        last = begin
    return tuple(word for word in found if word.text)


def webvtt(segments: Sequence[Segment], *, words: bool) -> str:
    """WebVTT, with the time of each word in its place if it is asked for (W3C, WebVTT, 3.4: timestamps in cues)."""
    cues = ["WEBVTT\n"]
    for one in segments:
        text = " ".join(_timed(one)) if words and one.words else _escaped(one.text)
        cues.append(f"{_clock(one.start_seconds, '.')} --> {_clock(one.end_seconds, '.')}\n{text}\n")
    return "\n".join(cues)


def _timed(segment: Segment) -> list[str]:
    """Words; the time of one that begins with its cue says nothing, and neither does one that was said already."""
    found: list[str] = []
    last = _milliseconds(segment.start_seconds)
    for word in segment.words:
        at = _milliseconds(word.start_seconds)
        mark = f"<{_clock(word.start_seconds, '.')}>" if last < at < _milliseconds(segment.end_seconds) else ""
        found.append(f"{mark}{_escaped(word.text)}")
        last = max(last, at)
    return found


def srt(segments: Sequence[Segment]) -> str:
    """SubRip."""
    return "\n".join(
        f"{i}\n{_clock(one.start_seconds, ',')} --> {_clock(one.end_seconds, ',')}\n{one.text}\n"
        for i, one in enumerate(segments, 1)
    )


def as_json(segments: Sequence[Segment], language: str) -> str:
    """JSON; times in seconds."""
    return json.dumps({"language": language, "segments": [asdict(one) for one in segments]}, ensure_ascii=False)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _clock(seconds: float, point: str) -> str:
    rest, milliseconds = divmod(_milliseconds(seconds), 1000)
    rest, second = divmod(rest, 60)
    hour, minute = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{milliseconds:03}"
