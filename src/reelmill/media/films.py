"""A film: one picture with its sounds in one file, whole or in pieces. Pure."""

from bisect import bisect_left
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath

from reelmill.media import copying, cutting, effects, film_streams, markings, memory, pictures, sounds, subtitles
from reelmill.media.contract import Division, PlanContext
from reelmill.media.film import Film, between, lasts
from reelmill.media.formats.codec import Keys, Pass
from reelmill.media.formats.containers import CONTENT_TYPES, EXTENSIONS, MUXING
from reelmill.media.formats.video import VIDEO
from reelmill.media.pieces import HAIR, Chunk, Clock, Join, Sound, file_of
from reelmill.media.promises import Expected, PlannedFile, Times
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span, believable_seconds, is_still, reading
from reelmill.media.steps import COPY, Cost, Encoded, Joined, Kind, Reading, Step, Taken, Writing
from reelmill.media.timeline import SECOND, micros
from reelmill.v1.operations_pb2 import Transcode, VideoSettings

_DEMUXERS = {Transcode.MP4: "mov", Transcode.WEBM: "matroska", Transcode.MKV: "matroska", Transcode.MOV: "mov"}
_MP4 = (Transcode.MP4, Transcode.MOV)
_FRAMES_BEFORE = 2  # that a filter of fields looks at
_SAME = 20  # microseconds: of times that were rounded on different ways
_TICK = 1100  # microseconds: Matroska counts in milliseconds
_MOST_LEAD = SECOND * 9 // 5  # less than extents.EARLIER by what a seek goes back
_MOST_BEYOND = SECOND  # of frames that lie farther apart none tells of another
_FIRST_PASS = 0.4  # of what the second one takes


def planned(wanted: Film, context: PlanContext) -> tuple[Step, ...]:
    """The steps that make a film, or the piece of it that the context names."""
    match context.piece:
        case Chunk() as chunk:
            return (_chunk(wanted, chunk, context),)
        case Sound():
            return (sound_alone(wanted, piece=True),)
        case Join() as join:
            return (_joined(wanted, join),)
    written = tuple(
        subtitles.written(one, wanted.part, wanted.speed, wanted.output, wanted.seconds)
        for one in wanted.captions
        if one.burnt
    )
    if wanted.spec.video.two_pass and not copying.takes_picture(wanted):
        return (*written, *_twice(wanted, context))
    return (*written, _whole(wanted, context))


def division(wanted: Film) -> Division | None:
    """How a film can be made in chunks; None where it is to be made whole.

    Not by an average bit rate or a target, which are one for all; not at a rate or speed of its own or with telecine
    undone, whose frames are not the input's; not where it is copied, which takes no time, or reads further inputs; not
    of an input that is read from its beginning for each of them, or whose clock leaps or whose frames lack times.
    """
    spec, source, part = wanted.spec, wanted.source, wanted.part
    times = source.timeline
    track = times.track(wanted.picture.index)
    if (
        spec.video.bitrate_bps
        or spec.video.target_vmaf
        or spec.video.frame_rate
        or effects.is_whole(spec)
        or wanted.read
        or wanted.captions
        or copying.takes_picture(wanted)
        or spec.audio.copy == VideoSettings.REQUIRED
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
    made = cutting.cut(wanted.source, wanted.part, wanted.used, wanted.picture.index, wanted.begin)
    return made.picture(), made.seek


def _whole(wanted: Film, context: PlanContext, passing: Pass | None = None) -> Step:
    source, part, used = wanted.source, wanted.part, wanted.used
    made = cutting.cut(source, part, used, wanted.picture.index, wanted.begin)
    first, each = film_streams.prepared(wanted, made)
    video = film_streams.picture(wanted, made, part, context, mp4=wanted.spec.container in _MP4, passing=passing)
    further = film_streams.further(wanted)
    tracks = [one for one in wanted.captions if not one.burnt]
    captions = [
        subtitles.encoded(one, 1 + len(further) + i, subtitles.ENCODERS[wanted.spec.container], wanted.speed)
        for i, one in enumerate(tracks)
    ]
    further = (*further, *(subtitles.reading(one, part) for one in tracks))
    said = markings.told(wanted.spec, source, part, 1 + len(further))
    kept = (*said.kept, *(subtitles.KEPT if tracks else ()))
    writing = Writing(
        path=wanted.path,
        streams=(video, *film_streams.heard(wanted, first, each), *captions),
        options=(
            *said.options,
            *sounds.tags(wanted.sounds, quicktime=wanted.is_quicktime),
            *subtitles.tags(wanted.captions, quicktime=wanted.is_quicktime),
            *wanted.muxing,
        ),
        seconds=wanted.seconds if part.cut else 0.0,
        promised=(film_streams.file(wanted, kept=kept),),
    )
    return Step(
        reads=(reading(source, start=made.seek / SECOND), *further, *said.reads),
        writes=(writing,),
        cost=film_streams.cost(wanted, part, context),
        shares=cutting.joins(source, (*first, *each), used) and video.encoder != COPY and not (further or said.reads),
        texts=(*film_streams.laid(wanted).texts, *said.texts),
        after=film_streams.drawn(wanted),
    )


def _twice(wanted: Film, context: PlanContext) -> tuple[Step, Step]:
    """A step that looks at the picture alone and writes down what it found, and the one that makes the film by that."""
    log = PurePosixPath(wanted.output, f"{wanted.output}.pass")
    second = _whole(wanted, context, Pass(number=2, log=str(log)))
    alone = replace(wanted, heard=())
    made = cutting.cut(alone.source, alone.part, alone.used, alone.picture.index)
    video = film_streams.picture(
        alone, made, alone.part, context, mp4=alone.spec.container in _MP4, passing=Pass(number=1, log=str(log))
    )
    cost = film_streams.cost(alone, alone.part, context)
    writing = Writing(
        path=log,
        streams=(video,),
        options=("-f", "null"),
        seconds=alone.seconds if alone.part.cut else 0.0,
    )
    first = Step(
        reads=(reading(alone.source, start=made.seek / SECOND), *film_streams.further(alone)),
        writes=(writing,),
        cost=replace(cost, writing_cpu=cost.writing_cpu * _FIRST_PASS),
        shares=False,
        texts=film_streams.laid(alone).texts,
        after=film_streams.drawn(alone),
        serves=(alone.output,),
    )
    return first, replace(second, after=(log, *second.after), shares=False)


def _chunk(wanted: Film, chunk: Chunk, context: PlanContext) -> Step:
    """Its picture alone, in MP4 whatever the film's container is: Matroska's clock is too coarse to put it together."""
    source, begin, lead, beyond = wanted.source, _begin(wanted, chunk), _lead(wanted, chunk), _beyond(wanted, chunk)
    length = chunk.end - begin + lead
    part = Span(chunk.start / SECOND, (length + beyond) / SECOND, cut=wanted.part.cut or not chunk.last)
    made = cutting.cut_chunk(source, part, chunk, wanted.picture.index, begin, lead, beyond)
    keys = Keys(
        first_seconds=lead / SECOND,
        late_seconds=_late(wanted, chunk),
        end_seconds=length / SECOND if beyond else 0.0,
    )
    video = film_streams.picture(wanted, made, part, context, keys=keys, mp4=True, begin=_counted(wanted, chunk, lead))
    file = PlannedFile(
        output=wanted.output,
        path=PurePosixPath(wanted.output, f"{wanted.name or wanted.output}.chunk.mp4"),
        content_type=CONTENT_TYPES["mp4"],
        expected=Expected(streams=(film_streams.expected_picture(wanted),), times=_times(wanted, chunk)),
    )
    writing = Writing(
        path=file.path,
        streams=(video,),
        options=(*markings.NOTHING_TOLD, "-f", "mp4"),
        seconds=part.length if part.cut else 0.0,
        promised=(file,),
    )
    return Step(
        reads=(reading(source, start=made.seek / SECOND),),
        writes=(writing,),
        cost=film_streams.cost(replace(wanted, heard=()), part, context),
        shares=cutting.joins(source, (), [wanted.picture.index]),
        texts=film_streams.laid(wanted).texts,
    )


def sound_alone(wanted: Film, *, piece: bool) -> Step:
    """The step that makes the sounds of a film without its picture; `piece`: for a task that joins them."""
    source, part = wanted.source, wanted.part
    used = wanted.used[1:]
    made = cutting.cut_sound(source, part, used, wanted.zero)
    container = _holds_sound(wanted)
    extension = EXTENSIONS[container]
    first, each = film_streams.prepared(wanted, made)
    duration, tolerance = lasts(wanted, wanted.streams[1:])
    file = PlannedFile(
        output=wanted.output,
        path=PurePosixPath(wanted.output, f"{wanted.output}.sound.{extension}")
        if piece
        else between(wanted.output, f"sound.{extension}"),
        stored=piece,
        content_type=CONTENT_TYPES[extension],
        expected=Expected(
            streams=film_streams.expected_sounds(wanted),
            duration_seconds=duration,
            duration_tolerance_seconds=tolerance,
        ),
    )
    writing = Writing(
        path=file.path,
        streams=film_streams.heard(wanted, first, each),
        options=(*markings.NOTHING_TOLD, *sounds.tags(wanted.heard, quicktime=wanted.is_quicktime), *MUXING[container]),
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


def sound_joined(wanted: Film) -> Step:
    """The step that puts the sounds that were made as a piece where those lie that were made whole."""
    alone = sound_alone(wanted, piece=False)
    (writing,) = alone.writes
    streams = tuple(Encoded(kind=Kind.AUDIO, taken=Taken(streams=(i,)), encoder=COPY) for i in range(len(wanted.heard)))
    return Step(
        reads=(Reading(of=file_of(wanted.output, Sound.name), demuxer=_DEMUXERS[_holds_sound(wanted)]),),
        writes=(replace(writing, streams=streams, seconds=0.0),),
        cost=Cost(seconds=wanted.part.length),
        shares=False,
    )


def _joined(wanted: Film, join: Join) -> Step:
    """Chunks one behind the other, each where its first frame belongs, and the sound beside them, at its own times."""
    chunks = join.chunks
    begins = [_first_shown(wanted), *(chunk.start for chunk in chunks[1:])]
    late = begins[0] - wanted.zero
    files = tuple(file_of(wanted.key, chunk.name) for chunk in chunks)
    picture = Reading(
        of=Joined(
            path=wanted.path.with_suffix(".ffconcat") if wanted.name else PurePosixPath(f"{wanted.output}.ffconcat"),
            files=files,
            lasts=tuple(after - before for before, after in pairwise(begins)),
        ),
        demuxer="concat",
        options=("-copyts", *(("-itsoffset", seconds(late / SECOND)) if late > _SAME else ()), "-safe", "0"),
    )
    sound = file_of(wanted.output, Sound.name)
    heard = (Reading(of=sound, demuxer=_DEMUXERS[_holds_sound(wanted)]),) if wanted.heard else ()
    streams = [Encoded(kind=Kind.VIDEO, taken=Taken(streams=(0,)), encoder=COPY)]
    streams += (
        Encoded(kind=Kind.AUDIO, taken=Taken(streams=(i,), reading=1), encoder=COPY) for i in range(len(wanted.heard))
    )
    times = join.times.get(wanted.key, ())
    shown = [at - begins[0] + time for at, chunk in zip(begins, times, strict=False) for time in chunk]
    said = markings.told(wanted.spec, wanted.source, wanted.part, 1 + len(heard))
    # Of a chunk whose frames the prober could not know nothing was told.
    seen = Times(shown=tuple(shown), tolerance=_TICK) if times and all(times) else None
    file = film_streams.file(wanted, times=seen, kept=said.kept)
    writing = Writing(
        path=file.path,
        streams=tuple(streams),
        options=(*said.options, *sounds.tags(wanted.heard, quicktime=wanted.is_quicktime), *wanted.muxing),
        promised=(file,),
    )
    return Step(
        reads=(picture, *heard, *said.reads),
        writes=(writing,),
        cost=Cost(seconds=wanted.part.length),
        shares=False,
        texts=said.texts,
    )


def _begin(wanted: Film, chunk: Chunk) -> int:
    """The time that is 0 in a chunk's file."""
    return wanted.zero if not chunk.index else chunk.start


def _counted(wanted: Film, chunk: Chunk, lead: int) -> float:
    """Seconds of the film that come before what is 0 in a chunk's filters."""
    return (_begin(wanted, chunk) - lead - wanted.zero) / SECOND


def _holds_sound(wanted: Film) -> Transcode.Container:
    """What the sound of a film lies in before it is joined: a transport stream begins at a time of its own."""
    return Transcode.MP4 if wanted.spec.container == Transcode.TS else wanted.spec.container


def _first_shown(wanted: Film) -> int:
    """When the film's first frame is shown, from which ffmpeg counts intervals between key frames."""
    return max(wanted.zero, wanted.source.timeline.track(wanted.picture.index).start)


def _lead(wanted: Film, chunk: Chunk) -> int:
    """Microseconds before a chunk from which it is encoded, to be dropped; 0 where its frames are not known."""
    track = wanted.source.timeline.track(wanted.picture.index)
    at = bisect_left(track.frames, chunk.start)
    if not chunk.index or not at:
        return 0
    spec = wanted.spec.video
    fields = wanted.picture.interlaced or spec.deinterlace == VideoSettings.ALWAYS
    noise = effects.SETTLES if spec.denoise else 0
    place = track.place(chunk.start, _first_shown(wanted))
    frames = VIDEO[spec.codec].leads(spec, max(_FRAMES_BEFORE * fields, noise), place)
    known = min((low for low, high in track.windows if low <= chunk.start <= high), default=chunk.start)
    earliest = bisect_left(track.frames, max(known, chunk.start - _MOST_LEAD))
    return chunk.start - track.frames[max(at - frames, earliest)] if earliest < at else 0


def _beyond(wanted: Film, chunk: Chunk) -> int:
    """Microseconds behind a chunk to which it is encoded, to be dropped; 0 where its frames are not known."""
    track = wanted.source.timeline.track(wanted.picture.index)
    if chunk.last or track.frame_from(chunk.end) != chunk.end:
        return 0
    at = bisect_left(track.frames, chunk.end)
    behind = track.frames[at + 1 : at + 1 + VIDEO[wanted.spec.video.codec].foresees]
    known = [time for time in behind if track.frame_from(time) == time and time <= chunk.end + _MOST_BEYOND]
    return known[-1] - chunk.end if known else 0


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
