"""How long a file's own header says that it is, where its reader tells the length of what is there instead.

Runs in the prober's child.
"""

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from reelmill.media.iff import Chunk, chunks

_MOST_CHUNKS = 2000
_UNKNOWN = 0x7FFF_0000  # from here on: who writes into a pipe knows no size, and writes the greatest
_FARTHEST = 2**62
_ASF_HEAD, _ASF_PROPERTIES = 2**16, b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
_MP3_HEAD = 54  # as far as either kind tells its bytes and frames
_W64_HEAD, _W64_DATA = 24, b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


class Claim(NamedTuple):
    """In seconds."""

    told: float
    """How long a file would be, were all there that its header tells of; 0 where nothing is missing."""
    there: float
    """How long what is there lasts."""


def claim(file: IO[bytes], demuxer: str, size: int, *, seconds: float) -> Claim:
    """What a file of `size` bytes claims; `seconds`: how long its reader says that it is."""
    try:
        if demuxer == "avi":
            return Claim(_of_avi(file, size), seconds)
        if demuxer == "wav" and (large := _of_ds64(file)) is not None:
            return _of_rf64(file, size, large, seconds)
        data = _DATA[demuxer](file, size) if demuxer in _DATA else None
    except (struct.error, ValueError):  # it is damaged otherwise
        return Claim(0.0, seconds)
    if data is None or data.end <= size or data.inner >= size:
        return Claim(0.0, seconds)
    return Claim(seconds * (data.end - data.inner) / (size - data.inner), seconds)


def asf_size(head: bytes) -> int:
    """How many bytes an ASF (WMV, WMA) that begins so says that it has; 0 where it does not know, as when it is sent.

    File properties object: [MS-ASF], 3.2.
    """
    at = head.find(_ASF_PROPERTIES)
    if at < 0 or at + 92 > len(head) or head[at + 88] & 1:
        return 0
    return int.from_bytes(head[at + 40 : at + 48], "little")


def _asf_data(file: IO[bytes], size: int) -> Chunk | None:
    file.seek(0)
    told = asf_size(file.read(_ASF_HEAD))
    return Chunk(b"data", 0, told, True) if 0 < told < _FARTHEST else None


def missing(file: IO[bytes], demuxer: str, size: int) -> int | None:
    """How many bytes a sound of RF64 (`wav`), CAF or MP3 would have, were all there that it tells of; None: all is.

    Raises struct.error and ValueError for one that is damaged otherwise.
    """
    if demuxer in ("mp3", "caf"):
        data = _DATA[demuxer](file, size)
    else:
        large = _of_ds64(file)
        data = next((chunk for chunk in _chunks(file, 12, size, large) if chunk.name == b"data"), None)
    return data.end if data is not None and data.inner < size < data.end else None


def _chunks(file: IO[bytes], at: int, end: int, data_bytes: int | None = None) -> Iterator[Chunk]:
    """Of RIFF, the last of which may reach past `end`; none that don't know their size."""
    return (chunk for chunk in chunks(file, at, end, data_bytes=data_bytes) if chunk.told)


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


def _mp3_data(file: IO[bytes], size: int) -> Chunk | None:
    """As the frame before the first one tells ("Xing", "Info" or "VBRI").

    They count from that frame on, and tags behind the sound may be among them.
    """
    file.seek(0)
    begin = behind_tag(file.read(10))
    file.seek(begin)
    frame = file.read(_MP3_HEAD)
    if frame[:1] != b"\xff" or len(frame) < _MP3_HEAD or begin >= size:
        return None
    first, mono = frame[1] >> 3 & 3 == 3, frame[3] >> 6 == 3  # MPEG-1, beside 2 and 2.5
    at = 4 + ((17 if mono else 32) if first else (9 if mono else 17))
    if frame[at : at + 4] in (b"Xing", b"Info"):
        flags, frames, count = struct.unpack(">3I", frame[at + 4 : at + 16])
        there = flags & 3 == 3
    else:
        count, frames = struct.unpack(">2I", frame[46:54])
        there = frame[36:40] == b"VBRI"
    if not (there and frames) or count >= _UNKNOWN:
        return None
    return Chunk(b"data", begin, begin + count, True)


def behind_tag(head: bytes) -> int:
    """Where the sound begins of an MP3 that begins so: behind its tag (ID3v2), if it has one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _kind(file: IO[bytes], chunk: Chunk) -> bytes:
    if chunk.name != b"LIST":
        return b""
    file.seek(chunk.inner)
    return file.read(4)


def _wav_data(file: IO[bytes], size: int) -> Chunk | None:
    return next((chunk for chunk in _chunks(file, 12, size) if chunk.name == b"data"), None)


def _of_rf64(file: IO[bytes], size: int, large: int, seconds: float) -> Claim:
    """By the bytes of a second that its format tells: its reader takes what is claimed for what is there."""
    rate = 0
    for chunk in _chunks(file, 12, size, large):
        if chunk.name == b"fmt ":
            file.seek(chunk.inner + 8)
            (rate,) = struct.unpack("<I", file.read(4))
        if chunk.name == b"data":
            cut = rate and chunk.inner < size < chunk.end
            return Claim(large / rate, (size - chunk.inner) / rate) if cut else Claim(0.0, seconds)
    return Claim(0.0, seconds)


def _of_ds64(file: IO[bytes]) -> int | None:
    """How many bytes the data of a WAV above 4 GiB has (EBU Tech 3306, ITU-R BS.2088); None of others."""
    file.seek(0)
    head = file.read(36)
    if head[:4] not in (b"RF64", b"BW64") or head[12:16] != b"ds64":
        return None
    (count,) = struct.unpack("<Q", head[28:36])
    return count if count < _FARTHEST else None


def _w64_data(file: IO[bytes], size: int) -> Chunk | None:
    """Sony Wave64: chunks with names of 16 bytes, whose sizes count their heads, at multiples of 8."""
    at = 40
    for _ in range(_MOST_CHUNKS):
        if at + _W64_HEAD > size:
            return None
        file.seek(at)
        name, count = struct.unpack("<16sQ", file.read(_W64_HEAD))
        if name == _W64_DATA:
            return Chunk(b"data", at + _W64_HEAD, at + count, True) if count < _FARTHEST else None
        at += max(_W64_HEAD, (count + 7) // 8 * 8)
    return None


def _caf_data(file: IO[bytes], size: int) -> Chunk | None:
    """Apple's Core Audio Format: behind 8 bytes, chunks with a size that is -1 where it is not known."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > size:
            return None
        file.seek(at)
        name, count = struct.unpack(">4sq", file.read(12))
        if name == b"data":
            return Chunk(name, at + 12, at + 12 + count, True) if count >= 0 else None
        if count < 0:
            return None
        at += 12 + count
    return None


_DATA = {"wav": _wav_data, "w64": _w64_data, "caf": _caf_data, "mp3": _mp3_data, "asf": _asf_data}
