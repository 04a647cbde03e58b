"""From packets, one after the other, to a timeline: what ffmpeg makes of their times. Pure.

Runs in the prober's child. Where the clock of a file that may be joined (MPEG-TS, PS, Ogg) jumps, ffmpeg shifts all
that follows so that it goes on; so does this, by the same rule (`ts_discontinuity_detect` in its `ffmpeg_demux.c`), for
what ffmpeg makes must be what was planned.
"""

from __future__ import annotations  # Python 3.11 has no array[int]

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from reelmill.media.timeline import MAX_FRAMES, MAX_HOLES, SECOND, Timeline, Track

_LEAP, _BACK = 10 * SECOND, SECOND // 10  # ffmpeg's -dts_delta_threshold, and what it bears of disorder
_HOLE = 60_000  # microseconds: more than rounded times and the longest codec's frame lie apart
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
    summed: bool = False
    """Packets last until the next is decoded (MP4): only all together they say how long pictures are shown."""
    claimed: int = 0
    times: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    holes: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    start: int | None = None
    end: int = 0
    last_duration: int = 0
    total: int = 0
    reordered: bool = False
    dts: int | None = None
    next_dts: int | None = None


class Recorder:
    """Takes packets in file order."""

    def __init__(self, streams: dict[int, Stream], *, begin: int, mends: bool, claimed: int) -> None:
        """`begin`: where ffmpeg begins to count, in microseconds; `mends`: whether it mends jumps of this format."""
        self.hidden = frozenset(index for index, stream in streams.items() if stream.hidden)
        self._streams = streams
        self._begin = begin
        self._mends = mends
        self._claimed = claimed
        self._shift = 0
        self._last: int | None = None
        self._jumps: list[int] = []
        self._disordered = False
        self.broken = False
        """Reading ended with an error."""
        self.reached = 0
        """Where in the file, in bytes, the last packet ended."""

    def add(self, index: int, pts: int | None, dts: int | None, duration: int, key: bool) -> None:
        """One packet that will be shown or heard; times in its stream's base."""
        stream = self._streams.get(index)
        if stream is None:
            return
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
            if dts is not None:
                decoded = dts * scale // over - self._begin
                self._mend(stream, decoded + self._shift)
                stream.dts = self._last = decoded + self._shift
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
        self._keep(stream, time, length, key)

    def add_hidden(self, index: int, pts: int | None, key: bool) -> None:
        """A packet that an edit list hides: it is decoded, for what is shown after it may need it."""
        stream = self._streams.get(index)
        if key and pts is not None and stream is not None and stream.picture and len(stream.keys) < MAX_FRAMES:
            stream.keys.append(pts * stream.base.numerator * SECOND // stream.base.denominator - self._begin)

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
        elif stream.start is not None and time - stream.end > _HOLE and len(stream.holes) < MAX_HOLES:
            stream.holes.append((stream.end, time))
        if stream.start is None or time < stream.start:
            stream.start = time
        if time + length > stream.end or stream.count == 1:
            stream.end, stream.last_duration = time + length, length

    def timeline(self, *, measured: bool) -> Timeline:
        """What all packets say."""
        tracks = {index: _track(stream, measured) for index, stream in self._streams.items() if stream.count}
        return Timeline(
            tracks=tracks,
            claimed=self._claimed,
            measured=measured,
            jumps=tuple(self._jumps),
            disordered=self._disordered,
            broken=self.broken,
        )


def _track(stream: Stream, measured: bool) -> Track:
    start = stream.start or 0
    if not stream.picture:
        return Track(start=max(0, start), end=max(stream.end, 0), claimed=stream.claimed, holes=tuple(stream.holes))
    shift = min(stream.times, default=0) if stream.raw else 0
    frames = array("q", sorted(time - shift for time in stream.times))
    keys = array("q", sorted(time - shift for time in stream.keys))
    if keys and stream.leading:
        # What refers to pictures before the first key frame is decoded by nobody.
        frames = array("q", (time for time in frames if time >= keys[0]))
    interval = _usual(frames) or stream.last_duration
    end = max(stream.end - shift, frames[-1] + (0 if stream.last_duration else interval))
    if stream.summed and stream.reordered:
        end = max(frames[-1] + 1, min(start + stream.total, end))
    whole = measured and stream.count == len(stream.times)
    return Track(
        start=frames[0],
        end=end,
        claimed=stream.claimed,
        frames=frames,
        keys=keys,
        windows=((-(2**62), 2**62),) if whole else (),
        interval=interval,
    )


def _usual(frames: array[int]) -> int:
    """How long a frame is shown: the middle one of all lengths."""
    lengths = sorted(b - a for a, b in pairwise(frames))
    return lengths[len(lengths) // 2] if lengths else 0
