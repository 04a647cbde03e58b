"""Whether a file that holds less than it claims was cut off, or only claims too much. Runs in the prober's child."""

import struct
from typing import IO

_EXACT = frozenset({"ape", "avi", "caf", "aiff", "flac", "mxf", "tta", "w64", "wav", "wv"})
"""Formats whose writers count what they wrote: of those that hold less, something is missing."""
_SHORT_SECONDS, _SHORT_SHARE = 0.5, 0.02
_READ_SHARE = 0.75
_MOST_BOXES, _FIRST_BOXES = 10_000, 16
_FARTHEST = 2**62
_SEGMENT = b"\x18\x53\x80\x67"


def is_cut_off(
    file: IO[bytes], demuxer: str, size: int, *, claimed_seconds: float, seconds: float, reached: int
) -> bool:
    """Whether the rest of a file is missing or can't be read: it holds `seconds` in `reached` of its `size` bytes."""
    if not is_short(claimed_seconds, seconds):
        return False
    if demuxer == "mov":
        return _box_reaches_past(file, size)
    if demuxer == "matroska":
        # Its reader ends well where it finds nothing any more. (Behind the last packet stand an index and tags.)
        return _segment_reaches_past(file, size) or reached < size * _READ_SHARE
    return demuxer in _EXACT


def is_short(claimed_seconds: float, seconds: float) -> bool:
    """Whether more is missing than counting differently explains."""
    return claimed_seconds - seconds > max(_SHORT_SECONDS, _SHORT_SHARE * claimed_seconds)


def has_fragments(file: IO[bytes]) -> bool:
    """Whether an MP4 is of fragments (`moof`), as far as its first boxes tell."""
    at = 0
    for _ in range(_FIRST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 16 or head[4:8] == b"moof":
            return head[4:8] == b"moof"
        length = struct.unpack(">I", head[:4])[0]
        at += struct.unpack(">Q", head[8:])[0] if length == 1 else max(length, 8)
        if length == 0 or at > _FARTHEST:
            return False
    return False


def is_joined(file: IO[bytes], demuxer: str, size: int) -> bool:
    """Whether a second file follows the first one, whose reader knows nothing of it: MP4 and WAV, by their parts."""
    if demuxer == "wav":
        file.seek(0)
        head = file.read(8)
        at = 8 + int.from_bytes(head[4:], "little")
        file.seek(at + at % 2)
        return head[:4] == b"RIFF" and file.read(12)[::8] == b"RW" and at < size
    at, names = 0, list[bytes]()
    for _ in range(_MOST_BOXES if demuxer == "mov" else 0):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8 or at > _FARTHEST:
            break
        if head[4:8] == b"moof":  # a stream, which may tell its beginning again
            return False
        names.append(head[4:8])
        length = struct.unpack(">I", head[:4])[0]
        length = struct.unpack(">Q", head[8:])[0] if length == 1 and len(head) == 16 else length
        if length < 8:
            break
        at += length
    return names.count(b"moov") > 1 and names.count(b"ftyp") > 1


def _box_reaches_past(file: IO[bytes], size: int) -> bool:
    """ISO/IEC 14496-12, 4.2: a box begins with its size."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return at != size
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length == 0:  # to the end
            return False
        if length < 8 or at + length > size:
            return True
        at += length
    return False


def _segment_reaches_past(file: IO[bytes], size: int) -> bool:
    """RFC 8794, 4: an element's length follows its name, as a number whose first bits say how many bytes it has."""
    file.seek(0)
    head = file.read(4096)
    at = head.find(_SEGMENT)
    if at < 0 or at + 12 > len(head) or not head[at + 4]:
        return False
    width = 9 - head[at + 4].bit_length()
    length = int.from_bytes(head[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    return length != (1 << 7 * width) - 1 and at + 4 + width + length > size
