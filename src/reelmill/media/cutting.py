"""Where ffmpeg begins to read for a part of an input, and the filters that make exactly that part of it. Pure.

ffmpeg's own -ss drops every frame that begins before it, so a part began with nothing where a frame was on the screen
already, and in formats without an index it lands behind the key frame. So it reads from the frame that is shown, or
from a while before its key frame, and filters do the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelmill.media.contract import Source
from reelmill.media.formats.containers import JOINED, UNMEASURED
from reelmill.media.pieces import Chunk, Clock
from reelmill.media.render.ffmpeg import seconds
from reelmill.media.sources import Span
from reelmill.media.timeline import SECOND, Track, micros
from reelmill.media.tracks import Sound
from reelmill.v1.media_pb2 import MediaInfo

FILTERS = frozenset({"trim", "settb", "setpts", "tpad"})
"""FFmpeg's filters that may stand in what is made here."""

_SAME = 20  # microseconds: of times that were rounded on different ways
_LEAST = 7000  # microseconds, for clones
_LESS = 500  # microseconds before a frame's time: after the one before it in any case
_BEFORE_KEY = SECOND  # a seek goes by the time of decoding, and that of another track
_SEEKS_EARLIER = 131_000  # microseconds: where frames may be put off, ffmpeg seeks 3/23 s before what is asked for
_BEFORE_SOUND = SECOND // 2  # decoders need what came before: WMA swallows 0.09 s, MP3 refers back by as much
_BLIND = 10 * SECOND  # where no key frame is known
_SMALL_BYTES = 2**24
_SHORT = SECOND // 25
_TICK = SECOND // 1000  # of Matroska; to frames that last no time its muxer gives the usual one
# The held frame comes again at the end, so often that encoders put no more of them off, and that a muxer, which
# guesses how long the last one lasts by the one before it, guesses right.
_CLONES = 6
_HOLE = SECOND // 20
_SOON = SECOND // 100
_UNEVEN = SECOND // 20  # of frames' times; MP4 then errs by no more than two of it
_LONG = SECOND // 2  # of a last frame, from which on no muxer's guess of its duration is trusted
FINE = "settb=1/90000"
"""The filter for a finer clock: formats whose clock ticks once a frame have no place between."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A part of an input as ffmpeg is to read it; microseconds."""

    seek: int
    """Where it begins to read."""
    offset: int
    """From there to the part's beginning; below 0 where ffmpeg itself begins later."""
    shown: int
    """From there to the frame that is on the screen at the part's beginning."""
    length: int
    """Of the part; 0 where it is not known."""
    last: int | None = None
    """From the part's beginning to its last frame, where that frame is to be held to the end."""
    sparse: bool = False
    """Frames lie far apart, or the last one is held."""
    ends: tuple[int, int] | None = None
    """When the last frame begins and when it ends, from the part's beginning, where that is known."""
    late: int = 0
    """By how much ffmpeg shows each frame too late."""
    clock: Clock | None = None
    """Of a chunk: how its times are written, as in all others."""
    lead: int = 0
    """For how long before its beginning it is encoded, and not kept."""
    beyond: int = 0
    """As `lead`, behind its end."""

    @property
    def moved(self) -> bool:
        """Whether filters must move times."""
        return abs(self.offset) > _SAME or self.late > 0 or self.last is not None

    @property
    def fine(self) -> bool:
        """Whether times need a finer clock than the input's."""
        return self.moved if self.clock is None else self.clock.fine

    def picture(self) -> tuple[str, ...]:
        """Filters that stand before all others of a picture."""
        if not self.moved:
            return (FINE,) if self.fine else ()
        offset = self.offset + self.late
        bounds = [f"start={_told(max(0, self.shown + self.late - _LESS))}"] if offset > _SAME else []
        bounds += [f"end={_told(offset + max(self.length, 1))}"] if self.last is not None else []
        # First the clock: trim rounds its bounds to it.
        found = [*((FINE,) if self.fine else ()), *([f"trim={':'.join(bounds)}"] if bounds else [])]
        if abs(offset) > _SAME:
            moved = f"PTS{_back(offset)}/TB"
            found.append(f"setpts=max(0\\,{moved if self.fine else f'round({moved})'})")
        if self.last is not None:
            step = _step(self.length, self.last)
            count = f"{_CLONES + 1}-st(0\\,ld(0)+1)"  # of those that are still to come, and this one
            clone = f"({_told(self.length)}-({count})*{_told(step)})/TB"
            held = _told(max(0, self.last - _LESS))
            found += [f"tpad=stop={_CLONES}:stop_mode=clone", f"setpts=if(gte(PREV_INT\\,{held})\\,{clone}\\,PTS)"]
        return tuple(found)

    def encoding(self, *, reorders: bool, even: bool, mp4: bool) -> tuple[str, ...]:
        """Options of an encoder and its muxer.

        `reorders`: whether it may put frames off; `even`: frames come at a rate of their own; `mp4`: for that muxer.
        """
        # MP4 counts the time by which frames are put off as the film's own, and here it would be seconds.
        options = ("-bf", "0") if self.sparse and reorders else ()
        # Clones have the duration of the frame that they repeat, which is as long.
        lasts = f"min(DURATION\\,{_told(_SHORT)}/TB)" if self.sparse else "DURATION"
        decoded = "DTS"
        if self.ends is not None and not even:
            # What a cut takes off a frame its encoder does not know.
            begin, end = self.ends
            left = f"{_told(end)}/TB-PTS"
            last = f"gte(PTS\\,{_told(max(0, begin - _LESS))}/TB)"
            lasts = f"max({_told(_TICK)}/TB\\,if({last}\\,{left}\\,min({lasts}\\,{left})))"
            if mp4 and reorders and not self.sparse:  # it counts times of decoding too, and the shorter of two holds
                # Both end together where the last packet is put off by as much as the first is.
                soonest = "max(PREV_OUTDTS+1\\,PTS-STARTPTS+STARTDTS)"
                counted = f"{_told(end)}/TB-STARTPTS-({soonest}-STARTDTS)"
                lasts = f"if(eq(NEXT_DTS\\,NOPTS)\\,max({lasts}\\,{counted})\\,{lasts})"
                decoded = f"if(eq(NEXT_DTS\\,NOPTS)\\,{soonest}\\,DTS)"
        kept = []
        outside = [f"lt(pts*tb\\,{_told(self.lead - _LESS)})"] if self.lead else []
        outside += [f"gte(pts*tb\\,{_told(self.length - _LESS)})"] if self.beyond else []
        kept += [f"noise=drop={'+'.join(outside)}"] if outside else []
        if self.lead:
            lead = _told(self.lead)
            kept.append(f"setts=pts=round(PTS-{lead}/TB):dts=round(DTS-{lead}/TB)")
        kept += [f"setts=pts=PTS:dts={decoded}:duration={lasts}"] if lasts != "DURATION" else []
        return (*options, "-bsf:v", ",".join(kept)) if kept else options

    def sound(self) -> tuple[str, ...]:
        """Filters that stand before all others of a sound."""
        if abs(self.offset) <= _SAME:
            return ()
        trim = (f"atrim=start={_told(self.offset)}",) if self.offset > 0 else ()
        return (*trim, f"asetpts=PTS{_back(self.offset)}/TB")


_PAGED = frozenset({"vorbis", "opus"})
_SWALLOWED = ("wma", "cook")  # their decoders begin with what comes a packet or two later
_COUNTED = "asetpts=STARTPTS+N/SR/TB"
_BRIDGED = "aresample=async=1:min_hard_comp=0.02"
_FILLED = (
    f"{_BRIDGED}:first_pts=0"  # from 0 on once more where rate or channels change, for that begins all filters anew
)

ONCE = ("-bsf:a", "noise=drop=if(gt(n\\,0)*lt(pts+duration/2\\,ld(0))\\,1\\,st(0\\,pts+duration)*0)")
"""Options by which a sound's packets are dropped whose times others had, as where its beginning is filled twice."""


def refills(source: Source, first: Sequence[str] | None, each: Sequence[str]) -> bool:
    """Whether a beginning that is filled would be so again, from 0 on, where rate or channels change on the way.

    Not where an end is filled too: what comes after a change would have the times of that.
    """
    ended = any(one.startswith("apad") for one in (*(first or ()), *each))
    return source.demuxer in JOINED and first is not None and _FILLED in first and not ended


def joins(source: Source, first: Sequence[Sequence[str] | None], used: Sequence[int]) -> bool:
    """Whether outputs of streams `used` may share a process: not where others change where ffmpeg begins to count.

    Nor where holes are filled: five such outputs of one process hang ffmpeg 9.
    """
    every = list(source.timeline.tracks)
    return not _is_filled(first) and origin(source, 0, used) == origin(source, 0, every or used)


def _is_filled(first: Sequence[Sequence[str] | None]) -> bool:
    return any(_BRIDGED in each or _FILLED in each for each in first if each)


def sound_filters(source: Source, part: Span, made: Cut, sound: Sound, *, alone: bool) -> tuple[str, ...] | None:
    """Filters that stand before all others of a sound; None where it holds nothing in the part.

    Holes become silence. `alone`: so does what is missing before its beginning, and after its end where the part is
    cut, for a file of sound has no clock that says so.
    """
    tracks = [source.timeline.track(stream.index) for stream in sound.parts]
    found = ((_COUNTED,) if any(track.counted for track in tracks) else ()) + made.sound()
    first, last = min(track.start for track in tracks), max(track.end for track in tracks)
    start = micros(part.start)
    if not source.timeline.measured:
        return (*found, _FILLED) if alone and _SOON < first - start < last - start else found
    end = start + made.length if made.length else max(last, start)
    if last <= start or (part.cut and first >= end):
        return None
    swallowed = any(stream.codec.startswith(_SWALLOWED) for stream in sound.parts) and start < first + _BEFORE_SOUND
    holes = any(low < end and high > start for track in tracks for low, high in track.holes)
    if alone and (swallowed or first - start > _SOON):
        found = (*found, _FILLED)
    elif holes:
        found = (*found, _BRIDGED if source.demuxer in JOINED and not part.cut else _FILLED)
    if alone and part.cut and end - last > _HOLE:
        found = (*found, f"apad=whole_dur={_told(made.length)}")
    return found


def pair_filters(source: Source, part: Span, made: Cut, sound: Sound) -> tuple[str, ...]:
    """Filters of each mono track of a pair before they are joined, for that goes by samples and not by times.

    None where both begin and end together and have no holes.
    """
    tracks = [source.timeline.track(stream.index) for stream in sound.parts]
    ends = [track.end for track in tracks]
    apart = max(max(ends) - min(ends), abs(tracks[0].start - tracks[-1].start))
    if not source.timeline.measured or not (apart > _LEAST or any(track.holes for track in tracks)):
        return ()
    counted = micros(part.start) - made.offset
    return (_FILLED, f"apad=whole_dur={_told(max(ends) - counted)}")


def origin(source: Source, seek: int, used: Iterable[int]) -> int:
    """Where ffmpeg begins to count if it reads streams `used` from `seek` on.

    In formats that may be joined it leaves out of its beginning what nobody uses.
    """
    times = source.timeline
    if times.ahead or source.demuxer not in JOINED | {"ogg"}:
        return seek - times.ahead
    found = (times.track(index) for index in used)
    return max(seek, min((track.start if track.begin is None else track.begin for track in found), default=0))


def cut(source: Source, part: Span, used: Sequence[int], picture: int | None = None, begin: int | None = None) -> Cut:
    """How to read a part of streams `used`; `picture`: the one whose frame at its beginning is to be the first.

    `begin`: the time that is to be 0, where others come out in files of their own; None: as is best for these.
    """
    start, length = micros(part.start), micros(part.length)
    if picture is None:
        seek = _sound_seek(source, start)
        counted = origin(source, seek, used)
        return Cut(seek=seek, offset=start - counted, shown=start - counted, length=length)
    track = source.timeline.track(picture)
    first = min(track.frame_at(start), start) if track.knows(start) else start
    seek = seek_for(source, track, first)
    last = _held(track, start, start + length, part.cut) if length else None
    shortest, longest = track.gaps(start, start + length if length else track.end)
    # Of what is damaged frames may be missing, and nobody knows which.
    sparse = last is not None or longest > _LONG or longest - shortest > _UNEVEN or source.timeline.damaged
    counted = origin(source, seek, used)
    ends = _ends(track, start, start + length, part.cut, last) if length else None
    offset = _offset(part, start - counted) if begin is None else begin - counted
    if ends and not (part.cut or part.start):  # see _offset
        late = max(0, counted + offset - start)
        ends = ends[0] - late, ends[1] - late
    return Cut(
        seek=seek,
        offset=offset,
        shown=first - counted,
        length=length,
        last=last,
        sparse=sparse,
        ends=ends,
        late=track.late or 0,
    )


def zero(source: Source, part: Span, used: Sequence[int]) -> int:
    """The time that comes out as 0 of a part of streams `used` with their picture."""
    return micros(part.start) if part.cut or part.start else origin(source, 0, used)


def cut_chunk(source: Source, part: Span, chunk: Chunk, picture: int, begin: int, lead: int, beyond: int) -> Cut:
    """How to read the picture of a chunk of a part; `begin`: the time that is its 0; `lead`, `beyond`: see Cut."""
    track = source.timeline.track(picture)
    start = chunk.start - lead
    first = min(track.frame_at(start), start) if track.knows(start) else start
    seek = seek_for(source, track, first)
    counted = origin(source, seek, (picture,))
    last = _held(track, chunk.start, chunk.end, part.cut) if chunk.last and chunk.clock.held else None
    return Cut(
        seek=seek,
        offset=begin - lead - counted,
        shown=first - counted,
        length=chunk.end - begin + lead,
        last=last + lead if last is not None else None,
        sparse=chunk.clock.sparse,
        ends=_ends(track, chunk.start, chunk.end, part.cut, last) if chunk.last else None,
        clock=chunk.clock,
        lead=lead,
        beyond=beyond,
    )


def cut_sound(source: Source, part: Span, used: Sequence[int], begin: int) -> Cut:
    """How to read sounds `used` of a part without its picture; `begin`: the time that is their 0."""
    start = micros(part.start)
    seek = _sound_seek(source, start)
    offset = begin - origin(source, seek, used)
    return Cut(seek=seek, offset=offset, shown=offset, length=max(0, start + micros(part.length) - begin))


def _offset(part: Span, offset: int) -> int:
    """Of a part that is cut the clock counts; a whole begins with what it has."""
    return offset if part.cut or part.start else max(0, offset)


def seek_for(source: Source, track: Track, time: int) -> int:
    """Where to begin to read so that the frame that begins at `time` is decoded."""
    if not time or is_unseekable(source) or _is_before_picture(source, time):
        return 0
    if not (_lands_late(source) or track.late or track.recovery):
        return time
    key = track.key_before(time - track.recovery)
    if key is not None and key - _BEFORE_KEY <= track.start:  # FLV's reader goes too far where no picture is before
        return 0
    seek = max(0, key - _BEFORE_KEY if key is not None else time - _BLIND)
    if not track.late:
        return seek
    seek = track.frame_at(seek)  # by clocks that tick once a frame there is no place between
    return 0 if _is_before_picture(source, seek) else seek


def from_seek(source: Source, seek: int, time: int, picture: int) -> tuple[str, ...]:
    """The filter that drops what was read from `seek` on before the frame that begins at `time`."""
    shown = time + (source.timeline.track(picture).late or 0) - origin(source, seek, (picture,))
    return (f"trim=start={_told(shown - _LESS)}",) if shown > _SAME else ()


def _sound_seek(source: Source, time: int) -> int:
    if is_unseekable(source) or _is_before_picture(source, time):
        return 0
    return max(0, time - (2 * _BEFORE_KEY if _lands_late(source) else _BEFORE_SOUND))


def _lands_late(source: Source) -> bool:
    return source.demuxer in JOINED or source.demuxer == "flv" or source.timeline.fragments or source.timeline.edited


def _is_before_picture(source: Source, time: int) -> bool:
    """Whether a seek finds no key frame before it: AVI's reader then goes to any place, Matroska's to the first."""
    return any(
        time - _SEEKS_EARLIER < source.timeline.track(s.index).start
        for s in source.info.streams
        if s.kind == MediaInfo.Stream.VIDEO and not s.cover and not s.empty
    )


def is_unseekable(source: Source) -> bool:
    """Whether it is read from its beginning for each part."""
    times = source.timeline
    # In PS a seek may land seconds late, or behind the last key frame, where packs hold many pictures: in small files.
    packed = (source.demuxer == "mpeg" or times.edited) and source.info.size_bytes <= _SMALL_BYTES
    counted = any(track.counted for track in times.tracks.values())
    # Of other sounds in Ogg (FLAC, Speex) its reader gets a page's times wrong, and ffmpeg sees a jump.
    paged = source.demuxer == "ogg" and any(s.codec not in _PAGED for s in source.info.streams if s.channels)
    # And where a file is damaged its index may be gone.
    return bool(source.demuxer in UNMEASURED | {"webp_anim"} or packed or counted or paged or times.damaged)


def _held(track: Track, start: int, end: int, cut: bool) -> int | None:
    """The last frame of a part, where it stays for longer than others, from the part's beginning; else None."""
    stop = end if cut else min(end, track.end)
    if stop <= start or not (track.knows(stop - 1) and track.knows(start)):
        return None
    last = track.frame_at(stop - 1)
    if last >= stop:
        return None
    before = track.frame_at(last - 1) if last > start else last
    usual = last - max(start, before) if before < last else 0
    left = stop - max(last, start)
    longer = left > max(usual * 3 // 2, 3 * _SHORT) or (left > _LONG and usual > _LONG)
    # What the cut takes off a frame's time its encoder does not know.
    shorter = left > _LEAST and track.shown_until(last) - last - left > _HOLE
    if longer or shorter:
        return max(0, last - start)
    return None


def _ends(track: Track, start: int, end: int, cut: bool, held: int | None) -> tuple[int, int] | None:
    """See Cut.ends; of a held frame the last clone counts."""
    if held is not None:
        return end - start - _step(end - start, held), end - start
    stop = end if cut else min(end, track.end)
    if stop <= start or not track.knows(stop - 1):
        return None
    return max(0, track.frame_at(stop - 1) - start), stop - start


def _step(length: int, held: int) -> int:
    """Between clones of a frame that begins at `held`."""
    return min(_SHORT, (length - held) // (_CLONES + 1))


def _back(offset: int) -> str:
    return f"-{_told(offset)}" if offset > 0 else f"+{_told(-offset)}"


def _told(time: int) -> str:
    return seconds(time / SECOND)
