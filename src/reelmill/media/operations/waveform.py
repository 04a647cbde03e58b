"""waveform: a sound as a picture, or as the numbers that one is drawn of."""

import json
import re
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import cutting, memory, seeing, sounds, tracks
from reelmill.media.checks import background_violations, track_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.mastering import WORK, printed
from reelmill.media.pictures import TRANSPARENT
from reelmill.media.promises import NOTHING, Data, Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, reading
from reelmill.media.steps import Cost, Kind, Place, Program, Reading, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.media.tools.peaks import MOST_PEAKS
from reelmill.v1.analysis_pb2 import Waveform
from reelmill.v1.media_pb2 import MediaInfo

_FINER = 4  # pixels of samples for each column of a picture, at least
_LEAST, _USUAL = 16, 1024  # samples of a pixel
_SOUND_CPU = 0.004  # core-seconds a second
_TOOL_BYTES = 2**26


class WaveformOperation:
    """See Waveform in analysis.proto."""

    name = "waveform"
    description = "Draw a sound, or tell its peaks."
    extensions: tuple[str, ...] = ("png", "json")
    encoders = frozenset({"pcm_s16le"})
    filters = sounds.FILTERS | {"aformat", "asetnsamples", "astats", "ametadata"}
    example = '{"name": "wave", "waveform": {"width": 640, "height": 120, "color": "#1f6feb"}}'

    def violations(self, spec: Waveform, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = track_violations(spec.audio_track, f"{path}.audio_track") if spec.HasField("audio_track") else []
        is_json = spec.format == Waveform.JSON
        of_the_other = ("width", "height", "color", "background") if is_json else ("samples_per_pixel", "bits")
        other = "JSON" if is_json else "PNG"
        found += [
            Violation(f"{path}.{name}", f"is not for {other}: leave it out")
            for name in of_the_other
            if getattr(spec, name)
        ]
        if spec.bits not in (0, 8, 16):
            found.append(Violation(f"{path}.bits", "must be 8 or 16"))
        if spec.color and not re.fullmatch("#[0-9A-Fa-f]{6}", spec.color):
            found.append(Violation(f"{path}.color", "must be a colour such as #1f6feb"))
        return found + background_violations(spec.background, path, keeps=True, kept_by="PNG")

    def with_defaults(self, spec: Waveform) -> Waveform:
        """Fills in what its format takes."""
        made = Waveform()
        made.CopyFrom(spec)
        made.format = spec.format or Waveform.PNG
        if made.format == Waveform.JSON:
            made.samples_per_pixel, made.bits = spec.samples_per_pixel or _USUAL, spec.bits or 8
        else:
            made.width, made.height = spec.width or 1280, spec.height or 240
            made.color, made.background = spec.color or "#1f6feb", spec.background or TRANSPARENT
        return made

    def inputs(self, spec: Waveform) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: Waveform) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Waveform, source: Source, context: PlanContext) -> Planned:
        """One step that prints the lowest and highest sample of each pixel, and one that draws or writes them.

        FFmpeg's showwavespic keeps all samples in memory: hours take gigabytes.
        """
        part = Span(0.0, source.timeline.seconds, cut=False)
        sound = tracks.sound(source, spec.audio_track if spec.HasField("audio_track") else None, output)
        used = [stream.index for stream in sound.parts]
        made = cutting.cut(source, part, used)
        first = cutting.sound_filters(source, part, made, sound, alone=True)
        each = cutting.pair_filters(source, part, made, sound)
        channels = sound.channels if spec.split_channels else 1
        if first is None:
            channels = min(2, channels)
        rate = sound.sample_rate_hz or 48_000
        samples = part.length * rate
        pixel = spec.samples_per_pixel or _pixel(samples, spec.width)
        if samples / pixel * 2 * channels > MOST_PEAKS:
            least = round(samples * 2 * channels / MOST_PEAKS) + 1
            message = f"there would be more than {MOST_PEAKS} peaks; give samples_per_pixel from {least} on"
            raise AttemptFailed("OUTPUT_TOO_LARGE", message, output=output)
        path = PurePosixPath(WORK, f"{output}.peaks.txt")
        mixed = "" if spec.split_channels else ":channel_layouts=mono"
        last = (
            f"aformat=sample_fmts=s16{mixed}",
            f"asetnsamples=n={pixel}:p=0",
            "astats=metadata=1:reset=1:measure_perchannel=Min_level+Max_level:measure_overall=none",
            printed(path),
        )
        taken = sounds.taken(sound, channels, first, silent=seconds(part.length), each=each, last=last)
        printing = Step(
            reads=(reading(source, start=made.seek / SECOND),),
            writes=(seeing.lines(path, output, Kind.AUDIO, taken),),
            cost=Cost(
                seconds=part.length,
                reading_cpu=_SOUND_CPU * part.length,
                writing_cpu=_SOUND_CPU * part.length,
                reading_bytes=memory.SOUND_BYTES,
                writing_bytes=memory.SOUND_BYTES,
            ),
            shares=cutting.joins(source, (first, each), used),
        )
        told: dict[str, int | str] = {
            "sample_rate": rate,
            "samples_per_pixel": pixel,
            "channels": channels,
            "bits": spec.bits or 8,
        }
        if spec.format == Waveform.PNG:
            clear = spec.background == TRANSPARENT
            told |= {"width": spec.width, "height": spec.height, "color": spec.color}
            told |= {"background": "" if clear else spec.background}
        file = _file(output, spec)
        drawing = Step(
            program=Program.TOOL,
            reads=(Reading(of=path, demuxer=""),),
            writes=(Writing(path=file.path, streams=(), options=(), promised=(file,)),),
            arguments=("peaks", json.dumps(told), Place(reading=0), str(file.path)),
            cost=Cost(writing_bytes=_TOOL_BYTES + 2 * spec.width * spec.height + round(samples / pixel) * 4 * channels),
            shares=False,
        )
        return printing, drawing

    def division(self, output: str, spec: Waveform, source: Source) -> Division | None:
        """None."""
        return None


def _file(output: str, spec: Waveform) -> PlannedFile:
    extension = "json" if spec.format == Waveform.JSON else "png"
    stream = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec="png", width=spec.width, height=spec.height)
    return PlannedFile(
        output=output,
        path=PurePosixPath(output, f"{output}.{extension}"),
        content_type=CONTENT_TYPES[extension],
        expected=NOTHING if spec.format == Waveform.JSON else Expected(streams=(stream,)),
        data=Data.PEAKS if spec.format == Waveform.JSON else None,
    )


def _pixel(samples: float, width: int) -> int:
    """Samples of a pixel, so that each column of a picture has some of its own; where it is long as many as may be."""
    return max(_LEAST, round(samples / (_FINER * width))) if samples else _USUAL
