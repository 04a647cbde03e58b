"""Animated PNG and WebP: whether a file is one, and what an animated WebP has, which PyAV can't read; GIFs' ends. Pure
but for the reading.

Chunks as in the PNG specification (acTL, fcTL) and Google's WebP container specification (VP8X, ANMF).
"""

import os
import struct
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from reelmill.media.iff import chunks
from reelmill.media.timeline import SECOND, Timeline, Track
from reelmill.v1.media_pb2 import MediaInfo

_MOST_CHUNKS = 200_000
_STRANGE_BYTES, _STRANGE_SHARE = 1024, 50  # behind a GIF's last block, and one of so many bytes
_ANIMATED = 0x02  # a flag of VP8X
_LEAST_MILLISECONDS, _USUAL_MILLISECONDS = 10, 100  # browsers, and ffmpeg, take shorter delays for none that is meant


def of_png(file: BinaryIO) -> float | None:
    """Seconds of an animated PNG; None for one that is a still."""
    animated, total = False, 0.0
    for kind, data in _png_chunks(file):
        if kind == b"acTL":
            animated = True
        elif kind == b"IDAT" and not animated:  # what says so stands before the picture
            return None
        elif kind == b"fcTL" and len(data) >= 24:
            over, under = struct.unpack_from(">HH", data, 20)
            total += over / (under or 100)
    return round(total, 6) if animated else None


def is_cut_off(head: bytes, size: int) -> bool:
    """Whether the rest of a WebP is missing: its `head` says how long it is (RIFF), and it has `size` bytes."""
    return int.from_bytes(head[4:8], "little") + 8 > size + 1  # some writers count a last byte that fills up to two


def gif_is_cut_off(data: bytes) -> bool:
    """Whether a GIF, all of it, ends within one of its blocks (GIF89a, 15 to 26). Many lack the trailer."""
    at = 13 + _colours(data[10])
    for _ in range(_MOST_CHUNKS):
        kind = data[at : at + 1]
        if kind == b"\x21":
            at += 2
        elif kind == b"\x2c":
            if at + 11 > len(data):
                return True
            at += 11 + _colours(data[at + 9])
        else:  # the trailer, the end, or what is none of its blocks: some programs leave a few bytes there
            left = len(data) - at
            strange = kind != b"\x3b" and left > _STRANGE_BYTES and left * _STRANGE_SHARE > len(data)
            return strange or at > len(data)
        while at < len(data) and data[at]:
            at += 1 + data[at]
        if at >= len(data):
            return True
        at += 1
    return False


def gif_has_picture(data: bytes) -> bool:
    """Whether a block of a GIF, all of it or its first bytes, is a picture."""
    at = 13 + _colours(data[10])
    for _ in range(_MOST_CHUNKS):
        if data[at : at + 1] != b"\x21":
            return data[at : at + 1] == b"\x2c"
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _colours(flags: int) -> int:
    """Bytes of the table of colours that stands behind them."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def of_webp(file: BinaryIO) -> tuple[MediaInfo, Timeline] | None:
    """What an animated WebP has, and when; None for one that is a still."""
    stream = MediaInfo.Stream(kind=MediaInfo.Stream.VIDEO, codec="webp", pixel_aspect_ratio=1.0, pixel_format="argb")
    begins = array("q")
    end = 0
    for kind, data in _webp_chunks(file):
        if kind == b"VP8X" and len(data) >= 10:
            if not data[0] & _ANIMATED:
                return None
            stream.width, stream.height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (4, 7))
            stream.alpha = True  # not every encoder sets the flag
        elif not stream.width:
            return None
        elif kind == b"ANMF" and len(data) >= 15:
            begins.append(end)
            milliseconds = int.from_bytes(data[12:15], "little")
            end += (milliseconds if milliseconds >= _LEAST_MILLISECONDS else _USUAL_MILLISECONDS) * 1000
    if not begins:
        return None
    stream.frames = len(begins)
    stream.duration_seconds = end / SECOND
    stream.frame_rate = stream.frames * SECOND / end
    size = file.seek(0, os.SEEK_END)
    info = MediaInfo(format="webp_anim", duration_seconds=stream.duration_seconds, size_bytes=size)
    info.streams.append(stream)
    lengths = sorted(b - a for a, b in pairwise((*begins, end)))
    track = Track(
        start=0,
        end=end,
        claimed=end,
        frames=begins,
        keys=begins[:1],
        windows=((-(2**62), 2**62),),
        interval=lengths[len(lengths) // 2],
    )
    return info, Timeline(tracks={0: track}, claimed=end, measured=True)


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(8)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        data = file.read(min(length, 26))
        yield kind, data
        file.seek(length - len(data) + 4, 1)


def _webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for chunk in chunks(file, 12, file.seek(0, os.SEEK_END)):
        file.seek(chunk.inner)
        yield chunk.name, file.read(min(chunk.end - chunk.inner, 16))
