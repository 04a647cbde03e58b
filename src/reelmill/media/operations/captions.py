"""captions: convert captions, of a file of text or a text track of a film."""

import json
from dataclasses import asdict
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import languages, texts
from reelmill.media.checks import track_violations, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.promises import NOTHING, Data, PlannedFile
from reelmill.media.sources import reading
from reelmill.media.steps import Cost, Encoded, Kind, Place, Program, Reading, Step, Taken, Writing
from reelmill.v1.captions_pb2 import Captions
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import TrackSelector

_FORMATS = {
    Captions.WEBVTT: ("webvtt", "vtt"),
    Captions.SRT: ("srt", "srt"),
    Captions.TTML: ("ttml", "ttml"),
    Captions.ASS: ("ass", "ass"),
}
"""The name that the tool knows each by, and its extension."""
# What ffmpeg writes a film's text track as, by its codec: what keeps most of it. The rest are pictures of text.
_TRACKS = {"ass": "ass", "webvtt": "webvtt", "subrip": "srt", "mov_text": "srt", "text": "srt"}
_TOOL_BYTES = 200 * 2**20
_READS_BYTES_PER_SECOND = 2**29  # of a film that is read for its text


class CaptionsOperation:
    """See Captions in captions.proto."""

    name = "captions"
    description = "Convert captions: of a file of text, or of a film's text track."
    extensions = tuple(extension for _, extension in _FORMATS.values())
    encoders = frozenset(_TRACKS.values())
    filters: frozenset[str] = frozenset()
    example = '{"name": "captions", "captions": {"format": "WEBVTT", "shift_seconds": 0.5}}'

    def violations(self, spec: Captions, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.HasField("track"):
            found += track_violations(spec.track, f"{path}.track")
            if spec.track.all:
                found.append(Violation(f"{path}.track.all", "names several tracks, and this takes one"))
        return found

    def with_defaults(self, spec: Captions) -> Captions:
        """Fills in the format."""
        made = Captions()
        made.CopyFrom(spec)
        made.format = spec.format or Captions.WEBVTT
        return made

    def inputs(self, spec: Captions) -> tuple[str, ...]:
        """No others."""
        return ()

    def looks(self, spec: Captions) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Captions, source: Source, context: PlanContext) -> Planned:
        """One step; of a film one before it, which takes the text out."""
        if source.demuxer in texts.FORMATS:
            return (_converted(output, spec, Reading(of=source.name, demuxer=source.demuxer), source.demuxer),)
        track = _track(source, spec, output)
        kind = _TRACKS[track.codec]
        path = PurePosixPath(output, f".{output}.{kind}")
        taken = Encoded(kind=Kind.TEXT, taken=Taken(streams=(track.index,)), encoder=kind)
        made = Step(
            reads=(reading(source),),
            writes=(
                Writing(
                    path=path,
                    streams=(taken,),
                    options=("-map_metadata", "-1", "-map_chapters", "-1", "-f", kind),
                    promised=(
                        PlannedFile(
                            output=output,
                            path=path,
                            content_type="text/plain",
                            expected=NOTHING,
                            data=Data.LINES,
                            stored=False,
                        ),
                    ),
                ),
            ),
            cost=Cost(
                seconds=source.timeline.seconds,
                reading_cpu=source.info.size_bytes / _READS_BYTES_PER_SECOND,
            ),
            shares=False,
        )
        return (made, _converted(output, spec, Reading(of=path, demuxer=kind), kind))

    def division(self, output: str, spec: Captions, source: Source) -> Division | None:
        """None."""
        return None


def _converted(output: str, spec: Captions, read: Reading, kind: str) -> Step:
    target, extension = _FORMATS[spec.format]
    path = PurePosixPath(output, f"{output}.{extension}")
    order = texts.Order(
        source=kind,
        target=target,
        start=round(spec.trim.start_seconds * 1000),
        end=round(spec.trim.end_seconds * 1000),
        shift=round(spec.shift_seconds * 1000),
    )
    file = PlannedFile(
        output=output,
        path=path,
        content_type=CONTENT_TYPES[extension],
        expected=NOTHING,
        data=Data.CAPTIONS,
    )
    return Step(
        program=Program.TOOL,
        arguments=("captions", Place(reading=0), str(path), json.dumps(asdict(order))),
        reads=(read,),
        writes=(Writing(path=path, streams=(), options=(), promised=(file,)),),
        cost=Cost(writing_bytes=_TOOL_BYTES),
    )


def _track(source: Source, spec: Captions, output: str) -> MediaInfo.Stream:
    """The text track that is asked for. Raises AttemptFailed."""
    every = [s for s in source.info.streams if s.kind == MediaInfo.Stream.SUBTITLE]
    named = [s for s in every if _is_named(s, spec.track)] if spec.HasField("track") else every
    named.sort(key=lambda s: not s.default_track)
    if not named:
        there = ", ".join(f"{s.index} ({languages.code(s.language) or 'no language'})" for s in every[:32]) or "none"
        message = f"the input has no such text track; it has {there}"
        raise AttemptFailed("INPUT_NO_CAPTIONS", message, output=output)
    text = [s for s in named if s.codec in _TRACKS]
    if not text:
        message = f"the track holds pictures of text ({named[0].codec}), which no caption format has; name another"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return text[0]


def _is_named(stream: MediaInfo.Stream, selector: TrackSelector) -> bool:
    how = selector.WhichOneof("by")
    if how == "index":
        return stream.index == selector.index
    if how == "language":
        return languages.code(stream.language) == languages.code(selector.language)
    if how == "role":
        return selector.role in stream.roles if selector.role else not stream.roles
    return True
