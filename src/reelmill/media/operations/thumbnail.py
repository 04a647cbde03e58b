"""thumbnail: take still pictures from a video."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import formats
from reelmill.media.contract import Command, Expected, Plan, PlanContext, PlannedFile, Source
from reelmill.media.geometry import Scaling, display_size, fit
from reelmill.media.sources import open_options, video_stream
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings

# Each picture opens the input again and seeks; more than this at once would hold too many decoders.
_PICTURES_A_COMMAND = 16
_EXTENSIONS = {Thumbnail.JPEG: "jpg", Thumbnail.PNG: "png", Thumbnail.WEBP: "webp"}
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
        return found

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
        """A command for every 16 pictures, a file for each."""
        picture = video_stream(source, output)
        times = _times(spec, source.info, picture, output)
        scaling = fit(display_size(picture), spec.width, spec.height, VideoSettings.CONTAIN, multiple=1)
        extension = _EXTENSIONS[spec.format]
        paths = [PurePosixPath(output, f"{output}-{i:04d}.{extension}") for i in range(1, len(times) + 1)]
        commands = []
        for first in range(0, len(times), _PICTURES_A_COMMAND):
            some = slice(first, first + _PICTURES_A_COMMAND)
            commands.append(_command(output, spec, source, picture, times[some], paths[some], scaling))
        expected = Expected(video_codec=_CODECS[spec.format], width=scaling.final.width, height=scaling.final.height)
        content_type = formats.CONTENT_TYPES[extension]
        files = [PlannedFile(output=output, path=p, content_type=content_type, expected=expected) for p in paths]
        return Plan(commands=tuple(commands), files=tuple(files))


def _times(spec: Thumbnail, info: MediaInfo, picture: MediaInfo.Stream, output: str) -> list[float]:
    """When to take each picture, in seconds from the start."""
    duration = picture.duration_seconds or info.duration_seconds
    if spec.times_seconds:
        if duration and (late := [t for t in spec.times_seconds if t >= max(duration, info.duration_seconds)]):
            raise AttemptFailed(
                "TIME_OUT_OF_RANGE",
                f"times_seconds has {late[0]:g} s, and the input ends at {duration:.3f} s",
                output=output,
            )
        times = list(spec.times_seconds)
    else:
        # The middle of each of `count` equal parts: neither the black first frame nor the end.
        times = [duration * (i + 0.5) / spec.count for i in range(spec.count)]
    # A seek finds the next frame, and after the last one's time there is none.
    last = max(0.0, duration - 1.0 / (picture.frame_rate or 25.0) - 0.001)
    return [min(t, last) for t in times]


def _command(
    output: str,
    spec: Thumbnail,
    source: Source,
    picture: MediaInfo.Stream,
    times: Sequence[float],
    paths: Sequence[PurePosixPath],
    scaling: Scaling,
) -> Command:
    one = PlanContext(threads=1)  # a thread for each of many decoders of one frame costs more than it brings
    inputs: list[str] = []
    writes: list[str] = []
    for i, (time, path) in enumerate(zip(times, paths, strict=True)):
        inputs += open_options(source, one, start=time)
        writes += ("-map", f"{i}:{picture.index}", "-frames:v", "1")
        writes += ("-filter:v", ",".join((*scaling.filters(), *_pixel_format(spec))))
        writes += (*_encoder(spec), "-map_metadata", "-1", "-f", "image2", "-update", "1", str(path))
    return Command(inputs=tuple(inputs), writes=tuple(writes), outputs=(output,), duration_seconds=0.0)


def _pixel_format(spec: Thumbnail) -> tuple[str, ...]:
    # JPEG stores colours in full range; video mostly has the limited one.
    jpeg = ("scale=out_range=full", "format=yuv420p")
    return {Thumbnail.JPEG: jpeg, Thumbnail.PNG: ("format=rgb24",)}.get(spec.format, ())


def _encoder(spec: Thumbnail) -> tuple[str, ...]:
    if spec.format == Thumbnail.PNG:
        return ("-c:v", "png", "-threads:v", "1")
    if spec.format == Thumbnail.WEBP:
        return ("-c:v", "libwebp", "-quality", str(spec.quality), "-threads:v", "1")
    # mjpeg's scale goes from 2, the best, to 31.
    return ("-c:v", "mjpeg", "-q:v", str(round(31 - 29 * (spec.quality - 1) / 99)), "-threads:v", "1")
