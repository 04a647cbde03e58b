"""analyze: look through picture and sound, once."""

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, cutting, memory, seeing, showing, sounds, tracks
from reelmill.media.checks import track_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.promises import Data
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.seeing import Seen, Understanding
from reelmill.media.sources import Span, is_still, reading
from reelmill.media.steps import Cost, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.media.tracks import Sound
from reelmill.v1.analysis_pb2 import Analyze
from reelmill.v1.media_pb2 import MediaInfo

_FILTERS_CPU = 0.6  # of the decode's core-seconds
_SOUND_CPU = 0.004  # core-seconds a second


class AnalyzeOperation:
    """See Analyze in analysis.proto."""

    name = "analyze"
    description = (
        "Look through picture and sound: black, standing pictures, silence, cuts, loudness, bars, blur, fields."
    )
    extensions: tuple[str, ...] = ("json",)
    encoders = seeing.ENCODERS
    filters = seeing.FILTERS | cutting.FILTERS | sounds.FILTERS | composing.FILTERS
    example = '{"name": "look", "analyze": {"looks": ["BLACK", "SCENES", "LOUDNESS"]}}'

    def violations(self, spec: Analyze, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = track_violations(spec.audio_track, f"{path}.audio_track") if spec.HasField("audio_track") else []
        unused = [i for i, look in enumerate(spec.looks) if look == Analyze.LOOK_UNSPECIFIED]
        return found + [Violation(f"{path}.looks[{i}]", "must name what to look for") for i in unused]

    def with_defaults(self, spec: Analyze) -> Analyze:
        """Fills in what to look for, and what counts."""
        made = Analyze()
        made.CopyFrom(seeing.DEFAULTS)
        made.MergeFrom(spec)
        del made.looks[:]
        made.looks.extend(dict.fromkeys(spec.looks) or sorted(seeing.PICTURE | seeing.HEARD))
        return made

    def inputs(self, spec: Analyze) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: Analyze) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Analyze, source: Source, context: PlanContext) -> Planned:
        """One step that prints lines, and one that reads them; what the input has nothing of is told as missing."""
        part = Span(0.0, source.timeline.seconds, cut=False)
        picture = showing.shown(source.info)
        if picture is not None and is_still(source):
            picture = None
        heard = _sound(source, spec, output)
        looks = [
            look
            for look in spec.looks
            if (look in seeing.PICTURE and picture is not None) or (look in seeing.HEARD and heard is not None)
        ]
        if not looks:
            code = "INPUT_NO_VIDEO" if picture is None and seeing.PICTURE.intersection(spec.looks) else "INPUT_NO_AUDIO"
            lacks = "moving picture" if code == "INPUT_NO_VIDEO" else "sound"
            message = f"the input{tracks.named(source)} has no {lacks}, and so nothing of what is looked for"
            raise AttemptFailed(code, message, output=output)
        used = [*([picture.index] if picture else []), *(part.index for part in (heard.parts if heard else ()))]
        seen = Seen(
            looks=looks,
            spec=spec,
            seconds=_ends(source, [picture.index]) if picture else 0.0,
            sound_seconds=_ends(source, [part.index for part in heard.parts]) if heard else 0.0,
            bits=_bits(picture) if picture else 8,
            missing=[look for look in spec.looks if look not in looks],
        )
        writes, made_first = _writes(output, source, part, picture, heard, seen)
        read = [(path.name.split(".")[-2], path) for path in (writing.path for writing in writes)]
        decoding = costs.decoding(picture, part.length) if picture else 0.0
        size = memory.decoding(picture, source.demuxer, context.threads) if picture else 0
        step = Step(
            reads=(reading(source),),
            writes=writes,
            cost=Cost(
                seconds=part.length,
                reading_cpu=decoding,
                writing_cpu=_FILTERS_CPU * decoding + (_SOUND_CPU * part.length if heard else 0.0),
                reading_bytes=size + memory.SOUND_BYTES,
                writing_bytes=seeing.memory_bytes(picture.width, picture.height) if picture else memory.SOUND_BYTES,
            ),
            shares=cutting.joins(source, (made_first,), used),
        )
        return step, seeing.understood(
            output, Understanding(seen=seen), read, Data.ANALYSIS, whole=seeing.whole(output)
        )

    def division(self, output: str, spec: Analyze, source: Source) -> Division | None:
        """None."""
        return None


def _writes(
    output: str, source: Source, part: Span, picture: MediaInfo.Stream | None, heard: Sound | None, seen: Seen
) -> tuple[tuple[Writing, ...], tuple[str, ...] | None]:
    """What is written, and the filters that stand before all others of the sound."""
    streams = [stream.index for stream in heard.parts] if heard else []
    used = [*([picture.index] if picture else []), *streams]
    made = cutting.cut(source, part, used, picture.index if picture else None)
    found: list[Writing] = []
    if picture is not None and seeing.PICTURE.intersection(seen.looks):
        composition = source.info.composition if source.info.HasField("composition") else None
        graph = ",".join(made.picture()) or ("null" if composition else "")
        taken = composing.taken(composition, picture.index, graph)
        found += seeing.pictures(output, output, taken, seen)
    if heard is None or not seeing.HEARD.intersection(seen.looks):
        return tuple(found), ()
    first = cutting.sound_filters(source, part, made, heard, alone=False)
    last = (*seeing.listening(seen), seeing.printed(output))
    each = cutting.pair_filters(source, part, made, heard)
    silent = seconds(part.length)
    # All channels count: a mix of them would be of another loudness.
    channels = heard.channels
    found.append(
        seeing.sound(output, output, sounds.taken(heard, channels, first, silent=silent, each=each, last=last))
    )
    return tuple(found), first


def _sound(source: Source, spec: Analyze, output: str) -> Sound | None:
    selectors = [spec.audio_track] if spec.HasField("audio_track") else []
    found = tracks.sounds(source, selectors, output)
    return found[0] if found else None


def _ends(source: Source, streams: list[int]) -> float:
    return max(source.timeline.track(index).end for index in streams) / SECOND


def _bits(picture: MediaInfo.Stream) -> int:
    return next((bits for bits in (16, 14, 12, 10, 9) if f"p{bits}" in picture.pixel_format), 8)
