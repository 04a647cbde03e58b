"""Looks into a large file around the times that a job will look at, and into the headers of its packets.

Runs in the prober's child.
"""

import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import av.error

from reelmill.media import h264
from reelmill.media.formats.containers import UNORDERED
from reelmill.media.opened import demuxed
from reelmill.media.packets import Stream, usual_length
from reelmill.media.timeline import MOST_LOOKS, SECOND, Track

_LOOK_SECONDS, _LOOK_PACKETS = 2.0, 5000
_EACH_LOOK_SECONDS = 0.03
_SPAN_SECONDS, _SPAN_PACKETS = 4.0, 1_000_000
_FIRST_PACKETS = 40  # of H.264 that follows an order of its own: it keeps 16 at most
_NEAR = SECOND  # of packets after a time that may still be shown before it
_FAR = 3600 * SECOND  # before a file
_EARLIER = 2 * SECOND  # where a seek lands behind the key frame, the next one begins earlier by this


def delay(container: Any, stream: Any) -> int | None:
    """Frames that the decoder puts off, of a picture in a container that may not tell when they are shown."""
    context = stream.codec_context
    if container.format.name not in ("avi", "mxf") or context is None or context.name not in UNORDERED:
        return None
    return int(context.reorder_depth)


def tells(stream: Stream, *, key: bool) -> bool:
    """Whether H.264's headers have something to say of a packet."""
    return key or stream.renewing is not None or (stream.sequence is not None and stream.sequence.fields)


def told(packet: Any, stream: Stream) -> dict[str, Any]:
    """What H.264's headers say of a packet, as Recorder.add takes it."""
    found: dict[str, Any] = {}
    if not tells(stream, key=packet.is_keyframe):
        return found
    data, extradata = bytes(packet), packet.stream.codec_context.extradata or b""
    if packet.is_keyframe:
        found["renews"] = h264.recovery(data, extradata)
        stream.sequence = h264.sequence(data, extradata) or stream.sequence
    elif stream.renewing:
        found["counts"] = h264.is_counted(data, extradata)
    if stream.sequence is not None and stream.sequence.fields:
        found["field"] = h264.field(data, extradata, stream.sequence)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class First:
    """What a picture's first packet tells."""

    midway: bool
    """It refers to others, which are missing."""
    sequence: h264.Sequence | None


def first(packet: Any) -> First | None:
    """As that packet has it; None where it is empty."""
    context = packet.stream.codec_context
    if not packet.size or context is None:
        return None
    sequence = h264.sequence(bytes(packet), context.extradata or b"") if context.name == "h264" else None
    midway = not packet.is_keyframe or (
        sequence is not None and bool(h264.recovery(bytes(packet), context.extradata or b""))
    )
    return First(midway=midway, sequence=sequence)


def must_look(container: Any, first: First | None) -> bool:
    """Whether frames are not shown when a container says so, or not from its beginning on."""
    return container.format.name in ("avi", "mxf") or (first is not None and first.midway)


def looked(
    container: Any,
    track: Track,
    stream: Any,
    begin: int,
    looks: Sequence[float],
    first: First | None,
    span: tuple[float, float] | None = None,
) -> Track:
    """A picture's track with what is shown around `looks` and in a `span`, as measuring.sought has them.

    `begin`: of its clock.
    """
    frames: set[int] = set()
    keys: set[int] = set()
    windows: list[tuple[int, int]] = []
    late, shift, undated = _late(container, stream)
    refreshes = stream.codec_context is not None and stream.codec_context.name == "h264"
    reader = _Reader(
        container=container,
        stream=stream,
        begin=begin + shift,
        undated=undated,
        seen=Stream(
            base=stream.time_base, picture=True, refreshes=refreshes, sequence=first.sequence if first else None
        ),
    )
    if first is not None and first.midway and (shown := reader.first_whole()) is not None:
        track = replace(track, begin=track.start, start=max(track.start, shown))
    until = time.monotonic() + _LOOK_SECONDS + _EACH_LOOK_SECONDS * len(looks) + (_SPAN_SECONDS if span else 0)
    length = track.end - track.start
    wanted = [round(look * SECOND) if look >= 0 else track.start + round(-look * length) for look in looks[:MOST_LOOKS]]
    parts = [(at, at) for at in wanted]
    parts += [(round(span[0] * SECOND), round(span[1] * SECOND))] if span else []
    for at, end in parts:
        if time.monotonic() > until:
            break
        if any(low <= at and end < high for low, high in windows):
            continue
        tries = (reader.around(at - back, at, end, until) for back in (0, _EARLIER, 5 * _EARLIER))
        found = next((one for one in tries if one is not None), None)
        if found is None:
            continue
        times, some, ended = found
        frames.update(times)
        keys.update(some)
        windows.append(_window(times, end, track.start, ended=ended))
    usual = (
        usual_length(array("q", sorted(frames))) if undated and len(frames) > 1 else track.interval
    )  # where a rate is of ticks
    if undated:
        late = (late or 0) * usual + (usual // 2 if reader.seen.apart else 0)
    return replace(
        track,
        interval=usual,
        frames=array("q", sorted(when for when in frames if track.begin is None or when >= track.start)),
        keys=array("q", sorted(keys)),
        windows=tuple(sorted(windows)),
        late=late,
        recovery=reader.seen.recovery,
    )


def _window(times: Sequence[int], end: int, start: int, *, ended: bool) -> tuple[int, int]:
    """Between which times the frames are known that were found around a part which ends at `end`.

    `ended`: the film does; else it was broken off, and what came last may lack some that are shown before it.
    """
    known = end + _NEAR if ended or max(times) > end + _NEAR else max(times) - _NEAR
    near = [t for t in times if t <= known]
    # Where nothing is shown yet, the first frame is.
    low = min(times) if min(times) > start else -(2**62)
    return (low, 2**62 if ended else max(near)) if near else (-(2**62), min(times) + 1)


def _late(container: Any, stream: Any) -> tuple[int | None, int, bool]:
    """As Track.late; by how much frames' times are to be moved back, and whether times of decoding tell them.

    Where these do, the first is in frames.
    """
    avi, put_off = container.format.name == "avi", delay(container, stream)
    if not (avi or put_off):
        return None, 0, False
    container.seek(container.start_time or 0)
    packets = [p for p in islice(demuxed(container, stream), _FIRST_PACKETS) if p.size and None not in (p.pts, p.dts)]
    if put_off is not None and (avi or all(p.pts == p.dts for p in packets)):
        return put_off, 0, True
    if not (avi and packets and packets[0].is_keyframe):
        return None, 0, False
    late = int((packets[0].pts - packets[0].dts) * stream.time_base * SECOND)
    return late, late, False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    container: Any
    stream: Any
    begin: int
    undated: bool
    seen: Stream

    def around(self, seek: int, at: int, end: int, until: float) -> tuple[list[int], list[int], bool] | None:
        """Frames from the key frame before `at` to behind `end`, key frames, and whether the file ended.

        None if the key frame came too late, also where the picture that it begins to renew is not whole at `at`.
        `until`: of a monotonic clock, when to break off.
        """
        self._seek(seek)
        self.seen.renewing = self.seen.whole = self.seen.field = None
        times: list[int] = []
        keys: list[int] = []
        left = _LOOK_PACKETS if at == end else _SPAN_PACKETS
        ended = True
        for when, key, hidden in self._times():
            left -= 1
            if not left or (left % 256 == 0 and time.monotonic() > until):
                ended = False
                break
            if not keys and not key:
                continue
            if key and not (hidden and keys):
                keys.append(when)
            if hidden:
                continue
            times.append(when)
            if seek > -_EARLIER and (keys[0] > at or (when > at and (self.seen.whole is None or self.seen.whole > at))):
                return None
            if when > end + _NEAR:
                ended = False
                break
        shown = [t for t in times if t >= keys[0]]
        return (shown, keys, ended) if shown else None

    def first_whole(self) -> int | None:
        """When the first picture is shown that refers to none before the file."""
        self._seek(-_FAR)
        return next(
            (self.seen.whole for _ in islice(self._times(), _LOOK_PACKETS) if self.seen.whole is not None), None
        )

    def _seek(self, to: int) -> None:
        try:
            where = int((to + self.begin) / SECOND / self.stream.time_base)
            self.container.seek(where, stream=self.stream, backward=True)
        except av.error.FFmpegError:  # AVI's reader finds nothing before its beginning
            self.container.seek(self.container.start_time or 0)

    def _times(self) -> Iterator[tuple[int, bool, bool]]:
        """When each frame is shown, whether it is a key frame, and whether an edit list hides it: it is decoded."""
        held: tuple[int, bool, bool] | None = None
        for i, packet in enumerate(demuxed(self.container, self.stream)):
            stamp = packet.dts if self.undated or packet.pts is None else packet.pts
            if not packet.size:
                continue
            found = told(packet, self.seen) if self.seen.refreshes else {}
            before, now = self.seen.field, found.get("field")
            second = self.seen.is_second(now)
            alike = before is not None and now is not None and before.bottom == now.bottom  # packets of two fields each
            if held is not None and (second or alike):
                yield held
            held = None
            if stamp is None or second:
                continue
            when = int(stamp * packet.time_base * SECOND) - self.begin
            self.seen.renew(when, packet.is_keyframe, found.get("renews", 0), found.get("counts", True))
            if not i and self.seen.field is not None:  # or the second of a picture whose first a seek went past
                held = when, packet.is_keyframe, packet.is_discard
            else:
                yield when, packet.is_keyframe, packet.is_discard
