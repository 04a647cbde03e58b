"""Whether a WebP is all there: its parts, and what its coded pictures need. Runs in the prober's child.

Chunks as in Google's WebP container specification; VP8 as in RFC 6386, 9.1. Where VP8 ends too early its decoder
goes on with zeros, and says nothing; libwebp, and so browsers, refuse such a picture.
"""

import struct
from collections.abc import Iterator
from typing import IO

import av
import av.error

from reelmill.media.damage import cut_off, damaged
from reelmill.media.diagnosis import AGAIN, Diagnosis
from reelmill.media.formats.containers import MAX_PIXELS
from reelmill.media.iff import Chunk, chunks

_FRAME_HEAD, _VP8_HEAD = 16, 10
_MOST_PIXELS = MAX_PIXELS  # of all frames together; what comes behind is taken as it is
_MOST_BYTES = 2**26
_ALLOWED = b"\0\0"  # behind the end: a decoder looks a little further than it needs
_OTHER = b"\xff" * 16
_EMPTY = bytes(4096)  # no coded picture has so many zeros


def problem(file: IO[bytes], size: int) -> Diagnosis | None:
    """What is wrong with a WebP of `size` bytes, still or animated."""
    left, coded = _MOST_PIXELS, 0
    for chunk in _coded(file, size):
        if isinstance(chunk, Diagnosis):
            return chunk
        coded += 1
        file.seek(chunk.inner)
        data = file.read(min(chunk.end - chunk.inner, _MOST_BYTES))
        if _EMPTY in data:
            return damaged("no_data", "the picture is damaged: a part of it is zeros, as after a transfer that did not"
                            " end", f"{AGAIN}.")  # fmt: skip
        if chunk.name != b"VP8 " or len(data) < _VP8_HEAD:
            continue
        width, height = (side & 0x3FFF for side in struct.unpack("<HH", data[6:10]))
        first = int.from_bytes(data[:3], "little") >> 5
        left -= width * height
        if first > len(data) - _VP8_HEAD:
            return cut_off(len(data), first + _VP8_HEAD, "the picture")
        if left >= 0 and _lacks_some(data):
            return damaged("cut_off", f"the picture is damaged or cut off: its {len(data)} bytes end before it does",
                            f"{AGAIN}.")  # fmt: skip
    if not coded:
        return damaged("no_data", "the picture is damaged: it has the header of a WebP and no pixels", f"{AGAIN}.")
    return None


def _coded(file: IO[bytes], size: int) -> Iterator[Chunk | Diagnosis]:
    """The coded parts, also of an animation's frames; the last may be what is wrong with them."""
    file.seek(4)
    end = min(size, int.from_bytes(file.read(4), "little") + 8)  # what lies behind it is no part of it
    for chunk in chunks(file, 12, end):
        if chunk.end > size + 1:  # some writers count a last byte that fills up to two
            yield cut_off(size, chunk.end, "the picture")
            return
        inner = chunks(file, chunk.inner + _FRAME_HEAD, chunk.end) if chunk.name == b"ANMF" else iter((chunk,))
        for part in inner:
            if part.end > chunk.end:
                yield cut_off(chunk.end - part.inner, part.end - part.inner, "a frame of the animation")
                return
            if part.name in (b"VP8 ", b"VP8L", b"ALPH"):
                yield part


def _lacks_some(data: bytes) -> bool:
    """Whether it comes out otherwise where something else than zeros follows it: then it ends too early."""
    as_it_is = _pixels(data)
    return as_it_is is not None and as_it_is != _pixels(data + _ALLOWED + _OTHER)


def _pixels(data: bytes) -> int | None:
    """A hash of what is decoded; None where nothing is."""
    context = av.CodecContext.create("vp8", "r")
    context.thread_count = 1
    try:
        frames = context.decode(av.Packet(data))
    except av.error.FFmpegError:
        return None
    return hash(tuple(bytes(plane) for frame in frames for plane in frame.planes)) if frames else None
