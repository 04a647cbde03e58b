"""audio: take the sound into a file of its own."""

from pathlib import PurePosixPath

from reelmill.jobs.errors import Violation
from reelmill.media import cutting, memory, sounds, tracks
from reelmill.media.checks import track_violations, trim_looks, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.sound import DEFAULT_BPS, SOUND_FILES
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import expected_seconds, reading, span
from reelmill.media.steps import Cost, Encoded, Kind, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import AudioExtract


class AudioOperation:
    """See AudioExtract in operations.proto."""

    name = "audio"
    description = "Take the sound into a file of its own."
    extensions = tuple(file.extension for file in SOUND_FILES.values())
    encoders = frozenset(file.codec.encoder for file in SOUND_FILES.values())
    filters = sounds.FILTERS

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
        """Fills in format and bit rate."""
        made = AudioExtract()
        made.CopyFrom(spec)
        made.format = spec.format or AudioExtract.MP3
        if not SOUND_FILES[made.format].codec.lossless:
            made.bitrate_bps = spec.bitrate_bps or DEFAULT_BPS
        return made

    def inputs(self, spec: AudioExtract) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: AudioExtract) -> tuple[float, ...]:
        """Both ends of a trim."""
        return trim_looks(spec.trim)

    def plan(self, output: str, spec: AudioExtract, source: Source, context: PlanContext) -> Planned:
        """One step, one file."""
        part = span(source, spec.trim, output)
        sound = tracks.sound(source, spec.audio_track if spec.HasField("audio_track") else None, output)
        kind = SOUND_FILES[spec.format]
        rate = kind.codec.accepted_rate(spec.sample_rate_hz, sound.sample_rate_hz)
        used = [stream.index for stream in sound.parts]
        made = cutting.cut(source, part, used)
        first = cutting.sound_filters(source, part, made, sound, alone=True)
        each = cutting.pair_filters(source, part, made, sound)
        stream = Encoded(
            kind=Kind.AUDIO,
            taken=sounds.taken(sound, spec.channels, first, silent=seconds(part.length), each=each),
            encoder=kind.codec.encoder,
            options=kind.codec.encoding(spec.bitrate_bps, rate, sounds.channels_of(sound, spec.channels)),
        )
        duration, tolerance = expected_seconds(part, sound.parts, source.timeline)
        expected = Expected(
            streams=(ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=kind.codec.name, language=sound.language),),
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
        )
        path = PurePosixPath(output, f"{output}.{kind.extension}")
        file = PlannedFile(output=output, path=path, content_type=CONTENT_TYPES[kind.extension], expected=expected)
        tags = sounds.tags((sound,), of_file=kind.tagged_whole)
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
                reads=(reading(source, start=made.seek / SECOND),),
                writes=(writing,),
                cost=cost,
                shares=cutting.joins(source, (first, each), used),
            ),
        )

    def division(self, output: str, spec: AudioExtract, source: Source) -> Division | None:
        """None."""
        return None
