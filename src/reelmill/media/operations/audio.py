"""audio: take the sound into a file of its own."""

from pathlib import PurePosixPath

from reelmill.jobs.errors import Violation
from reelmill.media import cutting, formats, memory, sounds, tracks
from reelmill.media.checks import track_violations, trim_violations
from reelmill.media.contract import Command, Expected, Plan, PlanContext, PlannedFile, Source
from reelmill.media.sources import expected_seconds, open_options, seconds, span
from reelmill.media.timeline import SECOND
from reelmill.v1.operations_pb2 import AudioExtract

_MUX = {
    AudioExtract.MP3: ("-f", "mp3"),
    # ipod is mp4 with the brand M4A, by which players know that it is sound.
    AudioExtract.M4A: ("-movflags", "+faststart", "-f", "ipod"),
    AudioExtract.OPUS: ("-f", "opus"),
    AudioExtract.FLAC: ("-f", "flac"),
    AudioExtract.WAV: ("-rf64", "auto", "-f", "wav"),  # a plain WAV ends at 4 GiB
}
_FILE_TAGS = (AudioExtract.MP3, AudioExtract.FLAC, AudioExtract.WAV)
_LOSSLESS = (AudioExtract.FLAC, AudioExtract.WAV)
_MAX_CHANNELS = {AudioExtract.MP3: 2}


class AudioOperation:
    """See AudioExtract in operations.proto."""

    name = "audio"
    description = "Take the sound into a file of its own."
    extensions = tuple(formats.AUDIO_EXTENSIONS.values())

    def violations(self, spec: AudioExtract, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.HasField("audio_track"):
            found += track_violations(spec.audio_track, f"{path}.audio_track")
        format = spec.format or AudioExtract.MP3
        name = AudioExtract.Format.Name(format)
        if format in _LOSSLESS and spec.bitrate_bps:
            found.append(Violation(f"{path}.bitrate_bps", f"{name} is lossless and has no bit rate: leave it out"))
        most = _MAX_CHANNELS.get(format)
        if most and spec.channels > most:
            found.append(Violation(f"{path}.channels", f"{name} takes at most {most}"))
        rates = formats.EXTRACT_RATES[format]
        if spec.sample_rate_hz and spec.sample_rate_hz not in rates:
            allowed = ", ".join(map(str, rates))
            found.append(Violation(f"{path}.sample_rate_hz", f"must be one of {allowed} for {name}"))
        return found

    def with_defaults(self, spec: AudioExtract) -> AudioExtract:
        """Fills in format and bit rate."""
        made = AudioExtract()
        made.CopyFrom(spec)
        made.format = spec.format or AudioExtract.MP3
        if made.format not in _LOSSLESS:
            made.bitrate_bps = spec.bitrate_bps or formats.DEFAULT_AUDIO_BPS
        return made

    def plan(self, output: str, spec: AudioExtract, source: Source, context: PlanContext) -> Plan:
        """One command, one file."""
        part = span(source, spec.trim, output)
        sound = tracks.sound(source, spec.audio_track if spec.HasField("audio_track") else None, output)
        extension = formats.AUDIO_EXTENSIONS[spec.format]
        path = PurePosixPath(output, f"{output}.{extension}")
        rate = formats.accepted_rate(formats.EXTRACT_RATES[spec.format], spec.sample_rate_hz, sound.sample_rate_hz)
        channels = sounds.channels_of(sound, spec.channels)
        used = [stream.index for stream in sound.parts]
        made = cutting.cut(source, part, used)
        first = cutting.sound_filters(source, part, made, sound, alone=True)
        writes = (
            *sounds.maps((sound,), spec.channels, output, (first,), silent=seconds(part.length)),
            *sounds.filtered(sound, spec.channels, first),
            *formats.sound_file_encoder(spec.format, spec.bitrate_bps, rate, channels),
            *(("-t", seconds(part.length)) if part.cut else ()),
            *("-map_metadata", "-1", "-map_chapters", "-1"),
            *sounds.tags((sound,), of_file=spec.format in _FILE_TAGS),
            *_MUX[spec.format],
            str(path),
        )
        duration, tolerance = expected_seconds(part, sound.parts, source.timeline)
        expected = Expected(
            audio_codec=formats.EXTRACT_NAMES[spec.format],
            languages=(sound.language,),
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
        )
        command = Command(
            inputs=open_options(source, context, start=made.seek / SECOND),
            writes=writes,
            outputs=(output,),
            duration_seconds=part.length,
            joins=cutting.joins(source, (first,), used),
            reading_bytes=memory.SOUND_BYTES,
            writing_bytes=memory.SOUND_BYTES,
        )
        file = PlannedFile(output=output, path=path, content_type=formats.CONTENT_TYPES[extension], expected=expected)
        return Plan(commands=(command,), files=(file,))
