"""Whether a PNG is all there: its chunks, their checksums, and what they need of each other. Pure but for the reading.

Chunks as in the PNG specification (third edition), 5 and 11. Its decoders show what they have: without its palette a
picture is black.
"""

import struct
import zlib
from typing import IO

from reelmill.media.damage import cut_off, damaged, impossible
from reelmill.media.diagnosis import Diagnosis

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 200_000
_READ_BYTES = 2**20
_SUMMED_BYTES = 2**28  # of larger ones the rest is taken as it is
_OF_PALETTE = 3
_REVERT = "Submit the picture that it was made of, or revert it (`xcrun pngcrush -revert-iphone-optimizations`)."
# What the picture is made of; others may be wrong without a pixel being so.
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"fdAT", b"fcTL", b"acTL"})


def problem(file: IO[bytes], size: int) -> Diagnosis | None:
    """What is wrong with a PNG of `size` bytes, still or animated."""
    at, colours, summed = len(SIGNATURE), -1, 0
    seen: set[bytes] = set()
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return _end(at, size, seen)
        count, name = struct.unpack(">I4s", head)
        if not name.isalpha():
            return damaged("structure_damaged", f"the picture is damaged: at byte {at} no part of PNG begins")
        if name == b"CgBI":
            cause = "the picture is a PNG as Xcode makes it for iPhones (Apple's CgBI), which is none of the standard"
            return damaged("feature_unsupported", cause, _REVERT, code="INPUT_UNSUPPORTED")
        if name == b"IEND":
            return _lacking(seen, colours)
        if at + 12 + count > size:
            return cut_off(size, at + 12 + count, "the picture")
        if name == b"IHDR":
            told = file.read(10).ljust(10, b"\0")
            width, height = struct.unpack(">II", told[:8])
            if not width or not height:
                return impossible(width, height)
            colours = told[9]
            file.seek(at + 8)
        if name in _CRITICAL and summed < _SUMMED_BYTES:
            summed += count
            if not _is_sound(file, name, count):
                return damaged("data_damaged", f"the picture is damaged: its part {name.decode()} at byte {at} has"
                                " another checksum than it tells")  # fmt: skip
        seen.add(name)
        at += 12 + count
    return None


def _end(at: int, size: int, seen: set[bytes]) -> Diagnosis | None:
    """Without its last chunk: whole pictures lack that too, where nothing else is missing."""
    return cut_off(size, max(at, size) + 12, "the picture") if at != size or b"IDAT" not in seen else None


def _lacking(seen: set[bytes], colours: int) -> Diagnosis | None:
    if b"IDAT" not in seen:
        return damaged("no_data", "the picture is damaged: it has the header of a PNG and no pixels (IDAT)")
    if colours == _OF_PALETTE and b"PLTE" not in seen:
        return damaged("parameters_missing", "the picture is damaged: its pixels are numbers of colours in a palette"
                        " (PLTE), which is missing")  # fmt: skip
    return None


def _is_sound(file: IO[bytes], name: bytes, count: int) -> bool:
    total, left = zlib.crc32(name), count
    while left and (data := file.read(min(left, _READ_BYTES))):
        total, left = zlib.crc32(data, total), left - len(data)
    return not left and total == int.from_bytes(file.read(4))
