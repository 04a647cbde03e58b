"""Files of captions alone: what they are, by how they begin, and how they become others. Pure."""

import codecs
import re
from dataclasses import dataclass

MOST_BYTES = 2**23
"""Of a file of captions: a film of two hours has some 100 KB."""
FORMATS = {"srt": "subrip", "webvtt": "webvtt", "ass": "ass", "ttml": "ttml", "scc": "eia_608"}
"""FFmpeg's names of what such a file is in, by the name that we know it by."""
_SRT = re.compile(r"\s*(?:\d+[ \t]*\r?\n\s*)?\d+:\d\d:\d\d[,.]\d{1,3}[ \t]*-->")
_XML = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(\w+:)?tt[\s>]", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """How captions become others; times in milliseconds."""

    source: str
    """A key of FORMATS."""
    target: str
    """As `source`, but for SCC."""
    start: int = 0
    end: int = 0
    """The part that is kept; 0: to the end."""
    shift: int = 0
    alone: bool = False
    """Whether they are a file of their own, and end with their last one; a film may go on without."""


def kind_of(head: bytes) -> str | None:
    """A key of FORMATS, by a file's first bytes; None for what is no captions."""
    text = decoded(head).lstrip("\ufeff")
    if text.startswith("WEBVTT"):
        return "webvtt"
    if text.lstrip().startswith("[Script Info]"):
        return "ass"
    if text.startswith("Scenarist_SCC"):
        return "scc"
    if _SRT.match(text):
        return "srt"
    return "ttml" if _XML.match(text) else None


_UTF_8, _UTF_16, _UTF_16_LE, _WESTERN = (
    codecs.lookup(name).name for name in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252")
)
_BEGIN_BYTES = 128
"""Looked up once: Python loads them late, and a child that reads foreign files loads nothing."""


def decoded(data: bytes) -> str:
    """Text by its mark, else UTF-16 where each other byte is 0, else UTF-8, else Windows' Western one: it takes all."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode(_UTF_16, errors="replace")
    begin = data[:_BEGIN_BYTES]
    if begin and begin[1::2].count(0) > 0.9 * len(begin) / 2 and 0 not in begin[::2]:
        return data.decode(_UTF_16_LE, errors="replace")
    try:
        return data.decode(_UTF_8)
    except UnicodeDecodeError as error:
        # The last character of a part of a file may be cut off.
        whole = error.start > len(data) - 4
        return data[: error.start].decode(_UTF_8) if whole else data.decode(_WESTERN, errors="replace")
