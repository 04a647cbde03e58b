"""Where a film's size or aspect changes on the way: ffmpeg tells its filters of sizes, and of the first aspect alone.
Whether there are fields in a part that is not the first.

Runs in the prober's child. In broadcasts and recordings a picture's headers come again and again; only where one
differs from the last is a picture decoded. Small files are read whole, large ones looked into here and there, and then
between two places that differ.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from typing import IO, Any

import av
import av.error
from av.stream import Discard

from reelmill.media.opened import demuxed
from reelmill.v1.media_pb2 import MediaInfo

DEMUXERS = frozenset({"mpegts", "mpeg", "mpegvideo", "h264", "hevc", "dv"})
"""Formats that say nothing of aspects themselves, so each picture's own counts."""
_WHOLE_BYTES = 2**24
_PLACES = (0.0, 0.5, 0.97)  # parts of the length; what changes and changes back between two of them is not seen
_NEAREST_SECONDS = 0.5
_MOST_PACKETS, _NEAREST_PACKETS = 100_000, 1000
_MOST_SHAPES, _MOST_LOOKS = 64, 256
_HEADERS = {
    "mpeg1video": re.compile(rb"\x00\x00\x01\xb3(.{8})", re.DOTALL),
    # And of its extension as much as says whether there may be fields.
    "mpeg2video": re.compile(rb"\x00\x00\x01\xb3(.{8}).{0,128}?\x00\x00\x01\xb5(..)", re.DOTALL),
    # Of the sequence parameters as much as holds the size and the shape of pixels.
    "h264": re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67](.{4,64}?)(?=\x00\x00\x01|\x00\x00\x00|$)", re.DOTALL),
    "hevc": re.compile(rb"\x00\x00\x01[\x42\x43](.{4,96}?)(?=\x00\x00\x01|\x00\x00\x00|$)", re.DOTALL),
    "mpeg4": re.compile(rb"\x00\x00\x01[\x20-\x2f](.{4,32}?)(?=\x00\x00\x01|$)", re.DOTALL),
}
_PIECE_BYTES, _MOST_PIECES, _OVERLAP_BYTES, _NEXT_BYTES = 2**16, 48, 512, 256
_TS_BYTES, _TS_HEADER_BYTES = 188, 4
_SEARCHED_BYTES = 4096  # of a packet: headers stand in front
_DV_ASPECT = slice(453, 458)  # of a frame: the pack that tells it (IEC 61834-4)


@dataclass(frozen=True, slots=True)
class Look:
    """What pictures look like from a time on."""

    width: int
    height: int
    pixel_aspect_ratio: float
    interlaced: bool


def is_large(container: Any, size_bytes: int) -> bool:
    """Whether an open file is to be looked into by `sought`, and not by `read`."""
    return size_bytes > _WHOLE_BYTES and bool(container.duration)


def read(container: Any, stream: Any) -> tuple[list[MediaInfo.Stream.Shape], bool]:
    """The shapes of a stream of a container that was just opened, and whether any part has fields.

    No shapes where there is one.
    """
    return _told(container, _changes(stream, _packets(container, stream)))


def sought(container: Any, stream: Any, file: IO[bytes], size: int) -> tuple[list[MediaInfo.Stream.Shape], bool]:
    """As `read`, by looking into an open container at some places; `file`: its bytes."""
    if _is_even(container, stream, file, size):
        return [], False
    stream.discard = Discard.default
    return _told(container, _sought(container, stream))


def _told(container: Any, found: Iterator[tuple[float, Look]]) -> tuple[list[MediaInfo.Stream.Shape], bool]:
    begin = (container.start_time or 0) / 1_000_000
    try:
        looks = list(islice(found, _MOST_SHAPES))
    except (av.error.FFmpegError, MemoryError):
        return [], False
    shapes: list[MediaInfo.Stream.Shape] = []
    for time, look in looks:
        made = MediaInfo.Stream.Shape(width=look.width, height=look.height, pixel_aspect_ratio=look.pixel_aspect_ratio)
        if not shapes or (made.width, made.height, made.pixel_aspect_ratio) != (
            shapes[-1].width,
            shapes[-1].height,
            shapes[-1].pixel_aspect_ratio,
        ):
            made.start_seconds = max(0.0, time - begin)
            shapes.append(made)
    return shapes if len(shapes) > 1 else [], any(look.interlaced for _, look in looks)


def _packets(container: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Packets and their times; those of raw streams, which have none, come at an even rate."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    scale, over = (stream.time_base or Fraction(1)).as_integer_ratio()
    for i, packet in enumerate(islice(demuxed(container, stream), _MOST_PACKETS)):
        if packet.size:
            yield i / rate if packet.pts is None else packet.pts * scale / over, packet


def _changes(stream: Any, packets: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, Look]]:
    """When pictures begin to look otherwise, and how."""
    last, look, left = b"", None, _MOST_LOOKS
    for time, packet in packets:
        header = _header(stream.codec_context.name, packet)
        if not header or header == last:
            continue
        left -= 1
        if left < 0:
            return
        last, new = header, _look(stream, packet)
        if new is not None and new != look:
            look = new
            yield time, new


def _header(codec: str, packet: Any) -> bytes:
    data = bytes(memoryview(packet)[:_SEARCHED_BYTES])
    if codec == "dvvideo":
        return data[_DV_ASPECT]
    found = _HEADERS[codec].search(data) if codec in _HEADERS else None
    return b"".join(found.groups()) if found else b""


def _look(stream: Any, packet: Any) -> Look | None:
    """What a picture looks like that can be decoded alone."""
    context = av.CodecContext.create(stream.codec_context.name, "r")
    context.extradata = stream.codec_context.extradata
    context.thread_count = 1
    try:
        frames = context.decode(packet) + context.decode(None)
    except (av.error.FFmpegError, MemoryError):
        return None
    if not frames:
        return None
    frame, shape = frames[0], float(context.sample_aspect_ratio or 1) or 1.0
    return Look(frame.width, frame.height, shape, bool(frame.interlaced_frame))


def _is_even(container: Any, stream: Any, file: IO[bytes], size: int) -> bool:
    """Whether the next header at each of the places is plainly the first one: libav takes ten times as long to say so.

    MPEG-TS alone is so plain: a picture begins with a packet there.
    """
    pattern, known = _HEADERS.get(stream.codec_context.name), stream.codec_context.extradata
    if pattern is None or not known or container.format.name != "mpegts":
        return False
    first = pattern.search(known)
    return first is not None and all(
        _raw_header(file, int(size * part), pattern) == first.groups() for part in _PLACES[1:]
    )


def _raw_header(file: IO[bytes], at: int, pattern: re.Pattern[bytes]) -> tuple[bytes | None, ...] | None:
    """The first header from a place on; None where there is none near."""
    file.seek(at)
    data = b""
    for _ in range(_MOST_PIECES):
        at += max(0, len(data) - _OVERLAP_BYTES)
        piece = file.read(_PIECE_BYTES)
        data = data[-_OVERLAP_BYTES:] + piece
        found = pattern.search(data, 0, len(data) - _NEXT_BYTES)
        if found is None:
            continue
        edge = found.start() + _TS_BYTES - (at + found.start()) % _TS_BYTES
        if edge < found.end():  # the next packet's own header
            found = pattern.match(data[found.start() : edge] + data[edge + _TS_HEADER_BYTES :][:_OVERLAP_BYTES])
        return found.groups() if found else None
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """A picture with a header."""

    time: float
    header: bytes
    packet: Any


def _sought(container: Any, stream: Any) -> Iterator[tuple[float, Look]]:
    begin, length = (container.start_time or 0) / 1_000_000, container.duration / 1_000_000
    found = (_at(container, stream, begin + length * part) for part in _PLACES)
    places = [place for place in found if place is not None]
    if len({place.header for place in places}) < 2:
        return
    yield from ((begin, look) for place in places[:1] if (look := _look(stream, place.packet)) is not None)
    for early, late in pairwise(places):
        one, other = _look(stream, early.packet), _look(stream, late.packet)
        if one != other and one is not None and other is not None:
            yield _between(container, stream, early, late), other


def _between(container: Any, stream: Any, early: _Place, late: _Place) -> float:
    """When the later of two shapes begins, if there is no third in between."""
    low, high = early.time, late.time
    while high - low > _NEAREST_SECONDS:
        middle = _at(container, stream, (low + high) / 2)
        if middle is None or not low < middle.time < high:
            break
        if middle.header == early.header:
            low = middle.time
        else:
            high = middle.time
    return high


def _at(container: Any, stream: Any, seconds: float) -> _Place | None:
    container.seek(round(seconds / stream.time_base), stream=stream, backward=True)
    for time, packet in islice(_packets(container, stream), _NEAREST_PACKETS):
        if header := _header(stream.codec_context.name, packet):
            return _Place(time, header, packet)
    return None
