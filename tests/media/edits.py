"""Edit lists of any kind put into an MP4 or MOV that has none, or one for all (ISO/IEC 14496-12, 8.6.6)."""

import struct
from collections.abc import Iterator, Sequence

Edit = tuple[float, float | None]
"""How many seconds, from which second of the track on; None: nothing is shown."""
_RATE = 0x10000
_TICKS = 1000  # of the film's clock: make such files with -movie_timescale 1000


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """A file with other edits, for all tracks alike; its index stands behind its data."""
    length = struct.pack(">I", round(sum(seconds for seconds, _ in edits) * _TICKS))
    return b"".join(_changed(kind, data[begin:end], edits, length) for kind, begin, end in _boxes(data, 0, len(data)))


def padded(data: bytes, size: int) -> bytes:
    """A file with a box of nothing at its end, as large as that."""
    return data + struct.pack(">I4s", size, b"free") + bytes(size - 8)


def _boxes(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while begin + 8 <= end:
        size = struct.unpack(">I", data[begin : begin + 4])[0]
        yield data[begin + 4 : begin + 8], begin, begin + size
        begin += size


def _changed(kind: bytes, box: bytes, edits: Sequence[Edit], length: bytes) -> bytes:
    if kind == b"mvhd":
        return box[:24] + length + box[28:]
    if kind == b"moov":
        inner = b"".join(_changed(k, box[a:b], edits, length) for k, a, b in _boxes(box, 8, len(box)))
        return _box(kind, inner)
    if kind != b"trak":
        return box
    clock = struct.unpack(">I", box[box.find(b"mdhd") + 16 :][:4])[0]
    at = box.find(b"elst")
    late = struct.unpack(">i", box[at + 16 : at + 20])[0] if at > 0 else 0
    told = struct.pack(">II", 0, len(edits))
    for seconds, begin in edits:
        place = -1 if begin is None else round(begin * clock) + late
        told += struct.pack(">IiI", round(seconds * _TICKS), place, _RATE)
    inner = b""
    for k, a, b in _boxes(box, 8, len(box)):
        if k == b"tkhd":
            inner += box[a : a + 28] + length + box[a + 32 : b] + _box(b"edts", _box(b"elst", told))
        elif k != b"edts":
            inner += box[a:b]
    return _box(kind, inner)


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data
