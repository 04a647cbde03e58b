"""Which part of a track's picture is shown, where the container says so: the library's binding does not tell.

Runs in the prober's child. ffmpeg cuts that part out by itself, and what it is scaled to must be reckoned from it. MOV
and MP4 tell a clean aperture (`clap`, ISO/IEC 14496-12, 12.1.4), Matroska four edges (PixelCrop, RFC 9559, 5.1.4.1.28).
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from reelmill.media import heif, matroska
from reelmill.v1.media_pb2 import MediaInfo

_ENTRY = 86  # bytes of a picture's sample entry before its boxes
_ENTRY_BYTES = 2**16


class NoSizeError(Exception):
    """What is shown is told by a division by zero, and ffmpeg would cut out nothing."""


@dataclass(frozen=True, slots=True)
class View:
    """The part that is shown, in pixels of the coded picture."""

    left: int
    top: int
    width: int
    height: int


def views(file: BinaryIO, demuxer: str, streams: Iterable[Any]) -> dict[int, View]:
    """By the index of the stream (PyAV's); nothing of those that are shown whole.

    Raises NoSizeError.
    """
    pictures = [s for s in streams if s.type == "video" and s.codec_context is not None and s.width and s.height]
    found: dict[int, View | None] = {}
    try:
        if demuxer == "mov":
            apertures = dict(heif.sample_entries(file, _ENTRY_BYTES))
            found = {s.index: _clean(apertures.get(s.id, b""), s.width, s.height) for s in pictures}
        elif demuxer == "matroska":
            edges = matroska.edges(file)
            found = {s.index: _within(*edges[i], s) for i, s in enumerate(pictures) if i < len(edges)}
    except (struct.error, IndexError, KeyError):  # ffmpeg says what is wrong
        return {}
    return {index: view for index, view in found.items() if view is not None}


def tell(info: MediaInfo, views: dict[int, View]) -> None:
    """Sizes as they are shown."""
    for index, view in views.items():
        described = info.streams[index]
        # Half a pixel of colour there is not.
        described.width = view.width - (view.width % 2 if "42" in described.pixel_format else 0)
        described.height = view.height - (view.height % 2 if "420" in described.pixel_format else 0)


def _within(left: int, top: int, right: int, bottom: int, stream: Any) -> View | None:
    width, height = stream.width - left - right, stream.height - top - bottom
    if not (left or top or right or bottom) or min(width, height) < 1:
        return None
    return View(left, top, width, height)


def _clean(entry: bytes, width: int, height: int) -> View | None:
    """As the library reckons: the aperture's middle lies off the picture's by two fractions."""
    for kind, data in heif.parts(entry, _ENTRY - 8):
        if kind == b"clap":
            numbers = struct.unpack_from(">iIiIiIiI", data)
            if any(over and not under for over, under in zip(numbers[::2], numbers[1::2], strict=True)):
                raise NoSizeError
            if not all(numbers[1::2]):
                return None
            wide, high, off_x, off_y = (numbers[at] / numbers[at + 1] for at in (0, 2, 4, 6))
            edges = [(width - wide) / 2 + off_x, (height - high) / 2 + off_y]
            edges += [width - wide - edges[0], height - high - edges[1]]
            if min(edges) < 0 or min(wide, high) < 1 or (wide, high) == (width, height):
                return None
            left, top = map(math.floor, edges[:2])
            right, bottom = map(math.ceil, edges[2:])
            return View(left, top, width - left - right, height - top - bottom)
    return None
