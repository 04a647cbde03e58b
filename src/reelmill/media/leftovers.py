"""What a file that we made still says besides its picture and sound: nothing may, so this is asked before it goes out.

By the containers' own structure, against lists of what is known and harmless: a tag that a new ffmpeg carries over
is on no list. Only the structure is read, never the media, so it costs a few reads. Pure but for the reading.
"""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_MOST_PARTS = 100_000  # of a file's structure; fragments of hours of film are fewer
_HEAD_BYTES = 2**16  # of tags that are read; ours have a few hundred

_PNG = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"pHYs"}
) | {
    *(b"acTL", b"fcTL", b"fdAT"),  # of an animation
}
_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_WAV = frozenset({b"fmt ", b"data", b"fact", b"ds64", b"JUNK", b"LIST"})
_JPEG = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xFE})  # E0 is JFIF; FE is a comment, the encoder's
# Boxes of MP4, and those that hold others. stsd's own are looked at by `_sample_entry`.
_MP4_FOLDERS = frozenset({b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"udta", b"ilst"}) | {
    *(b"mvex", b"moof", b"traf"),  # of fragments
}
_MP4 = _MP4_FOLDERS | {
    *(b"ftyp", b"free", b"mdat", b"mvhd", b"tkhd", b"elst", b"mdhd", b"hdlr", b"vmhd", b"smhd", b"dref", b"stsd"),
    *(b"stts", b"stss", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"sgpd", b"sbgp", b"sdtp", b"meta", b"\xa9too"),
    *(b"elng", b"kind"),  # language and role
    *(b"wide", b"\xa9swr"),  # of QuickTime: filling, and the encoder
    *(b"styp", b"sidx", b"trex", b"mehd", b"mfhd", b"tfhd", b"tfdt", b"trun"),  # of fragments
    *(b"pssh", b"saiz", b"saio", b"senc"),  # of encryption
}
# One ID3 tag of one field, by which the packager tells its version.
_PACKAGER = re.compile(rb".{6}ID3\x04.{6}PRIV.{6}https://github\.com/shaka-project/shaka-packager\0[\w.-]+", re.DOTALL)
_MP4_HANDLERS = (b"PictureHandler", b"VideoHandler", b"SoundHandler", b"mdir", b"")
_MOV_HANDLERS = (b"\x0cVideoHandler", b"\x0cSoundHandler", b"\x0bDataHandler")  # QuickTime's names tell their length
_AVIF = frozenset({b"tref", b"auxl", b"auxi"})  # of a film of pictures, besides MP4's
_AVIF_ITEMS = frozenset({b"av01"})
_ITEM = re.compile(rb"infe\x02.{7}(.{4})", re.DOTALL)  # ISO/IEC 14496-12, 8.11.6: version, flags, number, protection
# TIFF 6.0: size, samples, compression, what colours mean, strips, resolution, the writer, a palette, opacity.
_TIFF = frozenset(
    {*(254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279), *(282, 283, 284, 296, 305, 317, 320, 338, 339, 530)}
)
# Elements of Matroska by their numbers, and those that hold others.
_MKV_FOLDERS = {
    0x18538067: "Segment",
    0x1549A966: "Info",
    0x1654AE6B: "Tracks",
    0xAE: "TrackEntry",
    0x1254C367: "Tags",
    0x7373: "Tag",
    0x67C8: "SimpleTag",
}
# fmt: off
_MKV = frozenset({
    0x1A45DFA3, 0x114D9B74, 0xEC, 0xBF, 0x1F43B675, 0x1C53BB6B,  # EBML, SeekHead, Void, CRC-32, Cluster, Cues
    0x2AD7B1, 0x4D80, 0x5741, 0x73A4, 0x4489,  # of Info: scale, applications, a random number, duration
    0xD7, 0x73C5, 0x9C, 0x22B59C, 0x22B59D, 0x86, 0x83, 0x88, 0x55AA, 0xB9, 0x23E383, 0xE0, 0xE1, 0x63A2, 0x56AA,
    0x56BB,
    0x55EE, 0x6DE7, 0xAA, 0x23314F, 0x41E4, 0x41ED, 0x41F0, 0x41A4, 0x41E7,
    0x55AB, 0x55AC, 0x55AD, 0x55AE, 0x55AF,  # of tracks: all but their names
    0x63C0,  # which track a tag is of
    0x45A3, 0x4487, 0x447A, 0x4484, 0x447B,  # of a tag: its name is looked at
})
# fmt: on
_MKV_TAGS = frozenset({b"ENCODER", b"DURATION"})
_COMMENTS = frozenset({b"encoder", b"language", b"waveformatextensible_channel_mask"})  # of Vorbis: FLAC and Opus
_ID3 = frozenset({b"TSSE", b"TLAN"})  # the encoder, and the sound's language


def leftovers(path: Path) -> list[str]:
    """Names of what a file of ours has that it should not; empty where all is well.

    By the path's ending, which is ours. Never tells contents: those may be what must not get out.
    """
    with path.open("rb") as file:
        return leftovers_in(file, path.suffix)


def leftovers_in(file: BinaryIO, suffix: str) -> list[str]:
    """As `leftovers`, of an open file whose name ends so."""
    try:
        return list(dict.fromkeys(_READERS.get(suffix.removeprefix("."), _unknown)(file)))
    except (struct.error, IndexError, RecursionError):  # what can't be read can't be called clean
        return ["a structure that can't be read"]


def _name(raw: bytes) -> str:
    name = raw.decode("latin-1").strip()
    return name if name.isprintable() else raw.hex()


def _unknown(file: BinaryIO) -> Iterator[str]:
    yield "a format that is not known"


def _stream(file: BinaryIO) -> Iterator[str]:
    """MPEG-TS has no tags but a service's name, which is ffmpeg's own; tracks are counted by who probes it."""
    yield from ()


def _frames(file: BinaryIO) -> Iterator[str]:
    """AC-3 and E-AC-3 are frames of sound, one behind the other, and nothing else; a probe sees what is not."""
    if file.read(2) != b"\x0b\x77":
        yield "a format that is not known"


def _png(file: BinaryIO) -> Iterator[str]:
    file.seek(8)
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind not in _PNG:
            yield _name(kind)
        file.seek(length + 4, 1)


def _jpeg(file: BinaryIO) -> Iterator[str]:
    file.seek(2)
    for _ in range(_MOST_PARTS):
        head = file.read(4)
        if len(head) < 4:
            return
        _, marker, length = struct.unpack(">BBH", head)
        begin = file.read(min(length - 2, 16))
        if marker not in _JPEG or (marker == 0xE0 and not begin.startswith(b"JFIF\0")):
            yield f"APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"{marker:02X}"
        elif marker == 0xFE and not begin.startswith(b"Lav"):
            yield "comment"
        if marker == 0xDA:  # the picture itself, to the end
            return
        file.seek(length - 2 - len(begin), 1)


def _riff(known: frozenset[bytes]) -> Callable[[BinaryIO], Iterator[str]]:
    def read(file: BinaryIO) -> Iterator[str]:
        file.seek(12)
        for _ in range(_MOST_PARTS):
            head = file.read(8)
            if len(head) < 8:
                return
            kind, length = struct.unpack("<4sI", head)
            if kind not in known:
                yield _name(kind)
            if kind == b"LIST":
                yield from _riff_list(file.read(min(length, _HEAD_BYTES)))
                file.seek(max(0, length - _HEAD_BYTES), 1)
            elif kind == b"data" and length == 0xFFFFFFFF:  # beyond 4 GiB its length is elsewhere, and it is the last
                return
            else:
                file.seek(length, 1)
            file.seek(length % 2, 1)

    return read


def _riff_list(data: bytes) -> Iterator[str]:
    at = 4
    while at + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[at : at + 8])
        if kind not in (b"ISFT", b"ILNG"):  # the software, ours, and the sound's language
            yield _name(kind)
        at += 8 + length + length % 2


def _mp4(file: BinaryIO) -> Iterator[str]:
    file.seek(0, 2)
    yield from _boxes(file, 0, file.tell(), [0])


def _boxes(file: BinaryIO, at: int, end: int, count: list[int], also: frozenset[bytes] = frozenset()) -> Iterator[str]:
    while at + 8 <= end and count[0] < _MOST_PARTS:
        count[0] += 1
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        size = size or end - at
        if kind == b"ID32" and _PACKAGER.fullmatch(file.read(min(size - head, 256))):
            pass
        elif kind not in _MP4 and kind not in also:
            yield _name(kind)
        elif kind == b"hdlr":
            handler = file.read(min(size - head, 256))[24:].rstrip(b"\0")
            if handler not in (*_MP4_HANDLERS, *_MOV_HANDLERS):
                yield "handler_name"
        elif kind == b"stsd" and b"prof" in file.read(min(size - head, _HEAD_BYTES)):
            yield "colour profile"
        if kind in _MP4_FOLDERS:
            yield from _boxes(file, at + head, at + size, count, also)
        elif kind == b"meta":  # a version comes first
            yield from _boxes(file, at + head + 4, at + size, count, also)
        at += max(size, 8)


def _mkv(file: BinaryIO) -> Iterator[str]:
    file.seek(0, 2)
    yield from _elements(file, 0, file.tell(), [0])


def _elements(file: BinaryIO, at: int, end: int, count: list[int]) -> Iterator[str]:
    while at < end and count[0] < _MOST_PARTS:
        count[0] += 1
        file.seek(at)
        kind, kind_bytes = _number(file, keep_length=True)
        size, size_bytes = _number(file, keep_length=False)
        if not kind_bytes or not size_bytes:
            return
        begin = at + kind_bytes + size_bytes
        at = min(begin + size, end)  # an unknown size is larger than any file
        if kind in _MKV_FOLDERS:
            yield from _elements(file, begin, at, count)
        elif kind not in _MKV:
            yield f"element {kind:X}"
        elif kind == 0x45A3 and file.read(min(size, _HEAD_BYTES)).rstrip(b"\0") not in _MKV_TAGS:
            yield "tag"


def _number(file: BinaryIO, *, keep_length: bool) -> tuple[int, int]:
    """A number of EBML and the bytes it takes; 0 bytes at the end."""
    first = file.read(1)
    if not first or not first[0]:
        return 0, 0
    length = 9 - first[0].bit_length()
    value = first[0] if keep_length else first[0] & ((1 << (8 - length)) - 1)
    return int.from_bytes(bytes([value]) + file.read(length - 1), "big"), length


def _comments(data: bytes) -> Iterator[str]:
    """Vorbis comments: the maker's name, then NAME=value each."""
    at = 4 + int.from_bytes(data[:4], "little")
    for _ in range(min(int.from_bytes(data[at : at + 4], "little"), _MOST_PARTS)):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        name = data[at + 8 : at + 8 + length].partition(b"=")[0]
        if name.lower() not in _COMMENTS:
            yield "comment"
        at += 4 + length
        if at >= len(data):
            return


def _flac(file: BinaryIO) -> Iterator[str]:
    names = {0: "", 1: "", 2: "application", 3: "", 4: "", 5: "cue sheet", 6: "picture"}
    file.seek(4)
    for _ in range(_MOST_PARTS):
        head = file.read(4)
        kind, length = head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if unwanted := names.get(kind, "block"):
            yield unwanted
        block = file.read(length) if kind == 4 else b""
        yield from _comments(block) if block else ()
        file.seek(length - len(block), 1)
        if head[0] & 0x80:
            return


def _gif(file: BinaryIO) -> Iterator[str]:
    """Blocks as in GIF89a: pictures, how they are shown, and the loop's length."""
    head = file.read(13)
    file.seek(3 << ((head[10] & 7) + 1) if head[10] & 0x80 else 0, 1)
    for _ in range(_MOST_PARTS):
        kind = file.read(1)
        if kind == b"!":
            label = file.read(1)
            first = file.read(file.read(1)[0])
            if label not in (b"\xf9", b"\xff"):
                yield "comment"
            elif label == b"\xff" and not first.startswith(b"NETSCAPE2.0"):
                yield _name(first[:11])
        elif kind == b",":
            flags = file.read(9)[8]
            file.seek(3 << ((flags & 7) + 1) if flags & 0x80 else 0, 1)
            file.seek(1, 1)
        else:
            return
        while length := file.read(1)[0]:
            file.seek(length, 1)


def _avif(file: BinaryIO) -> Iterator[str]:
    """The boxes of a picture, or of a film of pictures, and which items there are besides coded ones."""
    file.seek(0, 2)
    end, at = file.tell(), 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        size = size or end - at
        if kind == b"meta":
            boxes = file.read(min(size - 8, _HEAD_BYTES))
            yield from (_name(item) for item in _ITEM.findall(boxes) if item not in _AVIF_ITEMS)
            yield from ("colour profile" for of in (b"prof", b"rICC") if b"colr" + of in boxes)
        elif kind == b"moov":
            yield from _boxes(file, at + 8, at + size, [0], also=_AVIF)
        elif kind not in (b"ftyp", b"mdat", b"free"):
            yield _name(kind)
        at += max(size, 8)


def _tiff(file: BinaryIO) -> Iterator[str]:
    """The tags of each picture in turn (TIFF 6.0)."""
    order = {b"II": "<", b"MM": ">"}[file.read(2)]
    file.seek(4)
    (at,) = struct.unpack(f"{order}I", file.read(4))
    for _ in range(_MOST_PARTS):
        if not at:
            return
        file.seek(at)
        (count,) = struct.unpack(f"{order}H", file.read(2))
        for _ in range(count):
            (tag,) = struct.unpack(f"{order}H10x", file.read(12))
            if tag not in _TIFF:
                yield f"tag {tag}"
        (at,) = struct.unpack(f"{order}I", file.read(4))


def _opus(file: BinaryIO) -> Iterator[str]:
    head = file.read(_HEAD_BYTES)
    at = head.find(b"OpusTags")
    yield from _comments(head[at + 8 :]) if at >= 0 else ("no tags",)


def _mp3(file: BinaryIO) -> Iterator[str]:
    head = file.read(10)
    if head.startswith(b"ID3"):
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        data, at = file.read(min(size, _HEAD_BYTES)), 0
        while at + 10 <= len(data) and data[at]:
            if data[at : at + 4] not in _ID3:
                yield _name(data[at : at + 4])
            # Version 4 has seven bits a byte, version 3 eight.
            bits = 7 if head[3] == 4 else 8
            at += 10 + sum(byte << (bits * i) for i, byte in enumerate(reversed(data[at + 4 : at + 8])))
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 128))
    if file.read(3) == b"TAG":
        yield "ID3v1"


_READERS: dict[str, Callable[[BinaryIO], Iterator[str]]] = {
    "ts": _stream,
    "m4s": _mp4,
    "png": _png,
    "jpg": _jpeg,
    "webp": _riff(_WEBP),
    "wav": _riff(_WAV),
    "mp4": _mp4,
    "mov": _mp4,
    "m4a": _mp4,
    "webm": _mkv,
    "mkv": _mkv,
    "flac": _flac,
    "opus": _opus,
    "mp3": _mp3,
    "ac3": _frames,
    "eac3": _frames,
    "gif": _gif,
    "avif": _avif,
    "tiff": _tiff,
}
