"""How a still picture of a known kind is broken: what its parts say, held against the bytes that are there.

Runs in a warm child.
"""

import struct
from typing import IO

from reelmill.media import png
from reelmill.media.animations import gif_has_picture, gif_is_cut_off
from reelmill.media.damage import cut_off, damaged, impossible
from reelmill.media.diagnosis import AGAIN, Diagnosis

_GIF_BYTES = 2**25
_JPEG_OTHERS = dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "without loss") | dict.fromkeys(
    (0xC9, 0xCA, 0xCD, 0xCE), "by arithmetic coding"
)
_TIFF_PACKED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925})
"""Numbers of what FFmpeg unpacks: none, fax, LZW, JPEG, deflate, PackBits, LZMA."""
_SAVE = "Save it anew as JPEG, PNG or TIFF with a program that shows it, and submit that."
_DEVELOP = "Develop it to JPEG, PNG or TIFF, and submit that."
_MOST_ENTRIES, _MOST_VALUES = 200, 100_000


def of_png(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    if head[12:16] != b"IHDR":
        return damaged("header_damaged", "the file begins as PNG, and its header (IHDR) does not follow")
    if (problem := impossible(*struct.unpack(">II", head[16:24]))) is not None:
        return problem
    return png.problem(file, size)


def of_jpeg(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    at = 2
    while at + 4 <= min(size, len(head)):
        if head[at] != 0xFF:
            return damaged("structure_damaged", f"the picture is damaged: at byte {at} no part of JPEG begins")
        mark, count = head[at + 1], struct.unpack(">H", head[at + 2 : at + 4])[0]
        if mark in range(0xC0, 0xD0) and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            if (problem := impossible(width, height)) is not None:
                return problem
            if (what := _JPEG_OTHERS.get(mark)) or head[at + 4] != 8:
                what = what or f"of {head[at + 4]} bits a sample"
                cause = f"the picture is a JPEG {what}, a kind of JPEG that is not supported"
                return damaged("feature_unsupported", cause, _SAVE, code="INPUT_UNSUPPORTED")
        if mark == 0xDA:
            break
        at += 2 + count
    file.seek(max(0, size - 4096))
    if b"\xff\xd9" not in file.read(4096):
        return damaged(
            "cut_off", f"the picture is damaged or cut off: its {size} bytes end before it does", f"{AGAIN}."
        )
    return None


def of_gif(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    if (problem := impossible(*struct.unpack("<HH", head[6:10]))) is not None:
        return problem
    if len(head) == size and not gif_has_picture(head):
        return damaged("no_data", "the file has the head of a GIF and no picture that can be read", f"{AGAIN}.")
    file.seek(max(0, size - 64))
    if b"\x3b" not in file.read(64):
        return damaged(
            "cut_off", f"the picture is damaged or cut off: its {size} bytes end before it does", f"{AGAIN}."
        )
    file.seek(0)
    if gif_is_cut_off(file.read(min(size, _GIF_BYTES))):
        return damaged("structure_damaged", "the picture is damaged: a part of it is none of GIF's", f"{AGAIN}.")
    return None


def of_bmp(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    promised = struct.unpack("<I", head[2:6])[0]
    width, height = struct.unpack("<ii", head[18:26])
    return impossible(width, abs(height)) or (cut_off(size, promised) if promised > size else None)


def of_tiff(file: IO[bytes], head: bytes, size: int) -> Diagnosis | None:
    if (raw := raw_photo(file, head)) is not None:
        return raw
    at = struct.unpack("<I" if head[:2] == b"II" else ">I", head[4:8])[0]
    if at < 8:
        return damaged("header_damaged", f"the picture is damaged: its directory can't begin at byte {at}")
    if at + 2 > size:
        return damaged("cut_off", f"the picture is damaged or cut off: its directory would be at {at} of {size}",
                        f"{AGAIN}.")  # fmt: skip
    return _in_directory(file, at, size, "<" if head[:2] == b"II" else ">")


def raw_photo(file: IO[bytes], head: bytes) -> Diagnosis | None:
    """What is told of a camera's raw photo that is a TIFF: its first picture is a small preview, not the photo.

    Canon's have their own mark; DNGVersion is DNG's; others have the photo in a directory below (TIFF/EP, 6.1).
    """
    try:
        order = "<" if head[:2] == b"II" else ">"
        told = _directory(file, struct.unpack(f"{order}I", head[4:8])[0], order)
        preview = 254 in told and _numbers(file, told[254], order)[:1] == [1] and {330, 271} <= told.keys()
    except (struct.error, IndexError, OverflowError):
        return None
    if not (head[8:10] == b"CR" or 50706 in told or preview):
        return None
    cause = "the file is no media but a camera's raw photo, of which only a small preview can be read"
    return Diagnosis(kind="raw_photo", code="INPUT_NOT_MEDIA", cause=cause, remedy=_DEVELOP)


def _directory(file: IO[bytes], at: int, order: str) -> dict[int, tuple[int, int, bytes]]:
    """Of each tag: type, count of values, and where they are, or themselves."""
    file.seek(at)
    count = struct.unpack(f"{order}H", file.read(2))[0]
    entries = file.read(12 * min(count, _MOST_ENTRIES))
    found = (struct.unpack_from(f"{order}HHI4s", entries, 12 * i) for i in range(len(entries) // 12))
    return {tag: (kind, values, value) for tag, kind, values, value in found}


def _in_directory(file: IO[bytes], at: int, size: int, order: str) -> Diagnosis | None:
    """What a TIFF's first directory (TIFF 6.0, 2) tells of its pixels: how they are packed, whether all are there."""
    told = _directory(file, at, order)
    if not told.keys() & {273, 324}:
        return damaged("no_data", "the picture is damaged: it has a directory and no pixels", f"{AGAIN}.")
    how = _numbers(file, told.get(259, (3, 1, b"\1\0\0\0" if order == "<" else b"\0\1\0\0")), order)[0]
    if how not in _TIFF_PACKED:
        cause = f"the picture's pixels are compressed by a method (number {how}) that is not supported in TIFF"
        return damaged("feature_unsupported", cause, _SAVE, code="INPUT_UNSUPPORTED")
    places, lengths = (
        _numbers(file, told[tag], order) if tag in told else [] for tag in ((273, 279) if 273 in told else (324, 325))
    )
    end = max((place + length for place, length in zip(places, lengths, strict=False)), default=0)
    return cut_off(size, end, "the picture") if end > size else None


def _numbers(file: IO[bytes], entry: tuple[int, int, bytes], order: str) -> list[int]:
    kind, values, value = entry
    letter, width = ("H", 2) if kind == 3 else ("I", 4)
    values = min(values, _MOST_VALUES)
    if values * width > 4:
        file.seek(struct.unpack(f"{order}I", value)[0])
        value = file.read(values * width)
    return list(struct.unpack(f"{order}{values}{letter}", value[: values * width]))
