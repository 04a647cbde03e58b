"""What stands before the picture of a JPEG: its parts (ITU-T T.81, B.1 and B.2). Reads their heads alone."""

from collections.abc import Iterator
from typing import IO, NamedTuple

from reelmill.media.damage import damaged
from reelmill.media.diagnosis import AGAIN, Diagnosis

_MOST_PARTS = 1000
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_HUFFMAN = frozenset((0xC0, 0xC1, 0xC2))
_SCAN, _END = 0xDA, 0xD9
_USUAL = frozenset((b"\x11", b"\x11\x11\x11", b"\x21\x11\x11", b"\x22\x11\x11"))
_NOTES = frozenset(range(0xE0, 0xF0))


class Part(NamedTuple):
    """A marker, and what lies behind its length."""

    marker: int
    data: bytes


def parts(head: bytes) -> Iterator[Part]:
    """Those of a file that begins so, up to the first scan, which ends them; they break off where the bytes do."""
    at = 2
    for _ in range(_MOST_PARTS):
        if at + 4 > len(head) or head[at] != 0xFF:
            return
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(head):
            return
        yield Part(marker, head[at + 4 : at + 2 + length])
        if marker == _SCAN:
            return
        at += 2 + length


def problem(file: IO[bytes], size: int) -> Diagnosis | None:
    """What is told of one that ends before its picture begins: its decoder makes a grey one of it, and says nothing."""
    at = 2
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(4)
        if head[:1] == b"\xff" and head[1:2] == bytes((_END,)):
            told = "the picture is damaged: it has the beginning and the end of a JPEG and no pixels between"
            return damaged("no_data", told, f"{AGAIN}.")
        if len(head) < 4 or head[0] != 0xFF or head[1] == _SCAN:  # its decoder says what is wrong with others
            return None
        at += 2 + int.from_bytes(head[2:4])
    return None


def is_whole(head: bytes) -> bool:
    """Whether all that stands before the picture is there."""
    return any(part.marker == _SCAN for part in parts(head))


def comes_smaller(head: bytes) -> bool:
    """Whether its decoder can give it at a part of its size: coded by Huffman, 8 bits, colours of a usual grain.

    False too where `head` ends before that is known.
    """
    frames = [part for part in parts(head) if part.marker in _FRAMES]
    if not is_whole(head) or len(frames) != 1 or frames[0].marker not in _HUFFMAN:
        return False
    told = frames[0].data
    grain = told[7::3]
    return told[:1] == b"\x08" and len(told) == 6 + 3 * told[5] and grain in _USUAL


def notes_on(head: bytes, other: bytes) -> bytes:
    """Another JPEG with the notes (APP0 to APP15) of a file that begins like `head`, in the place of its own."""
    notes = b"".join(_written(part) for part in parts(head) if part.marker in _NOTES)
    kept = [part for part in parts(other) if part.marker not in _NOTES]
    scan = other.index(bytes((0xFF, _SCAN)))
    return other[:2] + notes + b"".join(map(_written, kept[:-1])) + other[scan:]


def _written(part: Part) -> bytes:
    return bytes((0xFF, part.marker)) + (len(part.data) + 2).to_bytes(2) + part.data
