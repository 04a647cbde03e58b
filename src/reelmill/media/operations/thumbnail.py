"""thumbnail: take still pictures from a video."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, cutting, formats, memory, pictures, tracks
from reelmill.media.checks import background_violations
from reelmill.media.contract import Command, Expected, Plan, PlanContext, PlannedFile, Source
from reelmill.media.geometry import Size, aspects, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.sources import is_still, may_change, open_options, seconds
from reelmill.media.timeline import SECOND, micros
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings

# Each seek opens the input again; more than this at once would hold too many decoders.
_PICTURES_A_COMMAND = 16
# A seek decodes from the key frame before, often seconds away: closer pictures come quicker out of one
# decode of the whole. (Measured: even at 1.2 s with key frames 2 s apart, at 5 s with 10 s apart.)
_SEEK_SECONDS = 3.0
_EXTENSIONS = {Thumbnail.JPEG: "jpg", Thumbnail.PNG: "png", Thumbnail.WEBP: "webp"}
_ROUNDING_SECONDS = 0.001  # Matroska keeps times to the millisecond
_LARGEST = 16383  # pixels a side that WebP takes
# JPEG and WebP store BT.601, in full and in limited range.
_COLOURS = {Thumbnail.JPEG: ("bt601", True), Thumbnail.PNG: ("bt709", True), Thumbnail.WEBP: ("bt601", False)}
_PIXELS = {Thumbnail.JPEG: "format=yuv420p", Thumbnail.PNG: "format=rgb24", Thumbnail.WEBP: "format=yuv420p"}
_CLEAR_PIXELS = {Thumbnail.PNG: "format=rgba", Thumbnail.WEBP: "format=bgra"}
_CODECS = {Thumbnail.JPEG: "mjpeg", Thumbnail.PNG: "png", Thumbnail.WEBP: "webp"}


class ThumbnailOperation:
    """See Thumbnail in operations.proto."""

    name = "thumbnail"
    description = "Take still pictures from a video."
    extensions = tuple(_EXTENSIONS.values())

    def violations(self, spec: Thumbnail, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = []
        if spec.count and spec.times_seconds:
            found.append(Violation(f"{path}.count", "contradicts times_seconds: leave one of the two out"))
        if spec.quality and spec.format == Thumbnail.PNG:
            found.append(Violation(f"{path}.quality", "PNG is lossless and has no quality: leave it out"))
        keeps = spec.format in (Thumbnail.PNG, Thumbnail.WEBP)
        return found + background_violations(spec.background, path, keeps=keeps, kept_by="PNG and WEBP")

    def with_defaults(self, spec: Thumbnail) -> Thumbnail:
        """Fills in count, format and quality."""
        made = Thumbnail()
        made.CopyFrom(spec)
        if not spec.times_seconds:
            made.count = spec.count or 1
        made.format = spec.format or Thumbnail.JPEG
        if made.format != Thumbnail.PNG:
            made.quality = spec.quality or 80
        return made

    def plan(self, output: str, spec: Thumbnail, source: Source, context: PlanContext) -> Plan:
        """A file for each picture; a command for every 16, or one for all where they are close together."""
        picture = tracks.picture(source, output)
        track = source.timeline.track(picture.index)
        begin, duration = track.start / SECOND, (track.end - track.start) / SECOND
        times = _times(spec, source, begin, duration, output)
        scaling = fit(display_size(picture), spec.width, spec.height, VideoSettings.CONTAIN, multiple=1)
        _check_size(scaling.final, output)
        matrix, full = _COLOURS[spec.format]
        clear = spec.background == pictures.TRANSPARENT and picture.alpha
        pixels = (_CLEAR_PIXELS if clear else _PIXELS)[spec.format]

        def graph(start: float) -> str:
            """The filters of pictures from a time on."""
            shown = Shown(
                scaling=scaling,
                matrix=matrix,
                full=full,
                background=spec.background,
                changing=may_change(source),
                aspects=aspects(picture, start),
            )
            return ",".join((*pictures.filters(picture, shown), pixels, pictures.ALONE))

        extension = _EXTENSIONS[spec.format]
        paths = [PurePosixPath(output, f"{output}-{i:04d}.{extension}") for i in range(1, len(times) + 1)]
        if source.info.composition.still:
            commands = [_of_a_still(output, spec, source, picture, len(times), graph(0.0), scaling.final)]
        elif spec.count > 1 and 0 < duration < _SEEK_SECONDS * spec.count:
            held = track.knows(micros(times[-1])) and track.shown_until(micros(times[-1])) >= track.end
            spread = _Spread(begin=begin, length=duration, held=held)
            commands = [_one_decode(output, spec, source, context, picture, spread, graph, scaling.final)]
        else:
            seeks = [(*_seek_to(t, source, picture, duration), path) for t, path in zip(times, paths, strict=True)]
            each = memory.decoding(picture, source.demuxer, 1), memory.still(scaling.final, picture)
            many = _pictures_a_command(sum(each), context.memory_bytes)
            commands = [
                _by_seeking(output, spec, source, picture, seeks[i : i + many], graph, each)
                for i in range(0, len(times), many)
            ]
        expected = Expected(video_codec=_CODECS[spec.format], width=scaling.final.width, height=scaling.final.height)
        content_type = formats.CONTENT_TYPES[extension]
        missing = "OUTPUT_INVALID" if duration else "TIME_OUT_OF_RANGE"
        files = [
            PlannedFile(output=output, path=p, content_type=content_type, expected=expected, if_missing=missing)
            for p in paths
        ]
        return Plan(commands=tuple(commands), files=tuple(files))


def _pictures_a_command(each_bytes: int, most_bytes: int) -> int:
    if not most_bytes:
        return _PICTURES_A_COMMAND
    return max(1, min(_PICTURES_A_COMMAND, (most_bytes - memory.PROCESS_BYTES) // each_bytes))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spread:
    """Where stills are spread, in seconds."""

    begin: float
    length: float
    held: bool
    """Whether the last still shows the last frame, which no other follows."""


def _times(spec: Thumbnail, source: Source, begin: float, duration: float, output: str) -> list[float]:
    """When to take each picture, in seconds from the start."""
    longest = max(begin + duration, source.timeline.seconds)
    if spec.times_seconds:
        if late := [t for t in spec.times_seconds if longest and t >= longest]:
            message = f"times_seconds has {late[0]:g}, and the input ends at {longest:.3f} s; give a smaller one"
            raise AttemptFailed("TIME_OUT_OF_RANGE", message, output=output)
        return list(spec.times_seconds)
    if not duration and spec.count > 1 and not is_still(source):
        message = "the input does not say how long it is, so no pictures can be spread over it; give times_seconds"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    # The middle of each of `count` equal parts: neither the black first frame nor the end.
    return [begin + duration * (i + 0.5) / spec.count for i in range(spec.count)]


def _seek_to(time: float, source: Source, picture: MediaInfo.Stream, duration: float) -> tuple[float, tuple[str, ...]]:
    """Where to seek for the frame on the screen at `time`, and filters that drop what is found before it."""
    track = source.timeline.track(picture.index)
    if track.knows(micros(time)):
        frame_time = track.frame_at(micros(time))
        seek = cutting.seek_for(source, track, frame_time)
        return seek / SECOND, cutting.from_seek(source, seek, frame_time, picture.index)
    # Not measured: a seek finds the first frame from there on.
    frame = 1.0 / picture.frame_rate if picture.frame_rate else 0.0
    sought = time - frame + _ROUNDING_SECONDS
    if duration:
        sought = min(sought, duration - (frame or 0.04) - _ROUNDING_SECONDS)
    sought = max(0.0, sought)
    seek = cutting.seek_for(source, track, micros(sought))
    if seek == micros(sought):
        return sought, ()
    return seek / SECOND, cutting.from_seek(source, seek, micros(sought), picture.index)


def _check_size(size: Size, output: str) -> None:
    if max(size.width, size.height) > _LARGEST:
        message = f"a picture would have {size.width} × {size.height} pixels, and {_LARGEST} is the most; give a width"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)


def _by_seeking(
    output: str,
    spec: Thumbnail,
    source: Source,
    picture: MediaInfo.Stream,
    seeks: Sequence[tuple[float, tuple[str, ...], PurePosixPath]],
    graph: Callable[[float], str],
    each_bytes: tuple[int, int],
) -> Command:
    composition = source.info.composition if source.info.HasField("composition") else None
    one = PlanContext(threads=1)  # a thread for each of many decoders of one frame costs more than it brings
    inputs: list[str] = []
    writes: list[str] = []
    for i, (time, first, path) in enumerate(seeks):
        inputs += open_options(source, one, start=time)
        whole = ",".join((*first, graph(time)))
        writes += composing.maps(composition, picture.index, whole, f"{path.stem}-picture", i)
        writes += ("-frames:v", "1", *composing.filtered(composition, whole), *_encoder(spec))
        # update: the path is a name and no pattern for many.
        writes += ("-map_metadata", "-1", "-f", "image2", "-update", "1", str(path))
    reading, writing = (len(seeks) * count for count in each_bytes)
    return Command(
        inputs=tuple(inputs),
        writes=tuple(writes),
        outputs=(output,),
        duration_seconds=0.0,
        reading_bytes=reading,
        writing_bytes=writing,
    )


def _one_decode(
    output: str,
    spec: Thumbnail,
    source: Source,
    context: PlanContext,
    picture: MediaInfo.Stream,
    spread: _Spread,
    graph: Callable[[float], str],
    size: Size,
) -> Command:
    step = spread.length / spec.count
    used = [picture.index]
    early = seconds(spread.begin + step / 2 - cutting.origin(source, 0, used) / SECOND)
    # The frame on the screen at the middle of each step: earlier by half a step, then at each step. By a fine clock:
    # that of some formats ticks once a frame, and a step may be shorter.
    rate = f"settb=AVTB,setpts=PTS-{early}/TB,fps=fps={spec.count}/{seconds(spread.length)}:start_time=0:round=up"
    if spread.held:
        rate += f",tpad=stop_mode=clone:stop={spec.count}"
    composition = source.info.composition if source.info.HasField("composition") else None
    whole = f"{rate},{graph(spread.begin + step / 2)}"
    writes = (
        *composing.maps(composition, picture.index, whole, f"{output}-picture"),
        *("-frames:v", str(spec.count), *composing.filtered(composition, whole)),
        # passthrough: the rate is made already; nothing is to be repeated for a late start.
        *("-fps_mode", "passthrough", *_encoder(spec), "-map_metadata", "-1", "-f", "image2", "-start_number", "1"),
        str(PurePosixPath(output, f"{output}-%04d.{_EXTENSIONS[spec.format]}")),
    )
    inputs = open_options(source, context)
    return Command(
        inputs=inputs,
        writes=writes,
        outputs=(output,),
        duration_seconds=spread.length,
        joins=cutting.joins(source, (), used),
        reading_bytes=memory.decoding(picture, source.demuxer, context.threads),
        writing_bytes=memory.still(size, picture),
    )


def _of_a_still(
    output: str, spec: Thumbnail, source: Source, picture: MediaInfo.Stream, count: int, graph: str, size: Size
) -> Command:
    """A still picture is on the screen at all times: it is composed once, and written `count` times."""
    one = PlanContext(threads=1)
    composition = source.info.composition
    repeated = f"{graph},tpad=stop_mode=clone:stop={count - 1}"
    writes = (
        *composing.maps(composition, picture.index, repeated, f"{output}-picture"),
        *("-frames:v", str(count), "-fps_mode", "passthrough", *_encoder(spec), "-map_metadata", "-1"),
        *("-f", "image2", "-start_number", "1"),
        str(PurePosixPath(output, f"{output}-%04d.{_EXTENSIONS[spec.format]}")),
    )
    return Command(
        inputs=open_options(source, one),
        writes=writes,
        outputs=(output,),
        duration_seconds=0.0,
        reading_bytes=memory.decoding(picture, source.demuxer, 1, composition),
        writing_bytes=memory.still(size, picture),
    )


def _encoder(spec: Thumbnail) -> tuple[str, ...]:
    if spec.format == Thumbnail.PNG:
        return ("-c:v", "png", "-threads:v", "1")
    if spec.format == Thumbnail.WEBP:
        return ("-c:v", "libwebp", "-quality", str(spec.quality), "-threads:v", "1")
    # mjpeg's scale goes from 2, the best, to 31.
    return ("-c:v", "mjpeg", "-q:v", str(round(31 - 29 * (spec.quality - 1) / 99)), "-threads:v", "1")
