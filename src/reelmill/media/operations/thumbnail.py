"""thumbnail: take still pictures from a video."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, cutting, memory, pictures, tracks
from reelmill.media.checks import background_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.still import MAX_SIDE, STILLS, StillFormat
from reelmill.media.geometry import Scaling, Size, aspects, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import is_still, may_change, reading
from reelmill.media.steps import Cost, Encoded, Kind, Step, Writing
from reelmill.media.timeline import MOST_LOOKS, SECOND, micros
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings

# Each seek opens the input again; more than this at once would hold too many decoders.
_PICTURES_A_STEP = 16
# A seek decodes from the key frame before, often seconds away: closer pictures come quicker out of one
# decode of the whole. (Measured: even at 1.2 s with key frames 2 s apart, at 5 s with 10 s apart.)
_SEEK_SECONDS = 3.0
_BLIND = 10 * SECOND  # from key frame to key frame, where none is known
_ROUNDING_SECONDS = 0.001  # Matroska keeps times to the millisecond


class ThumbnailOperation:
    """See Thumbnail in operations.proto."""

    name = "thumbnail"
    description = "Take still pictures from a video."
    extensions = tuple(still.extension for still in STILLS.values())
    encoders = frozenset(still.encoder for still in STILLS.values())
    filters = pictures.FILTERS | cutting.FILTERS | composing.FILTERS | {"fps", "format"}
    example = '{"name": "stills", "thumbnail": {"count": 3, "width": 160, "format": "JPEG"}}'

    def violations(self, spec: Thumbnail, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = []
        if spec.count and spec.times_seconds:
            found.append(Violation(f"{path}.count", "contradicts times_seconds: leave one of the two out"))
        still = STILLS[spec.format or Thumbnail.JPEG]
        if spec.quality and not still.quality:
            name = Thumbnail.Format.Name(spec.format)
            found.append(Violation(f"{path}.quality", f"{name} is lossless and has no quality: leave it out"))
        keeps = bool(still.clear_pixels)
        return found + background_violations(spec.background, path, keeps=keeps, kept_by="PNG and WEBP")

    def with_defaults(self, spec: Thumbnail) -> Thumbnail:
        """Fills in count, format and quality."""
        made = Thumbnail()
        made.CopyFrom(spec)
        if not spec.times_seconds:
            made.count = spec.count or 1
        made.format = spec.format or Thumbnail.JPEG
        if STILLS[made.format].quality:
            made.quality = spec.quality or 80
        return made

    def inputs(self, spec: Thumbnail) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: Thumbnail) -> tuple[float, ...]:
        """The times, or the middles of equal parts."""
        return (*spec.times_seconds, *(-(i + 0.5) / spec.count for i in range(min(spec.count, MOST_LOOKS))))

    def plan(self, output: str, spec: Thumbnail, source: Source, context: PlanContext) -> Planned:
        """A file for each picture; a step for every 16, or one for all where they are close together."""
        picture = tracks.picture(source, output)
        track = source.timeline.track(picture.index)
        begin, duration = track.start / SECOND, (track.end - track.start) / SECOND
        times = _times(spec, source, begin, duration, output)
        scaling = fit(display_size(picture), spec.width, spec.height, VideoSettings.CONTAIN, multiple=1)
        _check_size(scaling.final, output)
        taking = _Taking(
            output=output,
            spec=spec,
            source=source,
            picture=picture,
            scaling=scaling,
            missing="OUTPUT_INVALID" if duration else "TIME_OUT_OF_RANGE",
        )
        if source.info.composition.still:
            return (_of_a_still(taking, len(times)),)
        if spec.count > 1 and 0 < duration < _SEEK_SECONDS * spec.count:
            held = track.knows(micros(times[-1])) and track.shown_until(micros(times[-1])) >= track.end
            return (_one_decode(taking, context, _Spread(begin=begin, length=duration, held=held)),)
        seeks = [_seek_to(time, source, picture, duration) for time in times]
        each = memory.decoding(picture, source.demuxer, 1), memory.still(scaling.final, picture)
        many = _pictures_a_step(sum(each), context.memory_bytes)
        return tuple(_by_seeking(taking, seeks[i : i + many], i, each) for i in range(0, len(times), many))

    def division(self, output: str, spec: Thumbnail, source: Source) -> Division | None:
        """None."""
        return None


def _pictures_a_step(each_bytes: int, most_bytes: int) -> int:
    if not most_bytes:
        return _PICTURES_A_STEP
    return max(1, min(_PICTURES_A_STEP, (most_bytes - memory.PROCESS_BYTES) // each_bytes))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taking:
    """What all pictures of an output have in common."""

    output: str
    spec: Thumbnail
    source: Source
    picture: MediaInfo.Stream
    scaling: Scaling
    missing: str
    """What it means where one does not come out."""

    @property
    def format(self) -> StillFormat:
        return STILLS[self.spec.format]

    @property
    def composition(self) -> MediaInfo.Composition | None:
        info = self.source.info
        return info.composition if info.HasField("composition") else None

    def path(self, name: str) -> PurePosixPath:
        return PurePosixPath(self.output, f"{self.output}-{name}.{self.format.extension}")

    def graph(self, start: float) -> str:
        """The filters of pictures from a time on."""
        shown = Shown(
            scaling=self.scaling,
            matrix=self.format.matrix,
            full=self.format.full,
            background=self.spec.background,
            changing=may_change(self.source),
            aspects=aspects(self.picture, start),
        )
        clear = self.spec.background == pictures.TRANSPARENT and self.picture.alpha
        pixels = f"format={self.format.clear_pixels if clear else self.format.pixels}"
        return ",".join((*pictures.filters(self.picture, shown), pixels, pictures.ALONE))

    def encoded(self, filters: str, *, reading: int = 0, frames: int = 1, timing: tuple[str, ...] = ()) -> Encoded:
        return Encoded(
            kind=Kind.VIDEO,
            taken=composing.taken(self.composition, self.picture.index, filters, reading),
            encoder=self.format.encoder,
            options=self.format.quality(self.spec.quality) if self.format.quality else (),
            timing=timing,
            threads=1,
            frames=frames,
        )

    def promised(self, first: int, count: int) -> tuple[PlannedFile, ...]:
        """Files of pictures from number `first` on, which begins at 0."""
        size = self.scaling.final
        stream = ExpectedStream(
            kind=MediaInfo.Stream.VIDEO, codec=self.format.codec, width=size.width, height=size.height
        )
        return tuple(
            PlannedFile(
                output=self.output,
                path=self.path(f"{i + 1:04d}"),
                content_type=CONTENT_TYPES[self.format.extension],
                expected=Expected(streams=(stream,)),
                position=i,
                if_missing=self.missing,
            )
            for i in range(first, first + count)
        )

    def many(self, filters: str, count: int) -> Writing:
        """The pictures of one decode."""
        return Writing(
            path=self.path("%04d"),
            # passthrough: the rate is made already; nothing is to be repeated for a late start.
            streams=(self.encoded(filters, frames=count, timing=("-fps_mode", "passthrough")),),
            options=("-map_metadata", "-1", "-f", "image2", "-start_number", "1"),
            promised=self.promised(0, count),
        )


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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seek:
    """How one frame is reached; microseconds."""

    to: int
    drops: tuple[str, ...]
    """Filters that drop what is found before the frame."""
    decoded: int
    """From the key frame that the seek finds to the frame."""


def _seek_to(time: float, source: Source, picture: MediaInfo.Stream, duration: float) -> _Seek:
    """How to reach the frame on the screen at `time`."""
    track = source.timeline.track(picture.index)
    if track.knows(micros(time)):
        frame = track.frame_at(micros(time))
    else:  # not measured: a seek finds the first frame from there on
        frame = micros(_shortly_before(time, picture, duration))
    seek = cutting.seek_for(source, track, frame)
    key = track.key_before(seek)
    decoded = frame - (max(0, seek - _BLIND) if key is None else key)
    return _Seek(to=seek, drops=cutting.from_seek(source, seek, frame, picture.index), decoded=decoded)


def _shortly_before(time: float, picture: MediaInfo.Stream, duration: float) -> float:
    frame = 1.0 / picture.frame_rate if picture.frame_rate else 0.0
    sought = time - frame + _ROUNDING_SECONDS
    if duration:
        sought = min(sought, duration - (frame or 0.04) - _ROUNDING_SECONDS)
    return max(0.0, sought)


def _check_size(size: Size, output: str) -> None:
    if max(size.width, size.height) > MAX_SIDE:
        message = f"a picture would have {size.width} × {size.height} pixels, and {MAX_SIDE} is the most; give a width"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)


def _by_seeking(taking: _Taking, seeks: Sequence[_Seek], first: int, each_bytes: tuple[int, int]) -> Step:
    writes = []
    for i, seek in enumerate(seeks):
        (file,) = taking.promised(first + i, 1)
        writes.append(
            Writing(
                path=file.path,
                streams=(taking.encoded(",".join((*seek.drops, taking.graph(seek.to / SECOND))), reading=i),),
                # update: the path is a name and no pattern for many.
                options=("-map_metadata", "-1", "-f", "image2", "-update", "1"),
                promised=(file,),
            )
        )
    bytes_read, bytes_written = (len(seeks) * count for count in each_bytes)
    return Step(
        reads=tuple(reading(taking.source, start=seek.to / SECOND, alone=True) for seek in seeks),
        writes=tuple(writes),
        cost=Cost(
            reading_cpu=costs.decoding(taking.picture, sum(seek.decoded for seek in seeks) / SECOND),
            reading_bytes=bytes_read,
            writing_bytes=bytes_written,
        ),
    )


def _one_decode(taking: _Taking, context: PlanContext, spread: _Spread) -> Step:
    source, picture, count = taking.source, taking.picture, taking.spec.count
    step = spread.length / count
    used = [picture.index]
    late = (source.timeline.track(picture.index).late or 0) - cutting.origin(source, 0, used)
    early = seconds(spread.begin + step / 2 + late / SECOND)
    # The frame on the screen at the middle of each step: earlier by half a step, then at each step. By a fine clock:
    # that of some formats ticks once a frame, and a step may be shorter.
    rate = f"settb=AVTB,setpts=PTS-{early}/TB,fps=fps={count}/{seconds(spread.length)}:start_time=0:round=up"
    if spread.held:
        rate += f",tpad=stop_mode=clone:stop={count}"
    return Step(
        reads=(reading(source),),
        writes=(taking.many(f"{rate},{taking.graph(spread.begin + step / 2)}", count),),
        cost=Cost(
            seconds=spread.length,
            reading_cpu=costs.decoding(picture, spread.length),
            reading_bytes=memory.decoding(picture, source.demuxer, context.threads),
            writing_bytes=memory.still(taking.scaling.final, picture),
        ),
        shares=cutting.joins(source, (), used),
    )


def _of_a_still(taking: _Taking, count: int) -> Step:
    """A still picture is on the screen at all times: it is composed once, and written `count` times."""
    picture = taking.picture
    return Step(
        reads=(reading(taking.source, alone=True),),
        writes=(taking.many(f"{taking.graph(0.0)},tpad=stop_mode=clone:stop={count - 1}", count),),
        cost=Cost(
            reading_bytes=memory.decoding(picture, taking.source.demuxer, 1, taking.composition),
            writing_bytes=memory.still(taking.scaling.final, picture),
        ),
    )
