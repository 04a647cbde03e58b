"""Words in fragments of MP4 (ISO/IEC 14496-30): WebVTT's cues, and documents of IMSC. Pure.

By ourselves: Shaka Packager 3.8 leaves STYLE out of WebVTT, and in TTML writes its tags as words, escaped twice.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from reelmill.media.webvtt import Cue, Text, clock, written

SCALE = 1000
"""Ticks a second: WebVTT's milliseconds."""
_TIMED = re.compile(r"<(?:\d+:)?\d\d:\d\d\.\d{3}>")
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_WHOLE = 0x7  # flags of a track that is played


class Kind(StrEnum):
    """What samples are, by the name in CODECS."""

    WVTT = "wvtt"
    IMSC = "stpp.ttml.im1t"


@dataclass(frozen=True, slots=True)
class Sample:
    """What is shown for so many ticks."""

    ticks: int
    data: bytes


def beginning(kind: Kind, language: str, looks: Sequence[str] = ()) -> bytes:
    """What comes before each segment. `language`: three letters or none; `looks`: of WebVTT, as Text has them."""
    letters = language if re.fullmatch("[a-z]{3}", language) else "und"
    code = sum((ord(letter) - 0x60) << shift for letter, shift in zip(letters, (10, 5, 0), strict=True))
    handler, header = (b"text", _full(b"nmhd")) if kind is Kind.WVTT else (b"subt", _full(b"sthd"))
    tables = (_full(name, bytes(4)) for name in (b"stts", b"stsc", b"stco"))
    stbl = _box(b"stbl", _full(b"stsd", _number(1), _entry(kind, looks)), *tables, _full(b"stsz", bytes(8)))
    dinf = _box(b"dinf", _full(b"dref", _number(1), _full(b"url ", flags=1)))
    media = _box(
        b"mdia",
        _full(b"mdhd", bytes(8), _number(SCALE), bytes(4), struct.pack(">HH", code, 0)),
        _full(b"hdlr", bytes(4), handler, bytes(12), b"\0"),
        _box(b"minf", header, dinf, stbl),
    )
    track = _full(b"tkhd", bytes(8), _number(1), bytes(24), _MATRIX, bytes(8), flags=_WHOLE)
    movie = _full(
        *(b"mvhd", bytes(8), _number(SCALE), bytes(4), _number(0x10000)),
        *(b"\1\0", bytes(10), _MATRIX, bytes(24), _number(2)),
    )
    extends = _box(b"mvex", _full(b"trex", _number(1), _number(1), bytes(12)))
    brands = _box(b"ftyp", b"cmfc", bytes(4), b"iso6cmfcdash")
    return brands + _box(b"moov", movie, _box(b"trak", track, media), extends)


def _entry(kind: Kind, looks: Sequence[str]) -> bytes:
    head = bytes(6) + struct.pack(">H", 1)
    if kind is Kind.WVTT:
        return _box(b"wvtt", head, _box(b"vttC", "\n\n".join(("WEBVTT", *looks)).encode()))
    mime = _full(b"mime", b"application/ttml+xml;codecs=im1t\0")
    return _box(b"stpp", head, b"http://www.w3.org/ns/ttml\0\0\0", mime)


def fragment(number: int, begin: int, samples: Sequence[Sample]) -> bytes:
    """A segment: the first has number 1; `begin` in ticks."""
    each = b"".join(struct.pack(">II", one.ticks, len(one.data)) for one in samples)
    moof = _moof(number, begin, len(samples), each, 0)
    moof = _moof(number, begin, len(samples), each, len(moof) + 8)
    return moof + _box(b"mdat", *(one.data for one in samples))


def _moof(number: int, begin: int, count: int, each: bytes, place: int) -> bytes:
    run = _full(b"trun", struct.pack(">II", count, place), each, flags=0x301)  # place, and durations and sizes
    traf = _box(
        b"traf",
        _full(b"tfhd", _number(1), flags=0x20000),  # places count from the fragment on
        _full(b"tfdt", struct.pack(">Q", begin), version=1),
        run,
    )
    return _box(b"moof", _full(b"mfhd", _number(number)), traf)


def cues(text: Text, begin: int, end: int) -> list[Sample]:
    """What of WebVTT is shown in a segment: a sample from each moment on at which that changes; in milliseconds."""
    shown = [(i, cue) for i, cue in enumerate(text.cues) if cue.start < end and cue.end > begin]
    times = {time for _, cue in shown for time in (cue.start, cue.end) if begin < time < end}
    found = []
    for start, stop in pairwise(sorted({begin, end} | times)):
        boxes = b"".join(_cue(i, cue, start) for i, cue in shown if cue.start <= start < cue.end)
        found.append(Sample(stop - start, boxes or _box(b"vtte")))
    return found


def _cue(number: int, cue: Cue, time: int) -> bytes:
    """`number`: by which players know that it goes on."""
    said = "\n".join(cue.lines)
    return _box(
        b"vttc",
        _box(b"vsid", _number(number)),
        _box(b"ctim", clock(time).encode()) if _TIMED.search(said) else b"",
        _box(b"sttg", cue.settings.encode()) if cue.settings else b"",
        _box(b"payl", said.encode()),
    )


def part(text: Text, begin: int, end: int) -> str:
    """What is shown in a segment as WebVTT of its own: cues end where it does, for each document is one by itself."""
    inside = (
        Cue(max(cue.start, begin), min(cue.end, end), cue.lines, cue.settings)
        for cue in text.cues
        if cue.start < end and cue.end > begin
    )
    return written(Text(tuple(inside), text.looks))


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _number(value: int) -> bytes:
    return struct.pack(">I", value)
