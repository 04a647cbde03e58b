"""A film: one picture with its sounds in one file, whole or in pieces. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import composing, costs, cutting, memory, pictures, sounds, tracks
from reelmill.media.contract import Division, PlanContext, Source
from reelmill.media.cutting import Cut
from reelmill.media.formats.codec import FROM_START, Keys
from reelmill.media.formats.containers import CONTENT_TYPES, EXTENSIONS, MUXING
from reelmill.media.formats.sound import SOUNDS
from reelmill.media.formats.video import VIDEO, frame_rate
from reelmill.media.geometry import Scaling, aspects, box, display_size, fit
from reelmill.media.pictures import Shown
from reelmill.media.pieces import HAIR, Chunk, Clock, Join, Sound, file_of
from reelmill.media.promises import Expected, ExpectedStream, PlannedFile, Times
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, believable_seconds, expected_seconds, is_still, may_change, reading, span
from reelmill.media.steps import COPY, Cost, Encoded, Joined, Kind, Reading, Step, Taken, Writing
from reelmill.media.timeline import SECOND, micros
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

SIDES = (16, 16384)
"""Pixels: libx265 takes no smaller sides, libx264 no larger ones."""
FREE_FITS = (VideoSettings.FIT_UNSPECIFIED, VideoSettings.CONTAIN, VideoSettings.SHRINK)
"""Those whose sizes follow from the input's."""
# No title, place or camera of the input goes out unless asked for.
_NOTHING_TOLD = ("-map_metadata", "-1", "-map_chapters", "-1")
_DEMUXERS = {Transcode.MP4: "mov", Transcode.WEBM: "matroska", Transcode.MKV: "matroska"}
_FRAMES_BEFORE = 2  # that a filter of fields looks at
_SAME = 20  # microseconds: of times that were rounded on different ways
_TICK = 1100  # microseconds: Matroska counts in milliseconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """What an output asks for, and what of its input it takes."""

    output: str
    spec: Transcode
    """With its defaults filled in."""
    source: Source
    part: Span
    picture: MediaInfo.Stream
    heard: tuple[tracks.Sound, ...]
    scaling: Scaling

    @property
    def streams(self) -> tuple[MediaInfo.Stream, ...]:
        """All that it takes, the picture first."""
        return (self.picture, *(stream for sound in self.heard for stream in sound.parts))

    @property
    def used(self) -> list[int]:
        """Their numbers."""
        return [stream.index for stream in self.streams]

    @property
    def composition(self) -> MediaInfo.Composition | None:
        """How its picture is put together, where it is of several."""
        info = self.source.info
        return info.composition if info.HasField("composition") else None

    @property
    def extension(self) -> str:
        """Of its file's name."""
        return EXTENSIONS[self.spec.container]


def film(output: str, spec: Transcode, source: Source) -> Film:
    """What an output takes of an input. Raises AttemptFailed where that has not what is asked for."""
    part = span(source, spec.trim, output)
    picture = tracks.picture(source, output)
    heard = () if spec.mute else tracks.sounds(source, spec.audio_tracks, output)
    size = display_size(picture)
    width, height = box(size, spec.video)
    scaling = fit(size, width, height, spec.video.fit, least=SIDES[0])
    smallest, largest = SIDES
    # One side may follow from the other, and so come out at a size that no encoder takes.
    sides = scaling.final.width, scaling.final.height
    if min(sides) < smallest or max(sides) > largest:
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the picture would have {sides[0]} × {sides[1]} pixels, and each side must be {smallest}–{largest}; "
            "give width and height",
            output=output,
        )
    if spec.video.frame_rate and part.length > believable_seconds(source.info):
        raise AttemptFailed(
            "INPUT_UNSUPPORTED",
            f"the input claims {source.info.duration_seconds:.0f} s in {source.info.size_bytes} bytes, so no even"
            " frame rate is made of it; leave frame_rate out",
            output=output,
        )
    return Film(
        output=output, spec=spec, source=source, part=part, picture=picture, heard=tuple(heard), scaling=scaling
    )


def planned(wanted: Film, context: PlanContext) -> Step:
    """The step that makes a film, or the piece of it that the context names."""
    match context.piece:
        case Chunk() as chunk:
            return _chunk(wanted, chunk, context)
        case Sound():
            return _sound_alone(wanted)
        case Join() as join:
            return _joined(wanted, join)
    return _whole(wanted, context)


def division(wanted: Film) -> Division | None:
    """How a film can be made in chunks; None where it is to be made whole.

    Not by an average bit rate, which is one for all; not at a rate of its own, whose frames are not the input's; not
    of an input that is read from its beginning for each of them, or whose clock leaps or whose frames lack times.
    """
    spec, source, part = wanted.spec, wanted.source, wanted.part
    times = source.timeline
    track = times.track(wanted.picture.index)
    if (
        spec.video.bitrate_bps
        or spec.video.frame_rate
        or wanted.composition is not None
        or is_still(source)
        or cutting.is_unseekable(source)
        or times.damaged
        or track.late is not None
        or track.recovery
        or not part.length
        or part.length > believable_seconds(source.info)
        or (wanted.picture.alpha and spec.video.background == pictures.TRANSPARENT)
        or (spec.HasField("chunk_seconds") and not spec.chunk_seconds)
    ):
        return None
    made = cutting.cut(source, part, wanted.used, wanted.picture.index)
    start = micros(part.start)
    return Division(
        picture=wanted.picture.index,
        start=start,
        end=start + micros(part.length),
        shown=_first_shown(wanted),
        clock=Clock(fine=made.moved, sparse=made.sparse, held=made.last is not None),
        sounds=bool(wanted.heard),
        measured=times.measured,
        keyframe_interval_seconds=spec.video.keyframe_interval_seconds,
        chunk_seconds=spec.chunk_seconds,
    )


def seen(wanted: Film) -> tuple[tuple[str, ...], int]:
    """The filters that give its input's frames their times in the film, and from when (microseconds) it is read."""
    made = cutting.cut(wanted.source, wanted.part, wanted.used, wanted.picture.index)
    return made.picture(), made.seek


def _whole(wanted: Film, context: PlanContext) -> Step:
    source, part, used = wanted.source, wanted.part, wanted.used
    made = cutting.cut(source, part, used, wanted.picture.index)
    first, each = _prepared(wanted, made)
    writing = Writing(
        path=PurePosixPath(wanted.output, f"{wanted.output}.{wanted.extension}"),
        streams=(
            _picture(wanted, made, part, context, mp4=wanted.spec.container == Transcode.MP4),
            *_sounds(wanted, first, each),
        ),
        options=(*_NOTHING_TOLD, *sounds.tags(wanted.heard), *MUXING[wanted.spec.container]),
        seconds=part.length if part.cut else 0.0,
        promised=(_file(wanted),),
    )
    return Step(
        reads=(reading(source, start=made.seek / SECOND),),
        writes=(writing,),
        cost=_cost(wanted, part, context),
        shares=cutting.joins(source, (*first, *each), used),
    )


def _chunk(wanted: Film, chunk: Chunk, context: PlanContext) -> Step:
    """Its picture alone, in MP4 whatever the film's container is: Matroska's clock is too coarse to put it together."""
    source, begin, lead = wanted.source, _begin(wanted, chunk), _lead(wanted, chunk)
    part = Span(chunk.start / SECOND, (chunk.end - begin + lead) / SECOND, cut=wanted.part.cut or not chunk.last)
    made = cutting.cut_chunk(source, part, chunk, wanted.picture.index, begin, lead)
    keys = Keys(first_seconds=lead / SECOND, late_seconds=_late(wanted, chunk))
    video = _picture(wanted, made, part, context, keys=keys, mp4=True)
    file = PlannedFile(
        output=wanted.output,
        path=PurePosixPath(wanted.output, f"{wanted.output}.chunk.mp4"),
        content_type=CONTENT_TYPES["mp4"],
        expected=Expected(streams=(_expected_picture(wanted),), times=_times(wanted, chunk)),
    )
    writing = Writing(
        path=file.path,
        streams=(video,),
        options=(*_NOTHING_TOLD, "-f", "mp4"),
        seconds=part.length if part.cut else 0.0,
        promised=(file,),
    )
    return Step(
        reads=(reading(source, start=made.seek / SECOND),),
        writes=(writing,),
        cost=_cost(replace(wanted, heard=()), part, context),
        shares=cutting.joins(source, (), [wanted.picture.index]),
    )


def _sound_alone(wanted: Film) -> Step:
    source, part = wanted.source, wanted.part
    used = wanted.used[1:]
    made = cutting.cut_sound(source, part, used, cutting.zero(source, part, wanted.used))
    first, each = _prepared(wanted, made)
    duration, tolerance = expected_seconds(part, wanted.streams[1:], source.timeline)
    file = PlannedFile(
        output=wanted.output,
        path=PurePosixPath(wanted.output, f"{wanted.output}.sound.{wanted.extension}"),
        content_type=CONTENT_TYPES[wanted.extension],
        expected=Expected(
            streams=_expected_sounds(wanted), duration_seconds=duration, duration_tolerance_seconds=tolerance
        ),
    )
    writing = Writing(
        path=file.path,
        streams=_sounds(wanted, first, each),
        options=(*_NOTHING_TOLD, *sounds.tags(wanted.heard), *MUXING[wanted.spec.container]),
        seconds=part.length if part.cut else 0.0,
        promised=(file,),
    )
    count = len(wanted.heard)
    cost = Cost(seconds=part.length, reading_bytes=memory.SOUND_BYTES, writing_bytes=memory.SOUND_BYTES * count)
    return Step(
        reads=(reading(source, start=made.seek / SECOND),),
        writes=(writing,),
        cost=cost,
        shares=cutting.joins(source, (*first, *each), used),
    )


def _joined(wanted: Film, join: Join) -> Step:
    """Chunks one behind the other, each where its first frame belongs, and the sound beside them, at its own times."""
    chunks = join.chunks
    begins = [_first_shown(wanted), *(chunk.start for chunk in chunks[1:])]
    late = begins[0] - cutting.zero(wanted.source, wanted.part, wanted.used)
    files = tuple(file_of(wanted.output, chunk.name) for chunk in chunks)
    picture = Reading(
        of=Joined(
            path=PurePosixPath(f"{wanted.output}.ffconcat"),
            files=files,
            lasts=tuple(after - before for before, after in pairwise(begins)),
        ),
        demuxer="concat",
        options=("-copyts", *(("-itsoffset", seconds(late / SECOND)) if late > _SAME else ()), "-safe", "0"),
    )
    sound = file_of(wanted.output, Sound.name)
    heard = (Reading(of=sound, demuxer=_DEMUXERS[wanted.spec.container]),) if wanted.heard else ()
    streams = [Encoded(kind=Kind.VIDEO, taken=Taken(streams=(0,)), encoder=COPY)]
    streams += (
        Encoded(kind=Kind.AUDIO, taken=Taken(streams=(i,), reading=1), encoder=COPY) for i in range(len(wanted.heard))
    )
    times = join.times.get(wanted.output, ())
    shown = [at - begins[0] + time for at, chunk in zip(begins, times, strict=False) for time in chunk]
    file = _file(wanted, times=Times(shown=tuple(shown), tolerance=_TICK) if shown else None)
    writing = Writing(
        path=file.path,
        streams=tuple(streams),
        options=(*_NOTHING_TOLD, *sounds.tags(wanted.heard), *MUXING[wanted.spec.container]),
        promised=(file,),
    )
    return Step(reads=(picture, *heard), writes=(writing,), cost=Cost(seconds=wanted.part.length), shares=False)


def _begin(wanted: Film, chunk: Chunk) -> int:
    """The time that is 0 in a chunk's file."""
    return cutting.zero(wanted.source, wanted.part, wanted.used) if not chunk.index else chunk.start


def _first_shown(wanted: Film) -> int:
    """When the film's first frame is shown, from which ffmpeg counts intervals between key frames."""
    begin = cutting.zero(wanted.source, wanted.part, wanted.used)
    return max(begin, wanted.source.timeline.track(wanted.picture.index).start)


def _lead(wanted: Film, chunk: Chunk) -> int:
    """Microseconds before a chunk from which it is encoded, to be dropped; 0 where its frames are not known."""
    track = wanted.source.timeline.track(wanted.picture.index)
    at = bisect_left(track.frames, chunk.start)
    if not chunk.index or not at:
        return 0
    frames = max(VIDEO[wanted.spec.video.codec].settles, _FRAMES_BEFORE * wanted.picture.interlaced)
    before = track.frames[max(0, at - frames)]
    return chunk.start - before if any(low <= before and chunk.start <= high for low, high in track.windows) else 0


def _late(wanted: Film, chunk: Chunk) -> float:
    """Seconds by which a chunk is behind the film's last interval between key frames."""
    interval = micros(wanted.spec.video.keyframe_interval_seconds)
    if not interval or not chunk.index:
        return 0.0
    return max(0, (chunk.start - _first_shown(wanted) + HAIR) % interval - HAIR) / SECOND


def _times(wanted: Film, chunk: Chunk) -> Times | None:
    """When the frames of a chunk must be shown, from its first one on: as the input's are."""
    track = wanted.source.timeline.track(wanted.picture.index)
    if not (track.knows(chunk.start) and track.knows(chunk.end - 1)):
        return None
    begin = chunk.start if chunk.index else _first_shown(wanted)
    inside = [time for time in track.frames if begin < time < chunk.end]
    return Times(shown=(0, *(time - begin for time in inside)), tolerance=_TICK, more=chunk.last)


def _prepared(wanted: Film, made: Cut) -> tuple[list[tuple[str, ...] | None], list[tuple[str, ...]]]:
    """The filters that stand before all others of each sound, and of each mono track of a pair."""
    # Sound that starts late does so in the output too: its times say when. To fill up with silence by
    # aresample=async can hang ffmpeg 9 where several outputs share a process.
    source, part = wanted.source, wanted.part
    first = [cutting.sound_filters(source, part, made, sound, alone=False) for sound in wanted.heard]
    return first, [cutting.pair_filters(source, part, made, sound) for sound in wanted.heard]


def _picture(
    wanted: Film, made: Cut, part: Span, context: PlanContext, *, mp4: bool, keys: Keys = FROM_START
) -> Encoded:
    spec, picture, composition = wanted.spec, wanted.picture, wanted.composition
    rate = (f"fps={frame_rate(spec.video.frame_rate)}",) if spec.video.frame_rate else ()
    free = spec.video.fit in FREE_FITS or spec.video.fit == VideoSettings.PAD
    shown = Shown(
        scaling=wanted.scaling,
        background=spec.video.background,
        changing=free and may_change(wanted.source),
        aspects=aspects(picture, part.start) if free else (),
    )
    graph = ",".join((*made.picture(), *rate, *pictures.filters(picture, shown), pictures.FILM))
    codec = VIDEO[spec.video.codec]
    clock = ("-enc_time_base:v", "filter" if composition or made.fine else "demux")
    return Encoded(
        kind=Kind.VIDEO,
        taken=composing.taken(composition, picture.index, graph),
        encoder=codec.encoder,
        options=(
            *codec.encoding(
                spec.video,
                spec.container,
                context.threads,
                transparent=shown.kept and picture.alpha,
                keys=keys,
            ),
            *made.encoding(reorders=codec.reorders, even=bool(rate), mp4=mp4),
        ),
        # Frames keep their times: none is repeated, dropped, or moved to the grid of an average rate.
        timing=("-fps_mode", "vfr", *(() if rate else clock)),
        threads=context.threads,
    )


def _sounds(wanted: Film, first: Sequence[Sequence[str] | None], each: Sequence[Sequence[str]]) -> tuple[Encoded, ...]:
    if not wanted.heard:
        return ()
    spec, codec = wanted.spec.audio, SOUNDS[wanted.spec.audio.codec]
    silent = seconds(wanted.part.length)
    return tuple(
        Encoded(
            kind=Kind.AUDIO,
            taken=sounds.taken(sound, spec.channels, before, silent=silent, each=mono),
            encoder=codec.encoder,
            options=codec.encoding(
                spec.bitrate_bps,
                codec.accepted_rate(spec.sample_rate_hz, sound.sample_rate_hz),
                sounds.channels_of(sound, spec.channels),
            ),
        )
        for sound, before, mono in zip(wanted.heard, first, each, strict=True)
    )


def _file(wanted: Film, times: Times | None = None) -> PlannedFile:
    duration, tolerance = expected_seconds(wanted.part, wanted.streams, wanted.source.timeline)
    return PlannedFile(
        output=wanted.output,
        path=PurePosixPath(wanted.output, f"{wanted.output}.{wanted.extension}"),
        content_type=CONTENT_TYPES[wanted.extension],
        expected=Expected(
            streams=(_expected_picture(wanted), *_expected_sounds(wanted)),
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
            times=times,
        ),
    )


def _expected_picture(wanted: Film) -> ExpectedStream:
    size, codec = wanted.scaling.final, VIDEO[wanted.spec.video.codec].name
    return ExpectedStream(kind=MediaInfo.Stream.VIDEO, codec=codec, width=size.width, height=size.height)


def _expected_sounds(wanted: Film) -> tuple[ExpectedStream, ...]:
    return tuple(
        ExpectedStream(kind=MediaInfo.Stream.AUDIO, codec=SOUNDS[wanted.spec.audio.codec].name, language=sound.language)
        for sound in wanted.heard
    )


def _cost(wanted: Film, part: Span, context: PlanContext) -> Cost:
    spec, picture, size = wanted.spec.video, wanted.picture, wanted.scaling.final
    return Cost(
        seconds=part.length,
        reading_cpu=costs.decoding(picture, part.length),
        writing_cpu=costs.encoding(spec, size, picture, part.length),
        reading_bytes=memory.decoding(picture, wanted.source.demuxer, context.threads, wanted.composition),
        writing_bytes=memory.encoding(spec, size, picture) + memory.SOUND_BYTES * len(wanted.heard),
    )
