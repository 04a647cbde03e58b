"""Whether a file's packets belong to tracks that it does not tell of: readers pass over those, and find nothing.

Of its first bytes, heads alone; numbers as in RFC 9559 (Matroska), ISO/IEC 14496-12 (fragments of MP4), RFC 3533 (Ogg)
and AVI's names of chunks. Runs in the prober's child.
"""

import re
import struct
from collections.abc import Callable
from typing import IO

from reelmill.media.damage import damaged
from reelmill.media.diagnosis import Diagnosis

_LOOKED_AT, _MOST_PARTS, _NAMED = 2**20, 5000, 8
_REMEDY = "Write the file anew with the program that made it, or give the one that it was made of."
_Numbers = tuple[set[int], set[int]]
"""Of tracks that a file tells of, and of those that its packets belong to."""

_EBML_FOLDERS = frozenset({0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675, 0xA0})
_TRACK_NUMBER, _BLOCKS = 0xD7, frozenset({0xA3, 0xA1})
_BOX_FOLDERS = frozenset({b"moov", b"trak", b"moof", b"traf"})
_LIST_FOLDERS = frozenset({b"AVI ", b"AVIX", b"hdrl", b"movi", b"rec "})
_AVI_PACKET = re.compile(rb"(\d\d)(dc|db|wb|pc|tx)")


def undeclared(file: IO[bytes]) -> Diagnosis | None:
    """What is told of a file none of whose packets belong to a track of its own; None of others."""
    file.seek(0)
    data = file.read(_LOOKED_AT)
    read = next((read for begin, at, read in _READERS if data.startswith(begin, at)), None)
    told, found = read(data) if read is not None else (set(), set())
    if not told or not found or told & found:
        return None
    own, others = (", ".join(map(str, sorted(numbers)[:_NAMED])) for numbers in (told, found))
    cause = f"the file tells of tracks ({own}) that hold no packets: those in it are of tracks ({others}) not declared"
    return damaged("no_data", cause, _REMEDY)


def _of_matroska(data: bytes) -> _Numbers:
    told, found = set[int](), set[int]()
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 12 > len(data) or not data[at]:
            break
        width = 9 - data[at].bit_length()
        name, at = int.from_bytes(data[at : at + width]), at + width
        if not data[at]:
            break
        width = 9 - data[at].bit_length()
        length, at = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1), at + width
        if name in _EBML_FOLDERS:
            continue
        if name == _TRACK_NUMBER:
            told.add(int.from_bytes(data[at : at + length]))
        if name in _BLOCKS and data[at : at + 1] > b"\0":
            width = 9 - data[at].bit_length()
            found.add(int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1))
        at += length
    return told, found


def _of_mp4(data: bytes) -> _Numbers:
    told, found = set[int](), set[int]()
    at = 0
    for _ in range(_MOST_PARTS):
        if at + 32 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if name in _BOX_FOLDERS:
            at += 8
            continue
        if name == b"tkhd":
            told.add(int.from_bytes(data[at + 28 : at + 32] if data[at + 8] else data[at + 20 : at + 24]))
        if name == b"tfhd":
            found.add(int.from_bytes(data[at + 12 : at + 16]))
        at += int.from_bytes(data[at + 8 : at + 16]) if length == 1 else max(length, 8)
    return told, found


def _of_avi(data: bytes) -> _Numbers:
    streams, found, at = 0, set[int](), 0
    for _ in range(_MOST_PARTS):
        if at + 12 > len(data):
            break
        name, length, kind = struct.unpack_from("<4sI4s", data, at)
        if name in (b"RIFF", b"LIST") and kind in _LIST_FOLDERS:
            at += 12
            continue
        streams += name == b"LIST" and kind == b"strl"
        if (packet := _AVI_PACKET.fullmatch(name)) is not None:
            found.add(int(packet[1]))
        at += 8 + length + length % 2
    return set(range(streams)), found


def _of_ogg(data: bytes) -> _Numbers:
    told, found, at = set[int](), set[int](), 0
    for _ in range(_MOST_PARTS):
        if at + 27 > len(data) or data[at : at + 4] != b"OggS":
            break
        serial = int.from_bytes(data[at + 14 : at + 18], "little")
        (told if data[at + 5] & 2 else found).add(serial)
        count = data[at + 26]
        at += 27 + count + sum(data[at + 27 : at + 27 + count])
    return told, found


_READERS: tuple[tuple[bytes, int, Callable[[bytes], _Numbers]], ...] = (
    (b"\x1aE\xdf\xa3", 0, _of_matroska),
    (b"ftyp", 4, _of_mp4),
    (b"AVI ", 8, _of_avi),
    (b"OggS", 0, _of_ogg),
)
