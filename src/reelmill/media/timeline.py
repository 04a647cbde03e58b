"""What is shown and heard when, in an input: the one voice about time. Pure.

Times are microseconds from where ffmpeg begins to count: the earliest first packet of all tracks, whatever number it
has. What a container claims is a hint; what its packets hold counts. The frame at a time is the last that begins no
later; before the first one it is the first, after the last one the last.
"""

from __future__ import annotations  # Python 3.11 has no array[int]

import base64
import json
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from reelmill.v1.media_pb2 import MediaInfo

SECOND = 1_000_000
MAX_FRAMES = 1_000_000
"""Of one picture whose times are kept: 2 h at 120 a second have 864,000."""
MAX_HOLES = 1000
MOST_LOOKS = 128
"""Times that a job may have looked at in a file that is not read whole."""
_MOST_BYTES = 2**25
_NONE = array("q")


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """One stream, as its packets tell."""

    start: int
    """When its first frame or sample is shown or heard."""
    end: int
    """When its last frame or sample ends."""
    claimed: int = 0
    """How long the container says it lasts; 0 where it does not."""
    frames: array[int] = field(default_factory=lambda: _NONE)
    """When frames of a picture are shown, in that order: all, or those around what was looked for."""
    keys: array[int] = field(default_factory=lambda: _NONE)
    """Those of them from which decoding can begin."""
    windows: tuple[tuple[int, int], ...] = ()
    """From when to when `frames` has all that there are."""
    holes: tuple[tuple[int, int], ...] = ()
    """From when to when a sound has no packets, between its start and its end."""
    begin: int | None = None
    """Where its packets begin, where nothing of the first ones is shown: they refer to what came before the file."""
    interval: int = 0
    """How long a frame usually is shown; 0 where that is not known."""
    late: int | None = None
    """Its container tells when frames are decoded alone: ffmpeg, asked to go by that, shows each so much too late."""
    recovery: int = 0
    """How long it may take, from a key frame on, until pictures are whole, where they are renewed in strips."""
    counted: bool = False
    """A sound whose packets' times overlap: ffmpeg would leave half of it out. Its samples count."""

    def frame_at(self, time: int) -> int:
        """When the frame that is on the screen at `time` began."""
        if any(low <= time < high for low, high in self.windows):
            return self.frames[max(0, bisect_right(self.frames, time) - 1)]
        # Not measured: frames are taken to follow each other evenly.
        last = max(self.start, self.end - (self.interval or 1))
        inside = min(max(time, self.start), last)
        if not self.interval:
            return inside
        return self.start + (inside - self.start) // self.interval * self.interval

    def frame_from(self, time: int) -> int | None:
        """When the first frame begins that begins no earlier than `time`; None where that was not measured."""
        at = bisect_left(self.frames, time)
        if at == len(self.frames):
            return None
        found = self.frames[at]
        return found if any(low <= time and found <= high for low, high in self.windows) else None

    def place(self, time: int, first: int) -> int | None:
        """The place of the frame that begins at `time` among those from the one on the screen at `first` on.

        Where it was not measured, frames are taken to follow each other evenly; None where nothing tells.
        """
        if any(low <= first and time <= high for low, high in self.windows):
            return bisect_left(self.frames, time) - max(0, bisect_right(self.frames, first) - 1)
        return round((time - first) / self.interval) if self.interval else None

    def knows(self, time: int) -> bool:
        """Whether `frame_at` tells what was measured."""
        return any(low <= time < high for low, high in self.windows)

    def key_before(self, time: int) -> int | None:
        """The last key frame that is shown no later than `time`; None where none is known."""
        at = bisect_right(self.keys, time) - 1
        return self.keys[at] if at >= 0 else None

    def gaps(self, start: int, end: int) -> tuple[int, int]:
        """The shortest and the longest time of a frame of a part that was measured; 0, 0 for others."""
        if not (self.knows(start) and self.knows(end - 1)):
            return 0, 0
        low, high = max(0, bisect_right(self.frames, start) - 1), bisect_right(self.frames, end - 1) + 1
        ends = (self.end,) if high > len(self.frames) else ()
        found = [b - a for a, b in pairwise((*self.frames[low:high], *ends))]
        return min(found, default=0), max(found, default=0)

    def shown_until(self, time: int) -> int:
        """When the frame that is on the screen at `time` gives way to the next one, or ends."""
        if self.knows(time):
            at = max(0, bisect_right(self.frames, time) - 1) + 1
            return self.frames[at] if at < len(self.frames) else max(self.end, time)
        return min(self.frame_at(time) + self.interval, self.end) if self.interval else self.end


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """All tracks of an input, by their index."""

    tracks: Mapping[int, Track]
    claimed: int = 0
    """How long the container says the whole lasts; 0 where it does not."""
    measured: bool = False
    """Whether all packets were read; else lengths are the container's, and what was looked at."""
    jumps: tuple[int, ...] = ()
    """Where the file's clock goes back or leaps: files that were joined, recorders that were interrupted."""
    disordered: bool = False
    """The clock goes back in a format whose readers don't mend that."""
    fragments: bool = False
    """An MP4 of fragments, in which a seek may land behind its key frame, as in MPEG-TS."""
    ahead: int = 0
    """ffmpeg's count at 0 of this one, where it finds no beginning: of a PS of a single frame."""
    edited: bool = False
    """An MP4 whose edit list hides more than what decoders need at a sound's beginning: seeks go astray in it."""
    broken: bool = False
    """Reading all of it ended with an error."""
    cut_off: bool = False
    """The rest of the file is missing; `end` is where its container says it would be."""

    @property
    def end(self) -> int:
        """When the last track ends; 0 where that is not known."""
        found = max((track.end for track in self.tracks.values()), default=0)
        return max(found, self.claimed) if self.cut_off else found or self.claimed

    @property
    def damaged(self) -> bool:
        """Whether what does not come out as planned is the input's fault."""
        return bool(self.jumps or self.disordered or self.broken or self.cut_off)

    @property
    def seconds(self) -> float:
        """How long the whole lasts; 0 where that is not known."""
        return self.end / SECOND

    def track(self, index: int) -> Track:
        """The track of a stream; of one that nothing is known of, one that lasts as the whole."""
        found = self.tracks.get(index)
        if found is None:
            return Track(start=0, end=self.end)
        if self.cut_off:  # what is missing counts, and is missed by whoever looks for it
            windows = tuple((low, min(high, found.end)) for low, high in found.windows)
            return replace(found, end=max(found.start + found.claimed, self.end), windows=windows)
        return found


def claimed(info: MediaInfo) -> Timeline:
    """What a container says, for want of packets: all begin at once, frames follow each other evenly."""
    tracks = {
        s.index: Track(
            start=0,
            end=micros(s.duration_seconds or info.duration_seconds),
            claimed=micros(s.duration_seconds),
            interval=micros(1 / s.frame_rate) if s.frame_rate else 0,
        )
        for s in info.streams
    }
    return Timeline(tracks=tracks, claimed=micros(info.duration_seconds))


def micros(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * SECOND)


def packed(timeline: Timeline) -> str:
    """A timeline as a text that `unpacked` reads: even frames take next to nothing."""
    head: dict[str, Any] = {
        "claimed": timeline.claimed,
        "measured": timeline.measured,
        "jumps": timeline.jumps,
        "disordered": timeline.disordered,
        "ahead": timeline.ahead,
        "broken": timeline.broken,
        "cut_off": timeline.cut_off,
        "fragments": timeline.fragments,
        "edited": timeline.edited,
        "tracks": [
            {
                "index": index,
                "start": t.start,
                "end": t.end,
                "claimed": t.claimed,
                "windows": t.windows,
                "holes": t.holes,
                "interval": t.interval,
                "begin": t.begin,
                "late": t.late,
                "recovery": t.recovery,
                "counted": t.counted,
                "frames": len(t.frames),
                "keys": len(t.keys),
            }
            for index, t in timeline.tracks.items()
        ],
    }
    parts = [json.dumps(head).encode(), b"\n"]
    for track in timeline.tracks.values():
        parts += [_steps(track.frames).tobytes(), _steps(track.keys).tobytes()]
    return base64.b64encode(zlib.compress(b"".join(parts), 1)).decode()


def unpacked(text: str) -> Timeline:
    """What `packed` wrote. Raises ValueError for anything else."""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text), _MOST_BYTES)
    except zlib.error as error:
        raise ValueError("no timeline") from error
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    at = 0
    tracks = {}
    for told in head["tracks"]:
        lists = []
        for name in ("frames", "keys"):
            size = 8 * told[name]
            lists.append(_sums(rest[at : at + size]))
            at += size
        tracks[told["index"]] = Track(
            start=told["start"],
            end=told["end"],
            claimed=told["claimed"],
            frames=lists[0],
            keys=lists[1],
            windows=_pairs(told["windows"]),
            holes=_pairs(told["holes"]),
            interval=told["interval"],
            begin=told.get("begin"),
            late=told.get("late"),
            recovery=told.get("recovery", 0),
            counted=told.get("counted", False),
        )
    return Timeline(
        tracks=tracks,
        claimed=head["claimed"],
        measured=head["measured"],
        jumps=tuple(head["jumps"]),
        disordered=head["disordered"],
        ahead=head.get("ahead", 0),
        broken=head["broken"],
        cut_off=head["cut_off"],
        fragments=head["fragments"],
        edited=head.get("edited", False),
    )


def packed_times(times: Sequence[int]) -> str:
    """Times in their order as a text that `unpacked_times` reads."""
    return base64.b64encode(zlib.compress(_steps(times).tobytes(), 6)).decode()


def unpacked_times(text: str) -> array[int]:
    """What `packed_times` wrote. Raises ValueError for anything else."""
    try:
        return _sums(zlib.decompressobj().decompress(base64.b64decode(text), _MOST_BYTES))
    except zlib.error as error:
        raise ValueError("no times") from error


def _pairs(told: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high in told)


def _steps(values: Sequence[int]) -> array[int]:
    before = 0
    steps = array("q")
    for value in values:
        steps.append(value - before)
        before = value
    return steps


def _sums(data: bytes) -> array[int]:
    total = 0
    sums = array("q")
    for step in array("q", data):
        total += step
        sums.append(total)
    return sums
