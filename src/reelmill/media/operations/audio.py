"""audio: take the sound into a file of its own."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Failure, Violation
from reelmill.media import cutting, mastering, memory, seeing, sounds, tracks
from reelmill.media.checks import track_violations, trim_looks, trim_violations
from reelmill.media.contract import Division, Needs, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.sound import DEFAULT_BPS, SOUND_FILES
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, expected_seconds, reading, span
from reelmill.media.steps import Cost, Encoded, Kind, Step, Taken, Writing
from reelmill.media.timeline import SECOND
from reelmill.media.tracks import Sound
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import AudioExtract


class AudioOperation:
    """See AudioExtract in operations.proto."""

    name = "audio"
    description = "Take the sound into a file of its own."
    extensions = tuple(file.extension for file in SOUND_FILES.values())
    encoders = frozenset(file.codec.encoder for file in SOUND_FILES.values()) | mastering.ENCODERS
    filters = sounds.FILTERS | mastering.FILTERS | seeing.FILTERS
    example = '{"name": "podcast", "audio": {"format": "MP3", "loudness_lufs": -16, "fade_out_seconds": 0.5}}'

    def violations(self, spec: AudioExtract, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.HasField("audio_track"):
            found += track_violations(spec.audio_track, f"{path}.audio_track")
        format = spec.format or AudioExtract.MP3
        name = AudioExtract.Format.Name(format)
        codec = SOUND_FILES[format].codec
        if codec.lossless and spec.bitrate_bps:
            found.append(Violation(f"{path}.bitrate_bps", f"{name} is lossless and has no bit rate: leave it out"))
        if codec.max_channels and spec.channels > codec.max_channels:
            found.append(Violation(f"{path}.channels", f"{name} takes at most {codec.max_channels}"))
        if spec.sample_rate_hz and spec.sample_rate_hz not in codec.rates:
            allowed = ", ".join(map(str, codec.rates))
            found.append(Violation(f"{path}.sample_rate_hz", f"must be one of {allowed} for {name}"))
        return found

    def with_defaults(self, spec: AudioExtract) -> AudioExtract:
        """Fills in format, bit rate, the true-peak limit of a loudness, and what silence is."""
        made = AudioExtract()
        made.CopyFrom(spec)
        made.format = spec.format or AudioExtract.MP3
        if not SOUND_FILES[made.format].codec.lossless:
            made.bitrate_bps = spec.bitrate_bps or DEFAULT_BPS
        if spec.HasField("loudness_lufs") and not spec.HasField("true_peak_dbtp"):
            made.true_peak_dbtp = mastering.DEFAULT_PEAK_DBTP
        if spec.HasField("remove_silence"):
            made.remove_silence.CopyFrom(mastering.SILENCE)
            made.remove_silence.MergeFrom(spec.remove_silence)
        return made

    def inputs(self, spec: AudioExtract) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: AudioExtract) -> tuple[float, ...]:
        """Both ends of a trim."""
        return trim_looks(spec.trim)

    def plan(self, output: str, spec: AudioExtract, source: Source, context: PlanContext) -> Planned:
        """One step, one file; before that how loud it is, where that is asked for."""
        part = span(source, spec.trim, output)
        sound = tracks.sound(source, spec.audio_track if spec.HasField("audio_track") else None, output)
        kind = SOUND_FILES[spec.format]
        rate = kind.codec.accepted_rate(spec.sample_rate_hz, sound.sample_rate_hz)
        used = [stream.index for stream in sound.parts]
        made = cutting.cut(source, part, used)
        first = cutting.sound_filters(source, part, made, sound, alone=True)
        each = cutting.pair_filters(source, part, made, sound)
        channels = sounds.channels_of(sound, spec.channels)
        opened = reading(source, start=made.seek / SECOND)
        duration, tolerance = expected_seconds(part, sound.parts, source.timeline)

        def taken(last: Sequence[str]) -> Taken:
            shaped = mastering.layout(channels, sound.channels, kind.codec.quad) if last else ()
            lasts = seconds(part.length)
            return sounds.taken(sound, spec.channels, first, silent=lasts, each=each, last=(*shaped, *last))

        levels = None
        length = _length(part, sound, source)
        if mastering.is_measured(spec):
            wanted = mastering.loudness(output, spec, opened, taken, length if part.cut else 0.0, length)
            if wanted not in context.facts:
                return Needs(measurements=(wanted,))
            levels = context.facts[wanted]
            if isinstance(levels, Failure):
                raise AttemptFailed.of(levels)
        mastered = mastering.made(spec, levels, length, rate, output)
        refilled = cutting.refills(source, first, each) and not spec.HasField("remove_silence")
        once = cutting.ONCE if refilled and not kind.codec.counted else ()
        stream = Encoded(
            kind=Kind.AUDIO,
            taken=taken(mastered.filters),
            encoder=kind.codec.encoder,
            options=(*kind.codec.encoding(spec.bitrate_bps, rate, channels), *once),
        )
        language = "" if kind.untagged else sound.language
        expected = Expected(
            streams=(ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=kind.codec.name, language=language),),
            duration_seconds=max(0.0, duration - mastered.removed) if duration is not None else None,
            duration_tolerance_seconds=tolerance,
            refilled=refilled and not once,
        )
        path = PurePosixPath(output, f"{output}.{kind.extension}")
        file = PlannedFile(
            output=output,
            path=path,
            content_type=CONTENT_TYPES[kind.extension],
            expected=expected,
            mastered=mastered.mastered,
        )
        tags = () if kind.untagged else sounds.tags((sound,), of_file=kind.tagged_whole)
        writing = Writing(
            path=path,
            streams=(stream,),
            options=("-map_metadata", "-1", "-map_chapters", "-1", *tags, *kind.muxing),
            seconds=part.length if part.cut else 0.0,
            promised=(file,),
        )
        cost = Cost(seconds=part.length, reading_bytes=memory.SOUND_BYTES, writing_bytes=memory.SOUND_BYTES)
        return (
            Step(
                reads=(opened,),
                writes=(writing,),
                cost=cost,
                shares=cutting.joins(source, (first, each), used),
            ),
        )

    def division(self, output: str, spec: AudioExtract, source: Source) -> Division | None:
        """None."""
        return None


def _length(part: Span, sound: Sound, source: Source) -> float:
    """Seconds of a file of a sound alone, which is silent where it begins late or, if cut, ends early; 0: not known."""
    if part.cut or not part.length:
        return part.length
    ends = max(source.timeline.track(stream.index).end for stream in sound.parts) / SECOND
    return max(0.0, min(part.length, ends - part.start))
