"""Pictures come out whole, or not at all: what is said where a decoder made up what is missing. Pure.

Of a film a damaged frame is one of many. A picture, and an animation, of which a part could not be decoded is grey,
green or torn there, and ffmpeg ends well.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reelmill.media.diagnosis import AGAIN, LINE_CHARACTERS, Diagnosis
from reelmill.media.formats.containers import STILL_DEMUXERS
from reelmill.media.formats.images import ANIMATED_DEMUXERS

if TYPE_CHECKING:
    from reelmill.media.steps import Reading

PICTURES = STILL_DEMUXERS | ANIMATED_DEMUXERS
"""FFmpeg's demuxers of one picture, still or animated."""
_OF_ITEMS = "-noautorotate"
"""What a picture of HEIC or AVIF, which is several items, is read with."""
_COMPLAINT = re.compile(r"\[(error|fatal)\]")
# No word of these is about the picture: notes, profiles, times of what is written, sizes that are told twice.
_BESIDE = re.compile(
    r"EXIF|ICC|XMP|IPTC|\b[dp]ts\b|timestamp|not enough data .*trying to decode anyway|Skip beyond picture bounds"
    r"|Could not find codec parameters",
    re.IGNORECASE,
)
_MADE_UP = re.compile(
    r"EOI missing|component \d+ is incomplete|[Pp]acket corrupt|corrupt input packet|Truncating packet|overread"
    r"|(Skipping chunk: |In-stream tag=)\S*\[\d+\]"
)
_BEHIND = re.compile("Invalid PNG signature")  # of what lies behind: what begins so is not read at all
_ECHO = re.compile("Error submitting packet|Decoding error")


def is_picture(reading: "Reading") -> bool:
    """Whether what is read is one picture, still or animated."""
    return reading.demuxer in PICTURES or _OF_ITEMS in reading.options


def complaint(lines: Iterable[str]) -> str:
    """The first line by which a picture is not whole; empty: it is."""
    told = list(lines)
    behind = any(_BEHIND.search(line) for line in told)
    beside = [_BESIDE, *((_BEHIND, _ECHO) if behind else ())]
    return next((line for line in told if _is_grave(line, beside)), "")


def _is_grave(line: str, beside: Sequence[re.Pattern[str]]) -> bool:
    if _MADE_UP.search(line):
        return True
    return bool(_COMPLAINT.search(line)) and not any(pattern.search(line) for pattern in beside)


def torn(line: str) -> Diagnosis:
    """What is told of a picture of which a decoder said `line`."""
    cause = "the picture is damaged or cut off: a part of it can't be decoded"
    remedy = f"{AGAIN}; where it is damaged there too, save it anew with a program that shows it."
    return Diagnosis(kind="data_damaged", code="INPUT_CORRUPT", cause=cause, remedy=remedy, line=line[:LINE_CHARACTERS])
