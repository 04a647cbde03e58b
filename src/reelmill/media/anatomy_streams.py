"""How a stream of a known kind is broken or protected: what its packets say, as far as its beginning and end tell.

Runs in a warm child.
"""

import re
import struct
from collections.abc import Iterator
from typing import IO

from reelmill.media.claims import asf_size
from reelmill.media.damage import CUT, PROTECTED, cut_off, damaged
from reelmill.media.diagnosis import Diagnosis

_MOST_TAGS = 2000
_FLV_PICTURES = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12})
"""Numbers of codecs that FFmpeg reads: JPEG, Sorenson's H.263, screens, VP6, H.264, H.263, MPEG-4, HEVC."""
_CONVERT = "Convert it with the program that made it, or with one that knows the codec, and submit that."
_UNIT = re.compile(rb"\x00\x00\x01(..)", re.DOTALL)
_PACK = re.compile(rb"\x00\x00\x01[\xbd\xc0-\xef]..(.)", re.DOTALL)  # ISO/IEC 13818-1, 2.4.3.6
_FROM_BEGINNING = "Take the file or the recording from its very beginning, of a stream with its first segment."

_PICTURES_OF_H264, _LAST_PICTURE_OF_HEVC = frozenset({1, 5}), 31
"""Kinds of units that are parts of pictures: ITU-T H.264, table 7-1; H.265, table 7-1."""
_PACKET, _SYNC = 188, 0x47
_SAMPLE_AES = frozenset({0xCF, 0xDB, 0xC1, 0xC2})
"""Kinds of streams in "MPEG-2 Stream Encryption Format for HTTP Live Streaming"."""


def is_ts(head: bytes) -> bool:
    return len(head) > 3 * _PACKET and all(head[i * _PACKET] == _SYNC for i in range(3))


def of_ts(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    packets = [head[i : i + _PACKET] for i in range(0, len(head) - _PACKET, _PACKET)]
    scrambled = sum(one[3] & 0xC0 != 0 for one in packets if one[0] == _SYNC)
    if scrambled > len(packets) // 4:
        return damaged("encrypted", "the stream is scrambled (pay television)", PROTECTED, code="INPUT_UNSUPPORTED")
    if packets and all(one[0] == _SYNC and (one[1] & 0x1F, one[2]) == (0x1F, 0xFF) for one in packets):
        return damaged("no_data", "the stream is nothing but stuffing (null packets): there is no picture and no sound"
                        " in it", CUT)  # fmt: skip
    if _SAMPLE_AES & set(_kinds(packets)):
        return damaged("encrypted", "the stream's picture or sound is encrypted (HLS, SAMPLE-AES)", PROTECTED,
                        code="INPUT_UNSUPPORTED")  # fmt: skip
    if lost := next((i for i, one in enumerate(packets) if one[0] != _SYNC), None):
        return damaged(
            "structure_damaged", f"the stream is damaged from byte {lost * _PACKET} on: its packets lose step"
        )
    if not any(one[0] == _SYNC and not (one[1] & 0x1F) and not one[2] for one in packets):
        return damaged("parameters_missing", "the stream does not tell what is in it (PAT and PMT are missing)")
    return None


def _kinds(packets: list[bytes]) -> Iterator[int]:
    """Kinds of its streams, as the first table of a program tells (ISO/IEC 13818-1, 2.4.4.8)."""
    tables = (one for one in packets if one[0] == _SYNC and one[1] & 0x40)
    for one in tables:
        at = 5 + one[4] if one[3] & 0x20 else 4
        if at >= _PACKET or (at := at + 1 + one[at]) + 12 > _PACKET or one[at] != 2:
            continue
        end = min(at + 3 + ((one[at + 1] & 0x0F) << 8 | one[at + 2]) - 4, _PACKET - 5)
        at += 12 + ((one[at + 10] & 0x0F) << 8 | one[at + 11])
        while at < end:
            yield one[at]
            at += 5 + ((one[at + 3] & 0x0F) << 8 | one[at + 4])
        return


def of_ogg(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    file.seek(max(0, size - 65536))
    tail = file.read(65536)
    at = tail.rfind(b"OggS")
    if at < 0 and size > 65536:
        return damaged("cut_off", "the file is damaged or cut off: at its end no page of Ogg is found", CUT)
    if at >= 0 and at + 27 < len(tail):
        lengths = tail[at + 27 : at + 27 + tail[at + 26]]
        end = size - len(tail) + at + 27 + tail[at + 26] + sum(lengths)
        if end > size:
            return cut_off(size, end)
        if size <= len(tail) and tail[at + 6 : at + 14] in (bytes(8), b"\xff" * 8):  # when its last page is heard
            return damaged("no_data", "the file has the headers of Ogg and no sound or picture behind them", CUT)
    return None


def of_asf(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    protected = (b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e",
                 b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c")  # fmt: skip
    if any(name in head for name in protected):
        return damaged("encrypted", "the file is encrypted (Windows Media DRM)", PROTECTED, code="INPUT_UNSUPPORTED")
    told = asf_size(head)
    return cut_off(size, told) if size < told < 2**62 else None


_DISC_PACKET, _DISC_UNIT = 192, 6144
"""Of discs and cameras (BDAV): four bytes before each packet, and 32 of those are encrypted together."""


def is_disc_stream(head: bytes) -> bool:
    return len(head) > 2 * _DISC_UNIT and all(head[at + 4] == _SYNC for at in (0, _DISC_UNIT, 2 * _DISC_UNIT))


def of_disc_stream(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    units = range(0, len(head) - _DISC_UNIT, _DISC_UNIT)
    if sum(head[at] >> 6 != 0 for at in units) > len(units) // 2:  # who decrypts them takes these bits away
        return damaged("encrypted", "the stream is encrypted, as on a disc (AACS)", PROTECTED, code="INPUT_UNSUPPORTED")
    packets = range(0, len(head) - _DISC_PACKET, _DISC_PACKET)
    if (lost := next((at for at in packets if head[at + 4] != _SYNC), None)) is not None:
        return damaged("structure_damaged", f"the stream is damaged from byte {lost} on: its packets lose step")
    return None


def of_ps(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    flags = [found[1][0] for found in _PACK.finditer(head)]
    if sum(flag >> 6 == 2 and flag & 0x30 != 0 for flag in flags) > len(flags) // 4:
        return damaged("encrypted", "the stream is scrambled, as on a DVD (CSS)", PROTECTED, code="INPUT_UNSUPPORTED")
    return None


def of_flv(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    at = head.find(b"\0\x08filesize\0")
    told = struct.unpack(">d", head[at + 11 : at + 19])[0] if at >= 0 else 0.0
    if size < told < 2**62:
        return cut_off(size, round(told))
    at, kinds = struct.unpack(">I", head[5:9])[0] + 4, dict[int, int]()
    for _ in range(_MOST_TAGS):
        if at + 11 > size:
            break
        file.seek(at)
        tag = file.read(12)
        kinds.setdefault(tag[0] & 0x1F, tag[11] if len(tag) > 11 else 0)
        if tag[0] & 0x1F not in (8, 9, 18):
            return damaged("structure_damaged", f"the file is damaged: at byte {at} no part of FLV begins")
        at += 11 + int.from_bytes(tag[1:4]) + 4
    if not kinds.keys() & {8, 9}:
        return damaged("no_data", "the file has the header of FLV and no picture and no sound behind it", CUT)
    picture = kinds.get(9, 0x02)
    if picture & 0x0F not in _FLV_PICTURES and not picture & 0x80:
        return damaged("codec_unsupported", f"the picture is in a codec (number {picture & 0x0F}) that FLV does not"
                        " know, and that can't be decoded", _CONVERT, code="INPUT_UNSUPPORTED")  # fmt: skip
    return cut_off(size, at) if at > size + 4 else None


def is_elementary(head: bytes) -> bool:
    """Whether it is coded pictures of H.264 or HEVC and nothing around them (Annex B)."""
    kinds = [found[1] for found in _UNIT.finditer(head)]
    begin = head[:5].lstrip(b"\0")
    # A unit of kind 0 begins no stream; an icon of Windows does begin so.
    return begin[:1] == b"\1" and begin[1:2] > b"\0" and len(kinds) > 1 and all(kind[0] < 0x80 for kind in kinds)


def of_elementary(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    kinds = [found[1] for found in _UNIT.finditer(head)]
    hevc = any(kind[0] >> 1 == 33 and kind[1] == 1 for kind in kinds)
    told = hevc or any(kind[0] & 31 == 7 for kind in kinds)
    first = [kind[0] for kind in kinds]
    pictures = any(one & 31 in _PICTURES_OF_H264 or (hevc and one >> 1 <= _LAST_PICTURE_OF_HEVC) for one in first)
    if told and len(head) == size and not pictures:
        return damaged("no_data", "the stream tells how its pictures are coded (SPS, PPS), and none follows", CUT)
    if told:
        return None
    what = "the stream does not begin with what its decoder must know (SPS and PPS): its beginning is missing"
    return damaged("parameters_missing", what, _FROM_BEGINNING)
