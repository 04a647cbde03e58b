"""Colour profiles (ICC) of still pictures: which primaries one means, as its own words don't leave the input. Pure.

The two that cameras and phones write beside sRGB are known: Display P3 and Adobe RGB.
"""

import struct
import zlib

from reelmill.media import jpeg

P3, ADOBE_RGB = "smpte432", "adobergb"
"""FFmpeg's name, and one of our own where FFmpeg has none."""

HEAD_BYTES = 2**20
"""Of a file: a profile stands before the picture."""
_PROFILE_BYTES = 2**16  # a profile of primaries has about 500
_MOST_PARTS = 1000
# The colorants of red, green and blue, X Y Z as seen in the light of a print (D50), from the profiles themselves.
_COLORANTS = {
    P3: ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841)),
    ADOBE_RGB: ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
}
_TOLERANCE = 0.004


def primaries(head: bytes, demuxer: str) -> str:
    """What a picture's profile means, P3 or ADOBE_RGB; empty for sRGB, for none, and for one that is not known.

    `head`: the file's first HEAD_BYTES.
    """
    if demuxer not in _READERS:
        return ""
    try:
        return meaning(_READERS[demuxer](head))
    except (struct.error, IndexError, zlib.error):
        return ""


def meaning(profile: bytes) -> str:
    """What a profile means, as `primaries`. Raises struct.error for one that is cut off."""
    if not profile:
        return ""
    found = {}
    (count,) = struct.unpack_from(">I", profile, 128)
    for i in range(min(count, _MOST_PARTS)):
        name, at, _ = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            found[name] = tuple(value / 65536 for value in struct.unpack_from(">3i", profile, at + 8))
    colorants = [value for name in (b"rXYZ", b"gXYZ", b"bXYZ") for value in found.get(name, ())]
    for name, known in _COLORANTS.items():
        values = [value for colour in known for value in colour]
        if len(colorants) == len(values) and all(
            abs(a - b) < _TOLERANCE for a, b in zip(colorants, values, strict=True)
        ):
            return name
    return ""


def _jpeg(head: bytes) -> bytes:
    found = b""
    for part in jpeg.parts(head):
        if part.marker == 0xE2 and part.data.startswith(b"ICC_PROFILE\0"):
            found += part.data[14:]
        if len(found) > _PROFILE_BYTES:
            break
    return found


def _png(head: bytes) -> bytes:
    at = 8
    for _ in range(_MOST_PARTS):
        length, kind = struct.unpack_from(">I4s", head, at)
        if kind == b"iCCP":
            packed = head[at + 8 : at + 8 + length].partition(b"\0")[2][1:]
            return zlib.decompressobj().decompress(packed, _PROFILE_BYTES)
        if kind == b"IDAT":
            break
        at += 12 + length
    return b""


def _webp(head: bytes) -> bytes:
    at = 12
    for _ in range(_MOST_PARTS):
        kind, length = struct.unpack_from("<4sI", head, at)
        if kind == b"ICCP":
            return head[at + 8 : at + 8 + min(length, _PROFILE_BYTES)]
        at += 8 + length + length % 2
    return b""


def _tiff(head: bytes) -> bytes:
    order = "<" if head.startswith(b"II") else ">"
    (at,) = struct.unpack_from(f"{order}I", head, 4)
    (count,) = struct.unpack_from(f"{order}H", head, at)
    for i in range(count):
        tag, _, length, begin = struct.unpack_from(f"{order}HHII", head, at + 2 + 12 * i)
        if tag == 0x8773:
            return head[begin : begin + min(length, _PROFILE_BYTES)]
    return b""


_READERS = {"jpeg_pipe": _jpeg, "png_pipe": _png, "webp_pipe": _webp, "tiff_pipe": _tiff}
