"""How far a FLAC reaches that is cut off: what its header tells, held against its last whole frame header. Pure but for
the reading.

Metadata blocks and frame headers as in RFC 9639, 8 and 9.1.
"""

from typing import IO, NamedTuple

_MOST_BLOCKS = 1000
_TAIL_BYTES = 2**18  # more than two of the largest frames that encoders write
_LONGEST_HEADER = 16
_POLYNOMIAL = 0x07  # of the header's checksum


class Reach(NamedTuple):
    """In seconds; `told` is 0 where the header does not say."""

    told: float
    there: float
    begins: int
    """The byte where sound begins, or would."""


def reach(file: IO[bytes], size: int) -> Reach:
    """What a FLAC of `size` bytes tells. Raises ValueError for one whose header is damaged."""
    at, rate, total, block = 4, 0, 0, 0
    for _ in range(_MOST_BLOCKS):
        file.seek(at)
        head = file.read(38)
        if len(head) < 4:
            return Reach(total / rate if rate else 0.0, 0.0, max(at, size))
        if not at > 4:
            if head[0] & 0x7F or len(head) < 38:
                raise ValueError("it does not begin by telling what it is")
            block = int.from_bytes(head[6:8])
            packed = int.from_bytes(head[14:22])
            rate, total = packed >> 44, packed & (1 << 36) - 1
        at += 4 + int.from_bytes(head[1:4])
        if head[0] & 0x80:
            break
    if not rate:
        raise ValueError("a rate of no samples")
    return Reach(total / rate, _last(file, max(at, size - _TAIL_BYTES), block) / rate if at < size else 0.0, at)


def _last(file: IO[bytes], begin: int, block: int) -> int:
    """The first sample of the last frame whose header is whole."""
    file.seek(begin)
    tail = file.read(_TAIL_BYTES)
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9"):
            number = _number(tail[at : at + _LONGEST_HEADER])
            if number is not None:
                return number if tail[at + 1] & 1 else number * block
    return 0


def _number(head: bytes) -> int | None:
    """Of a frame, or of its first sample; None where no header is."""
    if len(head) < 6:
        return None
    first = head[4]
    count = 8 - (first ^ 0xFF).bit_length()  # of leading ones, as in UTF-8
    length = max(1, count)
    if count == 1 or count > 7 or any(byte >> 6 != 2 for byte in head[5 : 4 + length]):
        return None
    value = first & (0x7F >> count)
    for byte in head[5 : 4 + length]:
        value = value << 6 | byte & 0x3F
    end = 4 + length + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return value if end < len(head) and _checksum(head[:end]) == head[end] else None


def _checksum(data: bytes) -> int:
    found = 0
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = (found << 1) ^ (_POLYNOMIAL if found & 0x80 else 0)
        found &= 0xFF
    return found
