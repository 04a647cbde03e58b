"""Files of chunks, each a name of four letters, a length and so many bytes: RIFF (AVI, WAV, WebP) and AIFF.

Reads the heads of chunks alone.
"""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

_MOST_CHUNKS = 2000
_UNKNOWN = 0x7FFF_0000  # from here on: who writes into a pipe knows no size, and writes the greatest
ELSEWHERE = 0xFFFF_FFFF
"""What stands in the place of a length that is told in another chunk."""


class Chunk(NamedTuple):
    """Where one lies in its file; the last may reach past its end."""

    name: bytes
    inner: int
    end: int
    told: bool
    """Whether its length is known."""


def chunks(file: IO[bytes], at: int, end: int, *, order: str = "<", data_bytes: int | None = None) -> Iterator[Chunk]:
    """From `at` up to `end`; one of a length that is not known is the last. `order` is `>` for AIFF.

    `data_bytes`: of the one called data, where it leaves that to another.
    """
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end:
            return
        file.seek(at)
        name, count = struct.unpack(f"{order}4sI", file.read(8))
        elsewhere = name == b"data" and count == ELSEWHERE and data_bytes is not None
        if elsewhere and data_bytes is not None:
            count = data_bytes
        told = elsewhere or count < _UNKNOWN
        yield Chunk(name, at + 8, at + 8 + count, told)
        if not told:
            return
        at += 8 + count + count % 2
