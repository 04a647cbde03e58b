"""Stretches of a file that belong to nothing: a transfer left them zeros, or they are no part of its format.

Readers of formats that one can enter anywhere look for the next sound place, and go on as if nothing had been there.
Runs in the prober's child.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import IO

from reelmill.media import matroska, ogg
from reelmill.media.damage import damaged
from reelmill.media.diagnosis import Diagnosis
from reelmill.media.packets import LEAST_GAP_BYTES, Recorder
from reelmill.media.timeline import SECOND, Timeline
from reelmill.v1.media_pb2 import MediaInfo

_LOST_SECONDS, _LOST_SHARE = 0.5, 0.02
BLOCK = 4096
"""Bytes of zeros that no packet has in it."""
BARE = frozenset({"h264", "hevc", "flac", "aac", "ac3", "eac3", "mp3", "obu"})
"""Formats whose packets are told apart by their beginnings alone, of codecs that fill nothing up with zeros."""
_READ_BYTES = 2**16  # of a gap: with MOST_GAPS of packets.py, what a hostile file costs
_LEAST_TAIL = 2**15  # zeros behind the last packet: some programs fill up to a block
_PLACES = 48
_MOST_BOXES = 10_000
_FARTHEST = 2**62
# What may stand between packets, by format: how it begins. Of one that has no entry, anything may.
_MARKS = {
    "aac": (b"ID3", b"APETAGEX", b"TAG"),
    "ac3": (b"ID3", b"APETAGEX", b"TAG"),
    "eac3": (b"ID3", b"APETAGEX", b"TAG"),
    "mp3": (b"ID3", b"APETAGEX", b"TAG", b"LYRICS"),
    "flac": (b"ID3", b"fLaC"),
    "flv": (b"onMetaData", b"onCuePoint", b"onTextData", b"onXMPData"),
    "mpeg": (b"\0\0\1",),
}
_STRIDES = (188, 192, 204)  # of packets in MPEG-TS
_SYNCHRONOUS = 0.9
_KLV, _KLV_HEAD = b"\x06\x0e\x2b\x34", 64  # a part of MXF begins so, behind the head of the packet before
_ENTERED = frozenset({*_MARKS, "matroska", "mxf", "ogg", "mpegts", *BARE})
_FILLED = frozenset({"mpeg1video", "mpeg2video", "dvvideo", "dnxhd", "prores", "rawvideo", "vc3", "jpeg2000"})
"""Codecs whose pictures may be filled up with zeros."""


class Torn(Exception):
    """So much of a file is missing in it that its picture or sound is, too."""

    def __init__(self, lost: int, size: int) -> None:
        super().__init__(lost, size)
        self._lost, self._size = lost, size

    def diagnosis(self) -> Diagnosis:
        """What a person is told."""
        return damaged(
            "no_data",
            f"the file is damaged in its midst: {self._lost} of its {self._size} bytes are no part of its picture and"
            " sound, as after a transfer that left some out",
        )


def check(
    file: IO[bytes], demuxer: str, info: MediaInfo, times: Timeline, walked: Recorder | None, *, fragments: bool
) -> None:
    """Raise Torn where a file has holes. `walked`: what has seen all its packets; `fragments`: of an MP4."""
    size = info.size_bytes
    if fragments:
        gone = lost_in_fragments(file, size)
    elif walked is not None:
        gone = lost(file, demuxer, size, walked, times)
    else:
        gone = sought(file, demuxer, size, [stream.codec for stream in info.streams])
    if matters(gone, size, times.seconds):
        raise Torn(gone, size)


def lost(file: IO[bytes], demuxer: str, size: int, walked: Recorder, times: Timeline) -> int:
    """Bytes of a file, all of whose packets were read, that are no part of it."""
    if demuxer not in _ENTERED:
        return 0
    found = walked.hollow
    if walked.gaps and (demuxer != "mpeg" or _skips(times)):
        found += sum(b - a for a, b in walked.gaps if _is_hole(file, demuxer, a, b))
    left = size - walked.reached
    if left >= BLOCK and (walked.broken or _is_tail(file, demuxer, walked.reached, left)):
        found += left
    return found


def lost_in_fragments(file: IO[bytes], size: int) -> int:
    """As `lost`, of an MP4 of fragments: what follows its last sound box, where that does not end the file."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > size or at > _FARTHEST:
            return 0
        file.seek(at)
        head = file.read(16)
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if not all(32 <= byte < 127 for byte in name) or 0 < length < 8:
            return size - at if size - at >= LEAST_GAP_BYTES else 0
        if length == 0:
            return 0
        at += length
    return 0


def sought(file: IO[bytes], demuxer: str, size: int, codecs: Sequence[str]) -> int:
    """As `lost`, of a file that is too large to be read whole, as far as some places in it tell: zeros alone."""
    if demuxer not in _ENTERED or any(codec in _FILLED or codec.startswith("pcm") for codec in codecs):
        return 0
    begin = matroska.first_cluster(file) if demuxer == "matroska" else 0
    step = max(BLOCK, (size - begin) // (_PLACES + 1))
    empty = [place for place in range(begin + step, size - BLOCK, step) if _is_zero(file, place, BLOCK)]
    # One place may lie in what was reserved for an index.
    return len(empty) * step if len(empty) > 1 or (empty and _is_empty(file, empty[0], empty[0] + step // 2)) else 0


def matters(lost: int, size: int, seconds: float) -> bool:
    """Whether so many bytes held more than a moment, of a file whose rest lasts `seconds`."""
    return lost > _LOST_SHARE * size or lost * seconds > _LOST_SECONDS * size


def within(packet: bytes) -> int:
    """Bytes of a hole that a packet runs over: where there is no container its reader takes that for its end."""
    begin = packet.find(bytes(BLOCK))
    tagged = any(mark in packet for mark in _MARKS["mp3"][:2])  # of a file that others were joined to
    return len(packet) - begin if begin >= 0 and not tagged else 0


def _is_hole(file: IO[bytes], demuxer: str, begin: int, end: int) -> bool:
    if _is_empty(file, begin, end):
        return True
    file.seek(begin)
    data = file.read(min(end - begin, _READ_BYTES))
    if demuxer == "matroska":
        return len(data) >= BLOCK and not matroska.is_chain(data)
    if demuxer == "mpegts":
        return len(data) >= BLOCK and not _is_synchronous(data)
    if demuxer == "mxf":
        return _KLV not in data[:_KLV_HEAD]
    if demuxer == "ogg":
        return not ogg.is_chain(data)
    marks = _MARKS.get(demuxer)
    return marks is not None and not any(mark in data for mark in marks)


def _is_tail(file: IO[bytes], demuxer: str, begin: int, left: int) -> bool:
    """Whether what is behind the last packet should have been some."""
    if demuxer in BARE:
        file.seek(begin)
        data = file.read(min(left, _READ_BYTES))
        return not any(mark in data for mark in _MARKS.get(demuxer, ()))
    if left < min(_LEAST_TAIL, begin // 4):
        return False
    return any(_is_empty(file, begin + left * i // 4, begin + left * (i + 1) // 4) for i in range(4))


def _skips(times: Timeline) -> bool:
    """Whether time is missing, too: who writes MPEG-PS at a constant rate may fill it up with zeros."""
    return any(
        track.holes or any(b - a > SECOND * _LOST_SECONDS for a, b in pairwise(track.frames))
        for track in times.tracks.values()
    )


def _is_empty(file: IO[bytes], begin: int, end: int) -> bool:
    """Whether most of a stretch is zeros, in pieces of a block or, of a short one, whole."""
    size = min(BLOCK, LEAST_GAP_BYTES if end - begin < 2 * BLOCK else BLOCK)
    count = (end - begin) // size
    looked = min(count, 64)
    return (
        looked > 0 and 2 * sum(_is_zero(file, begin + i * count // looked * size, size) for i in range(looked)) > looked
    )


def _is_zero(file: IO[bytes], at: int, count: int) -> bool:
    file.seek(at)
    data = file.read(count)
    return len(data) == count and not any(data)


def _is_synchronous(data: bytes) -> bool:
    """Whether packets of MPEG-TS follow each other in it."""
    return any(
        data[phase::stride].count(0x47) >= _SYNCHRONOUS * (len(data) // stride)
        for stride in _STRIDES
        for phase in range(stride)
    )
