"""Which bytes of a large file a part of it is read from: for a reader that needs no more of it. Pure.

For MP4 and MOV, whose index says where each sample lies: libav reads the boxes, the first samples of all streams (to
learn what they are), and from the key frame before the part on what the part has. What a reader does besides is covered
by margins: a seek of ffmpeg goes back by 3/23 s where frames are reordered, and its demuxer runs ahead of what is shown
by its queues and by the frames that decoders hold. Matroska is left out: its index names some clusters alone, and where
the others begin only the clusters tell.
"""

from __future__ import annotations  # Python 3.11 has no array[int]

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from reelmill.media.timeline import SECOND

INDEXED = frozenset({"mov"})
"""Demuxers whose index says where each sample lies."""
MOST_EXTENTS = 100
"""Of a part: each is a request, and stands in a task's spec."""
EARLIER = 2 * SECOND
"""A reader may begin so much before its part: a chunk is encoded from some frames before it."""
_FIRST_BYTES = 5_000_000  # of all streams together: libav's probesize
_APART = 3 * SECOND  # it reads in the order of places, where times lie less than a second apart
_BEFORE, _BEHIND = EARLIER + SECOND, 10 * SECOND
_LEAST_BEHIND = 128  # samples, of a picture of few frames a second
_GAP_BYTES = 2**20  # that are read rather than left out: a request costs as much

Extent = tuple[int, int]
"""From a byte to before another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """All samples of a stream, in the order in which they are decoded."""

    places: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    """When they are decoded, in microseconds of the file's clock; they never go back."""
    keys: array[int] = field(default_factory=lambda: array("q"))
    """The places in this list of those that are decoded without others."""

    def first(self, time: int) -> int:
        """Where a reader begins that wants what is shown at a time."""
        at = bisect_right(self.times, time - _BEFORE) - 1
        before = bisect_right(self.keys, at)
        return self.keys[before - 1] if before else 0

    def behind(self, time: int) -> int:
        """Behind which sample a reader has all that is shown before a time."""
        return max(bisect_left(self.times, time + _BEHIND), bisect_left(self.times, time) + _LEAST_BEHIND)

    def extents(self, first: int, behind: int) -> Iterable[Extent]:
        """Where some of them lie."""
        for place, size in zip(self.places[first:behind], self.sizes[first:behind], strict=True):
            yield place, place + size


class Layout:
    """Where everything lies in a file."""

    def __init__(self, streams: Mapping[int, Samples], size_bytes: int, *, telling: Collection[int] = ()) -> None:
        """`streams`: all of them; `telling`: those that are read as the file is opened, such as its chapters."""
        self._streams = streams
        self._size_bytes = size_bytes
        found = list(self._boxes())
        until = self._learnt()
        for index, samples in streams.items():
            count = len(samples.times) if index in telling else bisect_right(samples.times, until)
            found += samples.extents(0, count)
        self._opening = _few(found, size_bytes)

    def of(self, used: Collection[int], start: int, end: int) -> tuple[Extent, ...]:
        """What is read for what streams `used` show from `start` to `end`, in microseconds of the file's clock.

        In order, apart from each other, and inside the file.
        """
        found = list(self._opening)
        for index in used:
            samples = self._streams[index]
            found += samples.extents(samples.first(start), samples.behind(end))
        return _few(found, self._size_bytes)

    def _boxes(self) -> Iterable[Extent]:
        """All that is no sample: the index, wherever it stands, and what else tells of the file."""
        at = 0
        for begin, end in sorted(pair for one in self._streams.values() for pair in one.extents(0, len(one.times))):
            if begin > at:
                yield at, begin
            at = max(at, end)
        if at < self._size_bytes:
            yield at, self._size_bytes

    def _learnt(self) -> int:
        """Until when samples are read of all streams, to learn what they are."""
        read = 0
        streams = self._streams.values()
        for time, size in sorted(pair for one in streams for pair in zip(one.times, one.sizes, strict=True)):
            read += size
            if read > _FIRST_BYTES:
                return time + _APART
        return 2**62


def as_told(told: Any, size_bytes: int) -> tuple[Extent, ...]:
    """What another process says that Layout.of answered. Raises ValueError or TypeError for what it never does."""
    found = tuple((begin, end) for begin, end in told[:MOST_EXTENTS])
    edges = [edge for extent in found for edge in extent]
    if not all(type(edge) is int for edge in edges) or not all(
        a < b for a, b in pairwise([-1, *edges, size_bytes + 1])
    ):
        raise ValueError("these are no extents of the file")
    return found


def total_bytes(found: Iterable[Extent]) -> int:
    """How much is read."""
    return sum(end - begin for begin, end in found)


def _few(found: Iterable[Extent], size_bytes: int) -> tuple[Extent, ...]:
    ordered = sorted((max(0, begin), min(end, size_bytes)) for begin, end in found)
    gap = _GAP_BYTES
    while len(joined := _joined(ordered, gap)) > MOST_EXTENTS:
        ordered, gap = joined, 2 * gap
    return tuple(joined)


def _joined(ordered: Sequence[Extent], gap: int) -> list[Extent]:
    made: list[Extent] = []
    for begin, end in ordered:
        if begin >= end:
            continue
        if made and begin <= made[-1][1] + gap:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((begin, end))
    return made
