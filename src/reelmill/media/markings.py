"""What a film says of itself beside its picture and sound, where that is asked for: its title, and its chapters. Pure.

They reach ffmpeg through a file that we write (its own "ffmetadata"), so chapters are where they belong in a part or at
another speed, and nothing else of the input comes along.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import Violation
from reelmill.media.contract import Source
from reelmill.media.sources import Span
from reelmill.media.steps import Reading, place_of
from reelmill.v1.operations_pb2 import Transcode

NOTHING_TOLD = ("-map_metadata", "-1", "-map_chapters", "-1")
"""Options: no title, place or camera of the input goes out unless asked for."""
_SPECIAL = re.compile(r"[=;#\\\n]")
_TICKS = 1_000_000  # a second
# What files then have more than others, as media.leftovers calls it.
_TITLE = ("\xa9nam", "element 7BA9", "tag")
_CHAPTERS = ("chpl", "tref", "gmhd", "nmhd", "handler_name", "element 1043A770")


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """How a film tells it."""

    reads: tuple[Reading, ...] = ()
    texts: tuple[tuple[PurePosixPath, str], ...] = ()
    options: tuple[str, ...] = NOTHING_TOLD
    """Of its muxer."""
    kept: tuple[str, ...] = ()
    """What its file has besides, as media.leftovers calls it."""


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What can't be kept."""
    if spec.keep and spec.container == Transcode.TS:
        return [Violation(f"{path}.keep", "TS has no place for titles and chapters: leave it out")]
    return [
        Violation(f"{path}.keep[{i}]", "must be TITLE or CHAPTERS")
        for i, what in enumerate(spec.keep)
        if what not in (Transcode.TITLE, Transcode.CHAPTERS)
    ]


def told(spec: Transcode, source: Source, part: Span, place: int) -> Told:
    """What a film tells; `place`: how many readings its step has besides."""
    title = source.info.title if Transcode.TITLE in spec.keep else ""
    chapters = _chapters(spec, source, part) if Transcode.CHAPTERS in spec.keep else []
    if not title and not chapters:
        return Told()
    lines = [";FFMETADATA1", *([f"title={_escaped(title)}"] if title else [])]
    for start, end, name in chapters:
        lines += ["[CHAPTER]", f"TIMEBASE=1/{_TICKS}", f"START={start}", f"END={end}", f"title={_escaped(name)}"]
    text = "\n".join((*lines, ""))
    path = place_of(text, "ffmetadata")
    return Told(
        reads=(Reading(of=path, demuxer="ffmetadata", alone=True),),
        texts=((path, text),),
        # Of the input's own streams nothing, of this file all.
        options=("-map_metadata:s", "-1", "-map_metadata", str(place), "-map_chapters", str(place if chapters else -1)),
        kept=(*(_TITLE if title else ()), *(_CHAPTERS if chapters else ())),
    )


def _chapters(spec: Transcode, source: Source, part: Span) -> list[tuple[int, int, str]]:
    """Where those of a part begin and end in what comes out, in ticks."""
    speed, until = spec.speed or 1.0, part.start + part.length if part.length else float("inf")
    found = []
    for chapter in source.info.chapters:
        start, end = max(chapter.start_seconds, part.start), min(chapter.end_seconds, until)
        times = [round((at - part.start) / speed * _TICKS) for at in (start, end)]
        if times[0] < times[1]:
            found.append((times[0], times[1], chapter.title))
    return found


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
