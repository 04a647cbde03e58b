"""How long a file's own header says that it is, where its reader tells the length of what is there instead.

Runs in the prober's child.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_MOST_CHUNKS = 2000
_UNKNOWN = 0x7FFF_0000  # from here on: who writes into a pipe knows no size, and writes the greatest
_W64_HEAD, _W64_DATA = 24, b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    inner: int
    end: int


def claimed_seconds(file: IO[bytes], demuxer: str, size: int, *, seconds: float) -> float:
    """How long a file of `size` bytes would be, were all there that its header tells of; 0 where nothing is missing.

    `seconds`: how long what is there lasts.
    """
    try:
        if demuxer == "avi":
            return _of_avi(file, size)
        data = _DATA[demuxer](file, size) if demuxer in _DATA else None
    except (struct.error, ValueError):  # it is damaged otherwise
        return 0.0
    if data is None or data.end <= size or data.inner >= size:
        return 0.0
    return seconds * (data.end - data.inner) / (size - data.inner)


def _chunks(file: IO[bytes], at: int, end: int) -> Iterator[_Chunk]:
    """Of RIFF, the last of which may reach past `end`; none that don't know their size."""
    for _ in range(_MOST_CHUNKS):
        if at + 8 > end:
            return
        file.seek(at)
        name, count = struct.unpack("<4sI", file.read(8))
        if count >= _UNKNOWN:
            return
        yield _Chunk(name, at + 8, at + 8 + count)
        at += 8 + count + count % 2


def _of_avi(file: IO[bytes], size: int) -> float:
    """As the picture's header tells (AVISTREAMHEADER: dwScale, dwRate, dwLength), if a part reaches past the end."""
    whole = list(_chunks(file, 0, size))
    inner = [chunk for riff in whole if riff.name == b"RIFF" for chunk in _chunks(file, riff.inner + 4, size)]
    if not any(chunk.end > size for chunk in (*whole, *inner)):
        return 0.0
    longest = 0.0
    for header in (chunk for chunk in inner if _kind(file, chunk) == b"hdrl"):
        for stream in (chunk for chunk in _chunks(file, header.inner + 4, header.end) if _kind(file, chunk) == b"strl"):
            file.seek(stream.inner + 4 + 8)
            told = file.read(36)
            scale, rate, _, length = struct.unpack("<4I", told[20:36])
            if told[:4] == b"vids" and rate:
                longest = max(longest, length * scale / rate)
    return longest


def _kind(file: IO[bytes], chunk: _Chunk) -> bytes:
    if chunk.name != b"LIST":
        return b""
    file.seek(chunk.inner)
    return file.read(4)


def _wav_data(file: IO[bytes], size: int) -> _Chunk | None:
    return next((chunk for chunk in _chunks(file, 12, size) if chunk.name == b"data"), None)


def _w64_data(file: IO[bytes], size: int) -> _Chunk | None:
    """Sony Wave64: chunks with names of 16 bytes, whose sizes count their heads, at multiples of 8."""
    at = 40
    for _ in range(_MOST_CHUNKS):
        if at + _W64_HEAD > size:
            return None
        file.seek(at)
        name, count = struct.unpack("<16sQ", file.read(_W64_HEAD))
        if name == _W64_DATA:
            return _Chunk(b"data", at + _W64_HEAD, at + count) if count < 2**62 else None
        at += max(_W64_HEAD, (count + 7) // 8 * 8)
    return None


def _caf_data(file: IO[bytes], size: int) -> _Chunk | None:
    """Apple's Core Audio Format: behind 8 bytes, chunks with a size that is -1 where it is not known."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > size:
            return None
        file.seek(at)
        name, count = struct.unpack(">4sq", file.read(12))
        if name == b"data":
            return _Chunk(name, at + 12, at + 12 + count) if count >= 0 else None
        if count < 0:
            return None
        at += 12 + count
    return None


_DATA = {"wav": _wav_data, "w64": _w64_data, "caf": _caf_data}
