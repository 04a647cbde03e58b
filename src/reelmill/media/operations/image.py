"""image: convert a picture, still or animated."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, memory, pictures, tracks
from reelmill.media.checks import background_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.film import FREE_FITS
from reelmill.media.formats.containers import CONTENT_TYPES, MAX_PIXELS
from reelmill.media.formats.images import ANIMATED_DEMUXERS, IMAGES, ImageFormat
from reelmill.media.formats.still import MAX_SIDE
from reelmill.media.geometry import Scaling, box, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.sources import is_still, reading, reading_for
from reelmill.media.steps import Cost, Encoded, Kind, Reading, Step, Writing
from reelmill.media.timeline import SECOND
from reelmill.v1.image_pb2 import Image
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import VideoSettings

MOST_PIXELS = 2**29
"""Of all frames of an animation together."""
_QUALITY = 80
_KEEPERS = tuple(Image.Format.Name(name) for name, made in IMAGES.items() if made.clear_pixels)
_LATE_SECONDS = 0.1  # of an animation's length: delays are hundredths, and browsers know none that is shorter than 0.02


class ImageOperation:
    """See Image in image.proto."""

    name = "image"
    description = "Convert a picture, still or animated: size, part, format; upright, and nothing but the picture."
    extensions = tuple(made.extension for made in IMAGES.values())
    encoders = frozenset(name for made in IMAGES.values() for name in (made.encoder, made.moving) if name)
    filters = pictures.FILTERS | composing.FILTERS | {"split", "palettegen", "paletteuse"}
    example = '{"name": "photo", "image": {"format": "WEBP", "width": 1024, "height": 1024, "fit": "SHRINK"}}'

    def violations(self, spec: Image, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = []
        made = IMAGES[spec.format or Image.WEBP]
        if spec.quality and not made.has_quality:
            name = Image.Format.Name(spec.format)
            found.append(Violation(f"{path}.quality", f"{name} has no quality: leave it out"))
        if spec.fit not in FREE_FITS and not (spec.width and spec.height):
            found.append(Violation(f"{path}.fit", "needs both width and height"))
        for side in ("width", "height"):
            if spec.HasField("crop") and not getattr(spec.crop, side):
                found.append(Violation(f"{path}.crop.{side}", "is required"))
        if spec.width * spec.height > MAX_PIXELS:
            found.append(Violation(f"{path}.width", f"times height must be at most {MAX_PIXELS} pixels"))
        kept_by = ", ".join(_KEEPERS)
        return found + background_violations(spec.background, path, keeps=bool(made.clear_pixels), kept_by=kept_by)

    def with_defaults(self, spec: Image) -> Image:
        """Fills in format, fit, quality and background."""
        made = Image()
        made.CopyFrom(spec)
        made.format = spec.format or Image.WEBP
        made.fit = spec.fit or VideoSettings.CONTAIN
        image = IMAGES[made.format]
        if image.has_quality:
            made.quality = spec.quality or _QUALITY
        made.background = spec.background or (pictures.TRANSPARENT if image.clear_pixels else "#ffffff")
        return made

    def inputs(self, spec: Image) -> tuple[str, ...]:
        """No others."""
        return ()

    def looks(self, spec: Image) -> tuple[float, ...]:
        """None."""
        return ()

    def plan(self, output: str, spec: Image, source: Source, context: PlanContext) -> Planned:
        """One step, one file."""
        return (_converted(_taking(output, spec, source), context),)

    def division(self, output: str, spec: Image, source: Source) -> Division | None:
        """None."""
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taking:
    """What is taken of an input, and how it comes out."""

    output: str
    spec: Image
    source: Source
    picture: MediaInfo.Stream
    """As it is cut out."""
    first: tuple[str, ...]
    """The filters that cut it out."""
    scaling: Scaling
    frames: int
    """More than one, where it moves."""

    @property
    def format(self) -> ImageFormat:
        return IMAGES[self.spec.format]


def _taking(output: str, spec: Image, source: Source) -> _Taking:
    picture = tracks.picture(source, output)
    animated = source.demuxer in ANIMATED_DEMUXERS or (
        source.info.HasField("composition") and not source.info.composition.still
    )
    if not (is_still(source) or animated):
        message = "the input is a film; for pictures of it use the operation thumbnail, for moving ones preview"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    part, first = _part(output, spec, picture)
    size = display_size(part)
    asked = VideoSettings(width=spec.width, height=spec.height, match_orientation=spec.match_orientation)
    scaling = fit(size, *box(size, asked), spec.fit, multiple=1)
    final = scaling.final
    moves = animated and bool(IMAGES[spec.format].moving) and not spec.first_frame
    frames = max(1, len(source.timeline.track(picture.index).frames) or picture.frames) if moves else 1
    if max(final.width, final.height) > MAX_SIDE or final.width * final.height > MAX_PIXELS:
        message = f"the picture would have {final.width} × {final.height} pixels; give a width"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    if frames > 1 and final.width * final.height * frames > MOST_PIXELS:
        message = (
            f"{frames} frames of {final.width} × {final.height} pixels are more than an animation has"
            f" ({MOST_PIXELS} pixels); give a width, or first_frame"
        )
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    padded = final.width > scaling.scaled.width or final.height > scaling.scaled.height
    if padded and spec.background == pictures.TRANSPARENT:
        part.alpha = True  # what lies around it is transparent
    return _Taking(output=output, spec=spec, source=source, picture=part, first=first, scaling=scaling, frames=frames)


def _part(output: str, spec: Image, picture: MediaInfo.Stream) -> tuple[MediaInfo.Stream, tuple[str, ...]]:
    """What is cut out of a picture, as a picture that stands upright, and the filters that do so."""
    width, height = (max(1, round(side)) for side in display_size(picture))
    part = MediaInfo.Stream()
    part.CopyFrom(picture)
    part.width, part.height, part.rotation_degrees, part.pixel_aspect_ratio = width, height, 0, 1.0
    if not spec.HasField("crop"):
        return part, ()
    crop = spec.crop
    if crop.left + crop.width > width or crop.top + crop.height > height:
        message = f"the crop reaches beyond the picture, which has {width} × {height} pixels; give a smaller one"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    square = () if picture.pixel_aspect_ratio in (0.0, 1.0) else (f"scale={width}:{height}", "setsar=1")
    part.width, part.height = crop.width, crop.height
    return part, (*square, f"crop={crop.width}:{crop.height}:{crop.left}:{crop.top}:exact=1")


def _converted(taking: _Taking, context: PlanContext) -> Step:
    spec, source, made, picture = taking.spec, taking.source, taking.format, taking.picture
    moves = taking.frames > 1
    clear = spec.background == pictures.TRANSPARENT and picture.alpha
    shown = Shown(scaling=taking.scaling, matrix=made.matrix, full=made.full, background=spec.background)
    pixels = made.clear_pixels if clear else made.pixels
    chain = (*taking.first, *pictures.filters(picture, shown), f"format={pixels}", pictures.ALONE, *made.last)
    info = source.info
    composition = info.composition if info.HasField("composition") else None
    size = taking.scaling.final
    path = PurePosixPath(taking.output, f"{taking.output}.{made.extension}")
    length, tolerance = _length(source, picture.index) if moves else (None, 0.0)
    codec = made.moving_codec if moves else made.codec
    stream = ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=codec, width=size.width, height=size.height)
    file = PlannedFile(
        output=taking.output,
        path=path,
        content_type=CONTENT_TYPES[made.extension],
        expected=Expected(
            streams=(stream,) * (1 + made.beside * moves),
            duration_seconds=length,
            duration_tolerance_seconds=tolerance,
        ),
    )
    encoded = Encoded(
        kind=Kind.VIDEO,
        taken=composing.taken(composition, picture.index, ",".join(chain)),
        encoder=made.moving if moves else made.encoder,
        options=made.options(spec.quality, moves=moves),
        timing=("-fps_mode", "vfr", "-enc_time_base:v", "demux") if moves else (),
        threads=0 if moves else 1,
        frames=0 if moves else 1,
    )
    muxing = made.moving_muxing if moves else made.muxing
    each = size.width * size.height
    cost = Cost(
        seconds=length or 0.0,
        reading_cpu=costs.decoding(picture, length or 0.0),
        writing_cpu=made.nanoseconds * each * taking.frames / 1e9 if moves else 0.0,
        reading_bytes=memory.decoding(picture, source.demuxer, 1, composition),
        writing_bytes=memory.still(size, picture) * (3 if moves else 1) + (4 * each * taking.frames if moves else 0),
    )
    return Step(
        reads=(_opening(taking),),
        writes=(Writing(path=path, streams=(encoded,), options=("-map_metadata", "-1", *muxing), promised=(file,)),),
        cost=cost,
    )


def _opening(taking: _Taking) -> Reading:
    if taking.first:  # what is cut out is told in its own pixels
        return reading(taking.source, alone=True)
    return reading_for(taking.source, taking.scaling.scaled, display_size(taking.picture))


def _length(source: Source, index: int) -> tuple[float | None, float]:
    """How long an animation must last, and by how much it may differ: a muxer guesses how long the last one stays."""
    track = source.timeline.track(index)
    length = (track.end - track.start) / SECOND
    if not length or not track.frames:
        return None, 0.0
    last = (track.end - track.frames[-1]) / SECOND
    return length, last + _LATE_SECONDS + 0.01 * len(track.frames)
