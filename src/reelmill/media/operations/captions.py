"""captions: convert captions, of a file of text, a text track of a film, or between its pictures."""

from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import captioning, languages, texts, tracks
from reelmill.media.checks import track_violations, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.line21 import CHANNELS
from reelmill.media.steps import Reading, Step
from reelmill.v1.captions_pb2 import Captions
from reelmill.v1.media_pb2 import MediaInfo

_FORMATS = {
    Captions.WEBVTT: ("webvtt", "vtt"),
    Captions.SRT: ("srt", "srt"),
    Captions.TTML: ("ttml", "ttml"),
    Captions.ASS: ("ass", "ass"),
}
"""The name that the tool knows each by, and its extension."""


class CaptionsOperation:
    """See Captions in captions.proto."""

    name = "captions"
    description = "Convert captions: of a file of text, of a film's text track, or closed ones between its pictures."
    extensions = tuple(extension for _, extension in _FORMATS.values())
    encoders = frozenset(captioning.TRACKS.values())
    filters: frozenset[str] = frozenset()
    example = '{"name": "captions", "captions": {"format": "WEBVTT", "shift_seconds": 0.5}}'

    def violations(self, spec: Captions, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.HasField("track"):
            found += track_violations(spec.track, f"{path}.track")
            if spec.track.all:
                found.append(Violation(f"{path}.track.all", "names several tracks, and this takes one"))
            if spec.closed_captions:
                message = "contradicts closed_captions: leave one of the two out"
                found.append(Violation(f"{path}.track", message))
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
            if spec.closed_captions:
                message = "closed captions lie between the pictures of a film, and the input is text; leave them out"
                raise AttemptFailed("INPUT_NO_CAPTIONS", message, output=output)
            return (
                _converted(output, spec, Reading(of=source.name, demuxer=source.demuxer), source.demuxer, alone=True),
            )
        track = _closed(source, output) if spec.closed_captions else _track(source, spec, output)
        kind = captioning.TRACKS.get(track.codec, "scc")
        path = PurePosixPath(output, f".{output}.{kind}")
        if kind == "scc":
            channel, end = spec.closed_captions or CHANNELS[0], spec.trim.end_seconds
            made = captioning.closed(output, source, track, channel, path, end=end, threads=context.threads)
        else:
            made = captioning.taken(output, source, [(track, path)])
        return (made, _converted(output, spec, Reading(of=path, demuxer=kind), kind))

    def division(self, output: str, spec: Captions, source: Source) -> Division | None:
        """None."""
        return None


def _converted(output: str, spec: Captions, read: Reading, kind: str, *, alone: bool = False) -> Step:
    target, extension = _FORMATS[spec.format]
    order = texts.Order(
        source=kind,
        target=target,
        start=round(spec.trim.start_seconds * 1000),
        end=round(spec.trim.end_seconds * 1000),
        shift=round(spec.shift_seconds * 1000),
        alone=alone,
    )
    return captioning.converted(output, read, order, PurePosixPath(output, f"{output}.{extension}"))


def _closed(source: Source, output: str) -> MediaInfo.Stream:
    """Where closed captions are: in a track of their own, or between pictures. Raises AttemptFailed."""
    own = (s for s in source.info.streams if s.codec == captioning.LINE_21)
    return next(own, None) or tracks.picture(source, output)


def _track(source: Source, spec: Captions, output: str) -> MediaInfo.Stream:
    """The text track that is asked for. Raises AttemptFailed."""
    every = [s for s in source.info.streams if s.kind == MediaInfo.Stream.SUBTITLE]
    named = [s for s in every if captioning.is_named(s, spec.track)]
    named.sort(key=lambda s: not s.default_track)
    if not named:
        there = ", ".join(f"{s.index} ({languages.code(s.language) or 'no language'})" for s in every[:32]) or "none"
        hint = "" if spec.HasField("track") else " (what lies between its pictures is asked for by closed_captions)"
        message = f"the input has no such text track; it has {there}{hint}"
        raise AttemptFailed("INPUT_NO_CAPTIONS", message, output=output)
    text = [s for s in named if s.codec in captioning.TRACKS or s.codec == captioning.LINE_21]
    if not text:
        message = f"the track holds pictures of text ({named[0].codec}), which no caption format has; name another"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return text[0]
