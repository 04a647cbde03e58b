"""preview: make a short moving preview of a film, without sound."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import costs, memory, pictures, tracks, windows
from reelmill.media.checks import background_violations, trim_looks, trim_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.codec import Wanted
from reelmill.media.formats.containers import CONTENT_TYPES, MUXING
from reelmill.media.formats.images import PALETTE
from reelmill.media.formats.still import MAX_SIDE
from reelmill.media.formats.video import VIDEO
from reelmill.media.geometry import Scaling, Size, aspects, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.sources import is_still, may_change, span
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Step, Taken, Writing
from reelmill.media.weaving import woven
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings
from reelmill.v1.preview_pb2 import Preview

MOST_PIXELS = 2**29
"""Of all frames together: those of a GIF are kept until its palette is made."""
_WIDTH = 320
_SECONDS, _PARTS, _QUALITY = 4.0, 4, 70
_TOLERANCE_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class _Format:
    """A format of previews."""

    extension: str
    codec: str
    """FFmpeg's name, as a probe finds it."""
    encoder: str
    rate: float
    """Frames a second, unless asked for."""
    nanoseconds: float
    """Of CPU for each pixel of its frames."""
    frame_bytes: float
    """Of memory for each pixel of all its frames."""
    multiple: int = 1
    """Of its sides."""


FORMATS = {
    Preview.WEBP: _Format(
        extension="webp", codec="webp", encoder="libwebp_anim", rate=10, nanoseconds=110, frame_bytes=0.5
    ),
    Preview.GIF: _Format(extension="gif", codec="gif", encoder="gif", rate=10, nanoseconds=60, frame_bytes=4),
    Preview.MP4: _Format(
        extension="mp4", codec="h264", encoder="libx264", rate=25, nanoseconds=40, frame_bytes=0.1, multiple=2
    ),
}


class PreviewOperation:
    """See Preview in preview.proto."""

    name = "preview"
    description = "Make a short moving preview of a film, without sound."
    extensions = tuple(made.extension for made in FORMATS.values())
    encoders = frozenset(made.encoder for made in FORMATS.values())
    filters = windows.FILTERS | {"concat", "split", "palettegen", "paletteuse"}
    example = '{"name": "moving", "preview": {"format": "WEBP", "width": 240, "seconds": 2, "parts": 2}}'

    def violations(self, spec: Preview, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = trim_violations(spec.trim, f"{path}.trim")
        if spec.format == Preview.MP4 and spec.loops:
            found.append(Violation(f"{path}.loops", "MP4 has no place for it: leave it out"))
        if spec.format == Preview.GIF and spec.quality:
            found.append(Violation(f"{path}.quality", "GIF has no quality: leave it out"))
        return found + background_violations(spec.background, path, keeps=False, kept_by="no preview")

    def with_defaults(self, spec: Preview) -> Preview:
        """Fills in all but loops and trim."""
        made = Preview()
        made.CopyFrom(spec)
        made.format = spec.format or Preview.WEBP
        if not (spec.width or spec.height):
            made.width = _WIDTH
        made.frame_rate = spec.frame_rate or FORMATS[made.format].rate
        made.seconds = spec.seconds or _SECONDS
        made.parts = spec.parts or (1 if spec.HasField("trim") else _PARTS)
        if made.format != Preview.GIF:
            made.quality = spec.quality or _QUALITY
        return made

    def inputs(self, spec: Preview) -> tuple[str, ...]:
        """No others."""
        return ()

    def looks(self, spec: Preview) -> tuple[float, ...]:
        """Both ends of a trim; of the film's parts about their beginnings."""
        if spec.HasField("trim"):
            return trim_looks(spec.trim)
        return tuple(-(i + 0.5) / spec.parts for i in range(spec.parts))

    def plan(self, output: str, spec: Preview, source: Source, context: PlanContext) -> Planned:
        """One step, one file: each part is read by itself."""
        picture = tracks.picture(source, output)
        if is_still(source):
            message = "the input is a still picture, of which nothing moves; use the operation image"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        made = FORMATS[spec.format]
        parts = windows.spread(span(source, spec.trim, output), spec.seconds, spec.parts, spec.frame_rate)
        scaling = fit(
            display_size(picture), spec.width, spec.height, VideoSettings.CONTAIN, multiple=made.multiple, least=16
        )
        size, frames = scaling.final, sum(part.frames for part in parts)
        pixels = _pixels(size, frames, output)
        read = [_taken(spec, source, picture, part, scaling, i) for i, part in enumerate(parts)]
        ends = "".join(f"[p{i}]" for i in range(len(parts)))
        together = f"{ends}concat=n={len(parts)}" if len(parts) > 1 else "[p0]null"
        together += f",{PALETTE}" if spec.format == Preview.GIF else ""
        stream = Encoded(
            kind=Kind.VIDEO,
            taken=woven([taken for _, taken in read], together),
            encoder=made.encoder,
            options=_options(spec, context.threads),
            timing=("-fps_mode", "vfr"),
            threads=context.threads if spec.format == Preview.MP4 else 0,
        )
        seconds = frames / spec.frame_rate
        path = PurePosixPath(output, f"{output}.{made.extension}")
        expected = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=made.codec, width=size.width, height=size.height)
        file = PlannedFile(
            output=output,
            path=path,
            content_type=CONTENT_TYPES[made.extension],
            expected=Expected(
                streams=(expected,), duration_seconds=seconds, duration_tolerance_seconds=_TOLERANCE_SECONDS
            ),
        )
        writing = Writing(
            path=path,
            streams=(stream,),
            options=("-map_metadata", "-1", "-map_chapters", "-1", *_muxing(spec)),
            promised=(file,),
        )
        cost = Cost(
            seconds=seconds,
            # A second more of each: from the key frame on.
            reading_cpu=costs.decoding(picture, sum(part.length + 1 for part in parts)),
            writing_cpu=made.nanoseconds * pixels / 1e9,
            reading_bytes=memory.decoding(picture, source.demuxer, 1) * len(parts),
            writing_bytes=round(made.frame_bytes * pixels) + memory.still(size, picture) * len(parts) + 20 * 2**20,
        )
        return (Step(reads=tuple(reading for reading, _ in read), writes=(writing,), cost=cost, shares=False),)

    def division(self, output: str, spec: Preview, source: Source) -> Division | None:
        """None."""
        return None


def _pixels(size: Size, frames: int, output: str) -> int:
    """Of all frames. Raises AttemptFailed INPUT_UNSUPPORTED where they are too many."""
    pixels = size.width * size.height * frames
    if pixels > MOST_PIXELS or max(size.width, size.height) > MAX_SIDE:
        message = (
            f"{frames} frames of {size.width} × {size.height} pixels are more than a preview has ({MOST_PIXELS}"
            " pixels); ask for a smaller or shorter one"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    return pixels


def _taken(
    spec: Preview, source: Source, picture: MediaInfo.Stream, part: windows.Window, scaling: Scaling, number: int
) -> tuple[Reading, Taken]:
    """One part: what is read, and how its frames become those of the preview."""
    shown = Shown(
        scaling=scaling,
        matrix="bt601" if spec.format == Preview.WEBP else "bt709",
        full=spec.format == Preview.GIF,
        background=spec.background,
        changing=may_change(source),
        aspects=aspects(picture, part.start),
    )
    pixel = "bgra" if spec.format == Preview.GIF else "yuv420p"
    return windows.taken(source, picture, part, shown, number, (f"format={pixel}", pictures.ALONE))


def _options(spec: Preview, threads: int) -> tuple[str, ...]:
    if spec.format == Preview.GIF:
        return ()
    if spec.format == Preview.WEBP:
        return ("-quality", str(spec.quality), "-compression_level", "3")
    settings = VideoSettings(codec=VideoSettings.H264, effort=VideoSettings.MEDIUM, crf=round(48 - 0.3 * spec.quality))
    return VIDEO[VideoSettings.H264].encoding(Wanted(spec=settings, container=Transcode.MP4, threads=threads))


def _muxing(spec: Preview) -> tuple[str, ...]:
    if spec.format == Preview.MP4:
        return MUXING[Transcode.MP4]
    if spec.format == Preview.WEBP:
        return ("-loop", str(spec.loops), "-f", "webp")
    # GIF counts how often it is shown again; -1: never.
    again = spec.loops - 1 if spec.loops else 0
    return ("-loop", str(-1 if spec.loops == 1 else again), "-f", "gif")
