"""From packets, one after the other, to a timeline: what ffmpeg makes of their times. Pure.

Runs in the prober's child. Where the clock of a file that may be joined (MPEG-TS, PS, Ogg) jumps, ffmpeg shifts all
that follows so that it goes on; so does this, by the same rule (`ts_discontinuity_detect` in its `ffmpeg_demux.c`), for
what ffmpeg makes must be what was planned.
"""

from __future__ import annotations  # Python 3.11 has no array[int]

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

from reelmill.media import h264
from reelmill.media.adts import Pace
from reelmill.media.timeline import MAX_FRAMES, MAX_HOLES, SECOND, Timeline, Track

LEAST_GAP_BYTES = 1024
"""Of a gap between packets that is worth a look."""
MOST_GAPS = 4000
_LEAP, _BACK = 10 * SECOND, SECOND // 10  # ffmpeg's -dts_delta_threshold, and what it bears of disorder
_HOLE = 60_000  # microseconds: more than rounded times and the longest codec's frame lie apart
_MOST_OVERLAPS = 10  # one of so many packets: times that were rounded, or a damage
_EXACT_HOLE = 25_000  # of MP4, whose times are not rounded; what is shorter aresample leaves as it is
_PRIMING = SECOND // 4
_FARTHEST = 2**55  # microseconds, a thousand years: what is told beyond is no time
_MAX_JUMPS = 1000
_MOST_REORDERED = 17  # frames that are shown before one that is decoded before them: H.264 and HEVC keep 16
_EVEN = 25  # frames a second of a raw stream that does not say: ffmpeg's own choice


@dataclass(kw_only=True, slots=True)
class Stream:
    """What is known of a stream beforehand, and what its packets added."""

    base: Fraction
    picture: bool
    rate: float = 0.0
    hidden: bool = False
    """Packets may be pictures that are never shown (VP8)."""
    raw: bool = False
    """Its packets' times are reckoned, and ffmpeg shows the first frame at once."""
    leading: bool = True
    """What is shown before the first key frame is not decoded."""
    longest: int = 0
    """Microseconds of sound that a packet holds at most; 0: not known. MP4 tells a hole as a packet's duration."""
    fragments: bool = False
    """Of an MP4 of fragments, which edit lists hide no packets of."""
    refreshes: bool = False
    """Its key frames may be the first of many that renew a picture (H.264)."""
    summed: bool = False
    """Packets last until the next is decoded (MP4): only all together they say how long pictures are shown."""
    claimed: int = 0
    delay: int | None = None
    """Frames that its decoder puts off, of a codec whose order the container's reader does not know (H.264, HEVC)."""
    undated: bool = False
    """Its container counts frames as they are decoded, and the first is shown at once (AVI)."""
    times: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    holes: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    start: int | None = None
    end: int = 0
    last_duration: int = 0
    total: int = 0
    overlaps: int = 0
    """Packets of sound that are hidden because they begin before the one before them has ended."""
    reordered: bool = False
    first: int | None = None
    """When the first packet is decoded."""
    begin: int | None = None
    """Where its packets begin, shown or not, as libav tells it."""
    renewing: tuple[int, int] | None = None
    """The key frame that began to renew the picture, and how many frames are left."""
    recovery: int = 0
    sequence: h264.Sequence | None = None
    field: h264.Field | None = None
    """The first of two that are one picture, where the last packet was one."""
    apart: bool = False
    """Some pictures' fields are packets of their own."""
    whole: int | None = None
    """When the first whole picture is shown."""
    dts: int | None = None
    next_dts: int | None = None

    @property
    def hole(self) -> int:
        """The longest time between two packets that is none."""
        return _EXACT_HOLE if self.summed else _HOLE

    def is_second(self, field: h264.Field | None) -> bool:
        """Whether a field, if the next packet is one, completes the picture that the last one began."""
        found = field is not None and field.completes(self.field)
        self.field = None if found else field
        self.apart |= found
        return found

    def renew(self, time: int, key: bool, renews: int, counts: bool) -> None:
        """One more picture; as Recorder.add has it."""
        if key and (self.renewing is None or not renews):
            self.renewing = (time, renews)
        elif self.renewing is not None and counts:
            self.renewing = (self.renewing[0], self.renewing[1] - 1)
        if self.renewing is not None and self.renewing[1] <= 0:
            self.recovery = max(self.recovery, time - self.renewing[0])
            self.whole = time if self.whole is None else self.whole
            self.renewing = None


class Recorder:
    """Takes packets in file order."""

    def __init__(
        self,
        streams: dict[int, Stream],
        *,
        begin: int | None,
        mends: bool,
        claimed: int,
        bare: bool = False,
        paced: Pace | None = None,
    ) -> None:
        """`begin`: where ffmpeg begins to count, in microseconds, if it knows; `mends`: whether it mends jumps.

        `bare`: what has no container, whose packets a reader finds by their beginnings; `paced`: whose frames alone
        tell how long they last.
        """
        self.hidden = frozenset(index for index, stream in streams.items() if stream.hidden)
        self.refreshing = {index: stream for index, stream in streams.items() if stream.picture and stream.refreshes}
        self.plain = frozenset(
            index
            for index, stream in streams.items()
            if not (
                mends or bare or stream.undated or stream.hidden
            )  # where a packet means nothing to those of other streams
        )
        """Streams whose packets `add_all` takes, where these have both times."""
        self._streams = streams
        self._begin = begin or 0
        self._begins = begin is not None
        self._mends = mends
        self._claimed = claimed
        self.bare = bare
        self.paced = paced
        self._shift = 0
        self._last: int | None = None
        self._jumps: list[int] = []
        self._disordered = False
        self._edited = False
        self.broken = False
        """Reading ended with an error."""
        self.reached = 0
        """Where in the file, in bytes, the last packet ended."""
        self._place = -1
        self._lies: dict[int, tuple[int, int]] = {}
        self.gaps: list[tuple[int, int]] = []
        """From where to where in the file no packet was, as far as that is worth a look."""
        self.hollow = 0
        """Bytes of packets that are none of theirs."""

    def follows(self, later: int, first: int) -> bool:
        """Whether all packets of a stream lie behind all of another."""
        return first in self._lies and later in self._lies and self._lies[later][0] > self._lies[first][1]

    def passed(self, index: int, at: int, size: int) -> None:
        """A packet lies there in the file."""
        self._lies[index] = (self._lies.get(index, (at, at))[0], at)
        if at == self._place:  # several share a block or a page
            self.reached += size
            return
        self._place = at
        if at - self.reached >= LEAST_GAP_BYTES and self.reached and len(self.gaps) < MOST_GAPS:
            self.gaps.append((self.reached, at))
        self.reached = max(self.reached, at + size)

    def add(
        self,
        index: int,
        pts: int | None,
        dts: int | None,
        duration: int,
        key: bool,
        *,
        renews: int = 0,
        counts: bool = True,
        field: h264.Field | None = None,
    ) -> None:
        """One packet that will be shown or heard; times in its stream's base.

        `renews`: of a key frame, how many frames follow until the picture is whole. `counts`: whether this is one.
        `field`: where it is half of a picture.
        """
        stream = self._streams.get(index)
        if stream is None:
            return
        second = stream.is_second(field)
        scale, over = stream.base.numerator * SECOND, stream.base.denominator
        length = duration * scale // over if duration and duration > 0 else 0
        if stream.picture and not length and stream.rate:
            length = round(SECOND / stream.rate)
        if stream.longest:
            length = min(length, stream.longest)
        if pts is None and dts is None:
            time = stream.next_dts if stream.next_dts is not None else 0
        else:
            before = self._shift
            if stream.undated and stream.delay is not None and dts is not None:
                pts = dts
            if dts is not None:
                decoded = dts * scale // over - self._begin
                self._mend(stream, decoded + self._shift)
                stream.dts = self._last = decoded + self._shift
                stream.first = stream.dts if stream.first is None else stream.first
                if pts is not None and (pts - dts) * scale // over > max(_LEAP, _MOST_REORDERED * length):
                    # The last one before a jump: libav, which reckons when it is shown, looks behind that.
                    pts = dts + max(duration, 0)
            time = (pts if pts is not None else dts) * scale // over - self._begin + self._shift  # type: ignore[operator]
            if self._shift != before and len(self._jumps) < _MAX_JUMPS:
                self._jumps.append(time)
            if dts is None:
                stream.next_dts = None  # unknown, as ffmpeg has it, until one tells its time of decoding
        if pts is None and dts is None:
            stream.dts = time
        if dts is not None or pts is None:
            stream.next_dts = (stream.dts or 0) + length
        stream.total += length
        stream.reordered |= pts != dts
        if abs(time) > _FARTHEST:
            self._disordered = True
            return
        if second:
            stream.end = max(stream.end, time + length)
            return
        self._keep(stream, time, length, key)
        if stream.picture and stream.refreshes:
            stream.renew(time, key, renews, counts)

    def add_all(self, index: int, packets: Sequence[tuple[int, int, int, bool]]) -> None:
        """As `add` of each: times of a `plain` stream, durations and keys, no fields, nothing renewed."""
        stream = self._streams[index]
        scale, over, begin = stream.base.numerator * SECOND, stream.base.denominator, self._begin
        picture, longest, hole, holes = stream.picture, stream.longest, stream.hole, stream.holes
        usual = round(SECOND / stream.rate) if picture and stream.rate else 0
        before = stream.dts if stream.next_dts is not None else None
        start, end, last, count, total = stream.start, stream.end, stream.last_duration, stream.count, stream.total
        for pts, dts, duration, key in packets:
            length = (duration * scale // over if duration and duration > 0 else 0) or usual
            if longest and length > longest:
                length = longest
            decoded = dts * scale // over - begin
            if before is not None and decoded + _BACK < before:
                self._disordered = True
            before = decoded
            if stream.first is None:
                stream.first = decoded
            if pts != dts:
                if (pts - dts) * scale // over > max(_LEAP, _MOST_REORDERED * length):
                    pts = dts + max(duration or 0, 0)
                stream.reordered |= pts != dts
            time = pts * scale // over - begin
            total += length
            if not -_FARTHEST <= time <= _FARTHEST:
                self._disordered = True
                continue
            count += 1
            if picture:
                if len(stream.times) < MAX_FRAMES:
                    stream.times.append(time)
                    if key:
                        stream.keys.append(time)
            elif start is not None and time - end > hole and len(holes) < MAX_HOLES:
                holes.append((end, time))
            if start is None or time < start:
                start = time
            if time + length > end or count == 1:
                end, last = time + length, length
        if packets:
            stream.dts, stream.next_dts = before, (before or 0) + length
        stream.start, stream.end, stream.last_duration, stream.count, stream.total = start, end, last, count, total

    def add_hidden(self, index: int, pts: int | None, key: bool) -> None:
        """A packet that an edit list hides: it is decoded, for what is shown after it may need it."""
        stream = self._streams.get(index)
        if pts is None or stream is None:
            return
        time = pts * stream.base.numerator * SECOND // stream.base.denominator - self._begin
        if abs(time) > _FARTHEST:
            return
        if key and stream.picture and len(stream.keys) < MAX_FRAMES:
            stream.keys.append(time)
            stream.whole = time if stream.whole is None else stream.whole
        self._edited |= stream.picture or not -_PRIMING < time < 0
        if stream.fragments and not stream.picture and stream.count and time < stream.end:
            stream.overlaps += 1

    def _mend(self, stream: Stream, decoded: int) -> None:
        if stream.next_dts is None:
            if self._mends and self._last is not None and abs(decoded - self._last) > _LEAP:
                self._shift -= decoded - self._last
            return
        delta = decoded - stream.next_dts
        back = stream.dts is not None and decoded + _BACK < stream.dts
        if self._mends and (abs(delta) > _LEAP or back):
            self._shift -= delta
        elif back:
            self._disordered = True

    def _keep(self, stream: Stream, time: int, length: int, key: bool) -> None:
        stream.count += 1
        if stream.picture:
            if len(stream.times) < MAX_FRAMES:
                stream.times.append(time)
                if key:
                    stream.keys.append(time)
        elif stream.start is not None and time - stream.end > stream.hole and len(stream.holes) < MAX_HOLES:
            stream.holes.append((stream.end, time))
        if stream.start is None or time < stream.start:
            stream.start = time
        if time + length > stream.end or stream.count == 1:
            stream.end, stream.last_duration = time + length, length

    def timeline(self, *, measured: bool) -> Timeline:
        """What all packets say."""
        tracks = {index: _track(stream, measured) for index, stream in self._streams.items() if stream.count}
        ahead = 0 if self._begins else min((track.start for track in tracks.values()), default=0)
        if ahead:
            tracks = {index: _earlier(track, ahead) for index, track in tracks.items()}
        return Timeline(
            tracks=tracks,
            claimed=self._claimed,
            measured=measured,
            jumps=tuple(self._jumps),
            disordered=self._disordered,
            edited=self._edited,
            ahead=ahead,
            broken=self.broken,
        )


def _track(stream: Stream, measured: bool) -> Track:
    start = stream.start or 0
    if not stream.picture and stream.overlaps * _MOST_OVERLAPS > stream.count:
        heard = stream.total * (stream.count + stream.overlaps) // stream.count
        return Track(start=max(0, start), end=max(0, start) + heard, claimed=stream.claimed, counted=True)
    if not stream.picture:
        return Track(start=max(0, start), end=max(stream.end, 0), claimed=stream.claimed, holes=tuple(stream.holes))
    frames, keys = (array("q", sorted(times)) for times in (stream.times, stream.keys))
    if keys and stream.leading:
        # What refers to pictures before the first key frame is decoded by nobody.
        begin = keys[0] if stream.whole is None else max(keys[0], stream.whole)
        frames = array("q", (time for time in frames if time >= begin)) or frames[-1:]
    late, shift = None, frames[0] if stream.raw else 0
    if stream.delay is not None and (stream.undated or (stream.delay and not stream.reordered)):
        # Where only times of decoding are told, a picture has that of its second field.
        late = stream.delay * usual_length(frames) + (usual_length(frames) // 2 if stream.apart else 0)
        frames = shown(frames, stream.delay)
    elif stream.undated and stream.first is not None and 0 < frames[0] - stream.first <= usual_length(frames) + 1:
        late = shift = frames[0] - stream.first  # its reader puts them off by one, as the decoder does
    if shift:
        frames, keys = (array("q", (time - shift for time in times)) for times in (frames, keys))
    interval = usual_length(frames) or stream.last_duration
    told = stream.last_duration and not stream.undated  # AVI's packets last a tick, however long they are shown
    end = max(stream.end - shift, frames[-1] + (0 if told else interval))
    if stream.summed and stream.reordered:
        end = max(frames[-1] + 1, min(start + stream.total, end))
    whole = measured and stream.count == len(stream.times)
    return Track(
        start=frames[0],
        begin=None if stream.raw else stream.begin,
        end=end,
        claimed=stream.claimed,
        frames=frames,
        keys=keys,
        windows=((-(2**62), 2**62),) if whole else (),
        interval=interval,
        late=late,
        recovery=stream.recovery,
    )


def _earlier(track: Track, by: int) -> Track:
    frames, keys = (array("q", (time - by for time in times)) for times in (track.frames, track.keys))
    holes = tuple((low - by, high - by) for low, high in track.holes)
    return replace(track, start=track.start - by, begin=None, end=track.end - by, frames=frames, keys=keys, holes=holes)


def shown(decoded: array[int], delay: int) -> array[int]:
    """When frames are shown, in order, of which it is told when they are decoded.

    Their decoder puts each off by `delay` frames, so the first is shown as it was decoded.
    """
    usual = usual_length(decoded)
    more = (decoded[-1] + (i + 1) * usual for i in range(delay))
    # Times are rounded: none is earlier than the first.
    return array("q", (max(decoded[0], time - delay * usual) for time in (*decoded[delay:], *more)))


def usual_length(frames: array[int]) -> int:
    """How long a frame is shown: the middle one of all lengths."""
    lengths = sorted(b - a for a, b in pairwise(frames))
    return lengths[len(lengths) // 2] if lengths else 0
