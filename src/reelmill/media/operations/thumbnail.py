"""thumbnail: take still pictures from a video, or the cover image of what has none."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed, Violation
from reelmill.media import composing, costs, cutting, memory, pictures, showing, tracks, windows
from reelmill.media.checks import background_violations
from reelmill.media.contract import Division, PlanContext, Planned, Source
from reelmill.media.formats.containers import CONTENT_TYPES
from reelmill.media.formats.still import MAX_SIDE, STILLS, StillFormat
from reelmill.media.geometry import Scaling, Size, aspects, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, is_still, may_change, reading
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
_MOST = 1000
"""Pictures of one output."""
_MOST_SCENES = 100  # unless more are asked for
# How frames differ, up to 1; between 0.3 and 0.5 is sane, says the documentation of the filter select.
_SCENES = "select=eq(n\\,0)+gt(scene\\,0.3)*gte(t-prev_selected_t\\,1)"
_BEST_SECONDS, _BEST_RATE = 3.0, 4.0  # of a part's middle, looked at so often a second
# Frames that are dark all over or blurred are left out; where there is no other, all count. (A fractal of 640 × 360 has
# 7.6 by this measure, 9.8 once it is blurred by a Gauss of 2 pixels, 13.7 by one of 4.)
_GOOD = (
    "blackframe=amount=0:threshold=40,metadata=mode=select:key=lavfi.blackframe.pblack:value=90:function=less,"
    "blurdetect,metadata=mode=select:key=lavfi.blur:value=11:function=less"
)


# update: the path is a name and no pattern for many.
_ALONE = ("-map_metadata", "-1", "-f", "image2", "-update", "1")


class ThumbnailOperation:
    """See Thumbnail in operations.proto."""

    name = "thumbnail"
    description = "Take still pictures from a video."
    extensions = tuple(still.extension for still in STILLS.values())
    encoders = frozenset(still.encoder for still in STILLS.values())
    filters = (
        windows.FILTERS
        | {"format", "select", "split", "concat"}
        | {"blackframe", "blurdetect", "metadata", "thumbnail"}
    )
    example = '{"name": "stills", "thumbnail": {"count": 3, "width": 160, "format": "JPEG"}}'

    def violations(self, spec: Thumbnail, path: str) -> list[Violation]:
        """What contradicts itself."""
        found = []
        if spec.count and spec.times_seconds:
            found.append(Violation(f"{path}.count", "contradicts times_seconds: leave one of the two out"))
        found += _contradictions(spec, path)
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
        if not (spec.times_seconds or spec.interval_seconds):
            made.count = spec.count or (_MOST_SCENES if spec.scene_changes else 1)
        made.format = spec.format or Thumbnail.JPEG
        if STILLS[made.format].quality:
            made.quality = spec.quality or 80
        return made

    def inputs(self, spec: Thumbnail) -> tuple[str, ...]:
        """None."""
        return ()

    def looks(self, spec: Thumbnail) -> tuple[float, ...]:
        """The times, or the middles of equal parts."""
        if spec.scene_changes:
            return ()
        return (*spec.times_seconds, *(-(i + 0.5) / spec.count for i in range(min(spec.count, MOST_LOOKS))))

    def plan(self, output: str, spec: Thumbnail, source: Source, context: PlanContext) -> Planned:
        """A file for each picture; a step for every 16, or one for all where they are close together."""
        cover = _cover(source)
        picture = cover or tracks.picture(source, output)
        track = source.timeline.track(picture.index)
        begin, duration = track.start / SECOND, (track.end - track.start) / SECOND
        same = cover or (spec.scene_changes and is_still(source))
        times = [0.0] * (len(spec.times_seconds) or _count(spec)) if same else []
        times = times or _times(spec, source, begin, duration, output)
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
        if cover or source.info.composition.still:
            return (_of_a_still(taking, len(times)),)
        if spec.scene_changes and not is_still(source):
            return (_scenes(taking, context, duration),)
        if spec.best and not is_still(source):
            return _best(taking, Span(begin, duration, cut=False), context)
        if len(times) > 1 and not spec.times_seconds and 0 < duration < _SEEK_SECONDS * len(times):
            held = track.knows(micros(times[-1])) and track.shown_until(micros(times[-1])) >= track.end
            rate = (
                f"1/{seconds(spec.interval_seconds)}" if spec.interval_seconds else f"{spec.count}/{seconds(duration)}"
            )
            spread = _Spread(first=times[0], count=len(times), rate=rate, length=duration, held=held)
            return (_one_decode(taking, context, spread),)
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
        return ",".join((*pictures.filters(self.picture, self.shown(start)), self.pixels, pictures.ALONE))

    def shown(self, start: float) -> Shown:
        """How pictures from a time on come out."""
        return Shown(
            scaling=self.scaling,
            matrix=self.format.matrix,
            full=self.format.full,
            background=self.spec.background,
            changing=may_change(self.source),
            aspects=aspects(self.picture, start),
        )

    @property
    def pixels(self) -> str:
        """The filter that makes the format's pixels."""
        clear = self.spec.background == pictures.TRANSPARENT and self.picture.alpha
        return f"format={self.format.clear_pixels if clear else self.format.pixels}"

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

    def many(self, filters: str, count: int, *, least: int = 0) -> Writing:
        """The pictures of one decode; `least`: so many must be there at least, 0: all."""
        promised = self.promised(0, count)
        if least:
            promised = tuple(replace(file, optional=file.position >= least) for file in promised)
        return Writing(
            path=self.path("%04d"),
            # passthrough: the rate is made already; nothing is to be repeated for a late start.
            streams=(self.encoded(filters, frames=count, timing=("-fps_mode", "passthrough")),),
            options=("-map_metadata", "-1", "-f", "image2", "-start_number", "1"),
            promised=promised,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spread:
    """Where stills are spread, in seconds."""

    first: float
    count: int
    rate: str
    """Stills a second, as a fraction."""
    length: float
    """Of the picture."""
    held: bool
    """Whether the last still shows the last frame, which no other follows."""


def _contradictions(spec: Thumbnail, path: str) -> list[Violation]:
    """Ways to choose pictures that exclude each other."""
    ways = {
        "interval_seconds": bool(spec.interval_seconds),
        "scene_changes": spec.scene_changes,
        "best": spec.best,
        "times_seconds": bool(spec.times_seconds),
    }
    chosen = [name for name, given in ways.items() if given]
    found = [
        Violation(f"{path}.{name}", f"contradicts {other}: leave one of the two out")
        for name, other in itertools.pairwise(chosen)
    ]
    if spec.count and spec.interval_seconds:
        found.append(Violation(f"{path}.count", "contradicts interval_seconds: leave one of the two out"))
    return found


def _cover(source: Source) -> MediaInfo.Stream | None:
    """The image that stands for what has no picture."""
    if showing.shown(source.info) is not None:
        return None
    streams = (s for s in source.info.streams if s.kind == MediaInfo.Stream.VIDEO and s.width and s.height)
    return next((s for s in streams if s.cover and not s.empty), None)


def _count(spec: Thumbnail) -> int:
    """How many pictures of what never changes."""
    return 1 if spec.scene_changes or spec.interval_seconds else spec.count


def _times(spec: Thumbnail, source: Source, begin: float, duration: float, output: str) -> list[float]:
    """When to take each picture, in seconds from the start."""
    longest = max(begin + duration, source.timeline.seconds)
    if spec.times_seconds:
        if late := [t for t in spec.times_seconds if longest and t >= longest]:
            message = f"times_seconds has {late[0]:g}, and the input ends at {longest:.3f} s; give a smaller one"
            raise AttemptFailed("TIME_OUT_OF_RANGE", message, output=output)
        return list(spec.times_seconds)
    if not duration and (spec.count > 1 or spec.interval_seconds) and not (is_still(source) or spec.scene_changes):
        message = "the input does not say how long it is, so no pictures can be spread over it; give times_seconds"
        raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
    if spec.interval_seconds:
        count = max(1, math.ceil(duration / spec.interval_seconds))
        if count > _MOST:
            message = f"these are {count} pictures, and {_MOST} is the most; give a greater interval_seconds"
            raise AttemptFailed("INPUT_UNSUPPORTED", message, output=output)
        return [begin + spec.interval_seconds * i for i in range(count)]
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
                options=_ALONE,
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
    source, picture, count = taking.source, taking.picture, spread.count
    used = [picture.index]
    late = (source.timeline.track(picture.index).late or 0) - cutting.origin(source, 0, used)
    early = seconds(spread.first + late / SECOND)
    # The frame on the screen at the middle of each step: earlier by that of the first, then at each. By a fine clock:
    # that of some formats ticks once a frame, and a step may be shorter.
    rate = f"settb=AVTB,setpts=PTS-{early}/TB,fps=fps={spread.rate}:start_time=0:round=up"
    if spread.held:
        rate += f",tpad=stop_mode=clone:stop={count}"
    return Step(
        reads=(reading(source),),
        writes=(taking.many(f"{rate},{taking.graph(spread.first)}", count),),
        cost=Cost(
            seconds=spread.length,
            reading_cpu=costs.decoding(picture, spread.length),
            reading_bytes=memory.decoding(picture, source.demuxer, context.threads),
            writing_bytes=memory.still(taking.scaling.final, picture),
        ),
        shares=cutting.joins(source, (), used),
    )


def _scenes(taking: _Taking, context: PlanContext, duration: float) -> Step:
    """One decode of the whole; how many pictures that brings is seen then."""
    source, picture, count = taking.source, taking.picture, taking.spec.count
    return Step(
        reads=(reading(source),),
        writes=(taking.many(f"{_SCENES},{taking.graph(0.0)}", count, least=1),),
        cost=Cost(
            seconds=duration,
            reading_cpu=costs.decoding(picture, duration),
            reading_bytes=memory.decoding(picture, source.demuxer, context.threads),
            writing_bytes=memory.still(taking.scaling.final, picture),
        ),
        shares=cutting.joins(source, (), [picture.index]),
    )


def _best(taking: _Taking, part: Span, context: PlanContext) -> tuple[Step, ...]:
    """The middle of each part is read, some frames of it are compared, and one goes out."""
    source, picture, count = taking.source, taking.picture, taking.spec.count
    seconds_each = min(_BEST_SECONDS, (part.length or _BEST_SECONDS) / count)
    looked = windows.spread(part, seconds_each * count, count, _BEST_RATE)
    frames = looked[0].frames
    typical = f"thumbnail=n={frames}"
    size = taking.scaling.final
    kept = frames * size.width * size.height * 4 * 2
    each = memory.decoding(picture, source.demuxer, 1), memory.still(size, picture) + kept
    many = _pictures_a_step(sum(each), context.memory_bytes)
    steps = []
    for first in range(0, count, many):
        reads, writes = [], []
        for i, window in enumerate(looked[first : first + many]):
            choice = f"split[all][some];[some]{_GOOD},{typical}[good];[all]{typical}[any];[good][any]concat=n=2"
            read, taken = windows.taken(
                source,
                picture,
                window,
                taking.shown(window.start),
                i,
                (taking.pixels, choice, taking.pixels, pictures.ALONE),
            )
            (file,) = taking.promised(first + i, 1)
            stream = replace(taking.encoded("null"), taken=taken)
            reads.append(read)
            writes.append(Writing(path=file.path, streams=(stream,), options=_ALONE, promised=(file,)))
        cost = Cost(
            reading_cpu=costs.decoding(picture, len(reads) * (seconds_each + _BLIND / SECOND / 2)),
            reading_bytes=each[0] * len(reads),
            writing_bytes=each[1] * len(reads),
        )
        steps.append(Step(reads=tuple(reads), writes=tuple(writes), cost=cost, shares=False))
    return tuple(steps)


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
