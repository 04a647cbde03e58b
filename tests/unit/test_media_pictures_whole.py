"""What is missing or wrong in PNG and WebP is told, by bytes made by hand."""

import io
import struct
import zlib

import pytest

from reelmill.media import png, webp
from reelmill.media.diagnosis import Diagnosis


def chunk(name: bytes, data: bytes = b"", *, checksum: int | None = None) -> bytes:
    told = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", told)


def header(colours: int) -> bytes:
    return png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, colours, 0, 0, 0))


PIXELS, END, PALETTE = chunk(b"IDAT", zlib.compress(bytes(20))), chunk(b"IEND"), chunk(b"PLTE", bytes(6))


def kind_of(found: Diagnosis | None) -> str | None:
    return found.kind if found is not None else None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (header(2) + PIXELS + END, None),
        (header(3) + PALETTE + PIXELS + END, None),
        (header(2) + PIXELS + END + b"trash behind it", None),
        (header(2) + PIXELS, None),  # all its pixels are there
        (header(2) + chunk(b"tEXt", b"a", checksum=1) + PIXELS + END, None),  # a note
        (header(3) + PIXELS + END, "parameters_missing"),
        (header(2) + END, "no_data"),
        (header(2) + chunk(b"IDAT", bytes(9), checksum=7) + END, "data_damaged"),
        (header(2) + PIXELS[:-6], "cut_off"),
        (header(2) + PIXELS + b"\0\0", "cut_off"),
        (header(2) + PIXELS + b"\0\0\0\1\0\1\0\1" + bytes(40), "structure_damaged"),
    ],
)
def test_a_png_is_whole_or_it_is_told_why_not(data: bytes, kind: str | None) -> None:
    assert kind_of(png.problem(io.BytesIO(data), len(data))) == kind


def riff(*parts: bytes) -> bytes:
    body = b"".join(part + bytes(len(part) % 2) for part in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def part(name: bytes, data: bytes, *, more: int = 0) -> bytes:
    return name + struct.pack("<I", len(data) + more) + data


FRAME = bytes(16)
VP8 = struct.pack("<I", 40 << 5)[:3] + b"\x9d\x01\x2a" + struct.pack("<HH", 16, 16) + bytes(range(60))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (riff(part(b"VP8L", b"\x2f" + bytes(range(99)))), None),
        (riff(part(b"VP8L", b"\x2f" + bytes(range(99)))) + b"trash behind it", None),
        (riff(part(b"VP8L", b"\x2f" + bytes(5000))), "no_data"),
        (riff(part(b"VP8L", b"\x2f" + bytes(99), more=400)), "cut_off"),
        (riff(part(b"VP8 ", VP8[:40])), "cut_off"),  # its first part alone has 40 bytes
        (riff(part(b"ANMF", FRAME + part(b"VP8L", bytes(range(20))))), None),
        (riff(part(b"ANMF", FRAME + part(b"VP8L", bytes(20), more=30)), part(b"ANMF", FRAME)), "cut_off"),
    ],
)
def test_a_webp_is_whole_or_it_is_told_why_not(data: bytes, kind: str | None) -> None:
    assert kind_of(webp.problem(io.BytesIO(data), len(data))) == kind
