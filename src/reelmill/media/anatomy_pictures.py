"""How a still picture of a known kind is broken: what its parts say, held against the bytes that are there.

Runs in a warm child.
"""

import struct
from typing import IO

from reelmill.media import png
from reelmill.media.animations import gif_is_cut_off
from reelmill.media.damage import cut_off, damaged, impossible
from reelmill.media.diagnosis import AGAIN, Diagnosis

_GIF_BYTES = 2**25


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
            if not width or not height:
                return impossible(width, height)
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
    if len(head) == size and b"\x2c" not in head[13:]:
        return damaged("no_data", "the file has the head of a GIF and no picture in it", f"{AGAIN}.")
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
    at = struct.unpack("<I" if head[:2] == b"II" else ">I", head[4:8])[0]
    if at < 8:
        return damaged("header_damaged", f"the picture is damaged: its directory can't begin at byte {at}")
    if at + 2 > size:
        return damaged("cut_off", f"the picture is damaged or cut off: its directory would be at {at} of {size}",
                        f"{AGAIN}.")  # fmt: skip
    return None
