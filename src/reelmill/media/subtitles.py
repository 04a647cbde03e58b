"""Captions that go with a film: as text tracks of its file, or drawn into its picture. Pure.

They are read by a reading of their own from the beginning on, so none is missing that began before a part; times are
moved to the part's, and scaled with its speed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import languages, pictures
from reelmill.media.checks import track_violations
from reelmill.media.contract import Source
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span
from reelmill.media.steps import FONTS, Cost, Encoded, Kind, Reading, Step, Taken, Writing
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Subtitles, Transcode, VideoSettings

FILTERS = frozenset({"subtitles"})
"""FFmpeg's filters that may stand in what is made here."""
ENCODERS = {Transcode.MP4: "mov_text", Transcode.MOV: "mov_text", Transcode.WEBM: "webvtt", Transcode.MKV: "srt"}
"""Of a text track, by its file's container; "ass" for what is drawn."""
_TEXT = frozenset({"subrip", "ass", "webvtt", "mov_text", "text", "eia_608"})
"""Codecs of text; others are pictures of it."""
KEPT = ("handler_name", "nmhd", "gmhd", "sbtl", "tref")
"""What an MP4 or MOV with a text track has besides, as media.leftovers calls it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """Captions as they are asked for."""

    source: Source
    stream: MediaInfo.Stream
    language: str
    """A code of three letters; empty where nobody says."""
    burnt: bool


def violations(spec: Transcode, path: str) -> list[Violation]:
    """What contradicts itself."""
    found = list[Violation]()
    for i, one in enumerate(spec.subtitles):
        at = f"{path}.subtitles[{i}]"
        if one.HasField("track"):
            found += track_violations(one.track, f"{at}.track")
            if one.track.all:
                found.append(Violation(f"{at}.track.all", "names several tracks, and this takes one"))
        if one.language and not languages.code(one.language):
            found.append(Violation(f"{at}.language", f"{one.language[:16]!r} is no code of ISO 639, such as fra"))
        if not one.burn_in and spec.container == Transcode.TS:
            found.append(Violation(at, "TS takes no text tracks: have them burnt in, or take another container"))
    burnt = [i for i, one in enumerate(spec.subtitles) if one.burn_in]
    if len(burnt) > 1:
        found.append(Violation(f"{path}.subtitles[{burnt[1]}].burn_in", "is for one alone: others would lie over it"))
    if burnt and spec.video.hdr == VideoSettings.KEEP:
        found.append(Violation(f"{path}.video.hdr", "contradicts burn_in, which is in standard range"))
    if burnt and spec.video.background == pictures.TRANSPARENT:
        found.append(Violation(f"{path}.video.background", "contradicts burn_in: give a colour"))
    if spec.subtitles and spec.no_video:
        found.append(Violation(f"{path}.no_video", "contradicts subtitles: leave one of the two out"))
    return found


def inputs(spec: Transcode) -> tuple[str, ...]:
    """Names of further inputs that captions are of."""
    return tuple(one.input for one in spec.subtitles if one.input)


def wanted(spec: Transcode, own: Source, others: Mapping[str, Source], output: str) -> tuple[Shown, ...]:
    """All that are asked for. Raises AttemptFailed INPUT_UNSUPPORTED where there are none, or they are pictures."""
    found = []
    for one in spec.subtitles:
        source = others[one.input] if one.input else own
        stream = _track(source, one, output)
        language = languages.code(one.language or stream.language)
        found.append(Shown(source=source, stream=stream, language=language, burnt=one.burn_in))
    return tuple(found)


def _track(source: Source, one: Subtitles, output: str) -> MediaInfo.Stream:
    every = [s for s in source.info.streams if s.kind == MediaInfo.Stream.SUBTITLE]
    named = [s for s in every if _is_named(s, one)]
    text = sorted((s for s in named if s.codec in _TEXT), key=lambda s: not s.default_track)
    if not text:
        there = ", ".join(f"{s.index} ({languages.code(s.language) or 'no language'}, {s.codec})" for s in every[:32])
        pictures = any(s.codec not in _TEXT for s in named)
        why = ": those are pictures of text, which no caption is made of" if pictures else ""
        message = f"the input has no such captions as text; it has {there or 'none'}{why}"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return text[0]


def _is_named(stream: MediaInfo.Stream, one: Subtitles) -> bool:
    how = one.track.WhichOneof("by")
    if how == "index":
        return stream.index == one.track.index
    if how == "language":
        return languages.code(stream.language) == languages.code(one.track.language)
    return how != "role" or (one.track.role in stream.roles if one.track.role else not stream.roles)


def reading(one: Shown, part: Span) -> Reading:
    """An opening of what they are of, whose times count from a part's beginning."""
    shift = ("-itsoffset", seconds(-part.start)) if part.start else ()
    return Reading(of=one.source.name, demuxer=one.source.demuxer, options=shift, alone=True)


def encoded(one: Shown, place: int, encoder: str, speed: float) -> Encoded:
    """A text track; `place`: of its reading."""
    # What ends before the part is dropped, what began before it begins with it.
    early = "if(lt(PTS\\,0)\\,DURATION+PTS\\,DURATION)"
    moved = f"setts=pts=max(0\\,PTS)/{speed:g}:dts=max(0\\,PTS)/{speed:g}:duration={early}/{speed:g}"
    return Encoded(
        kind=Kind.TEXT,
        taken=Taken(streams=(one.stream.index,), reading=place),
        encoder=encoder,
        options=("-bsf:s", f"noise=drop=lte(pts+d\\,0),{moved}"),
    )


def tags(shown: tuple[Shown, ...], *, quicktime: bool) -> tuple[str, ...]:
    """Options that say each text track's language; `quicktime`: for MOV."""
    tracks = [one for one in shown if not one.burnt]
    codes = [languages.in_quicktime(one.language) if quicktime else one.language for one in tracks]
    said = ((f"-metadata:s:s:{i}", f"language={code}") for i, code in enumerate(codes) if code)
    return tuple(word for pair in said for word in pair)


def place(output: str) -> PurePosixPath:
    """Where captions lie that are drawn."""
    return PurePosixPath(output, f"{output}.burnt.ass")


def written(one: Shown, part: Span, speed: float, output: str, length: float) -> Step:
    """The step that writes captions down, to be drawn."""
    writing = Writing(
        path=place(output),
        streams=(encoded(one, 0, "ass", speed),),
        options=("-map_metadata", "-1", "-map_chapters", "-1", "-f", "ass"),
        seconds=length if part.cut else 0.0,
    )
    return Step(
        reads=(reading(one, part),), writes=(writing,), cost=Cost(seconds=length), shares=False, serves=(output,)
    )


def drawing(output: str) -> str:
    """The filter that draws what was written down; fonts are ours alone."""
    return f"subtitles=filename={place(output)}:fontsdir={FONTS}:force_style=FontName=DejaVu Sans"
