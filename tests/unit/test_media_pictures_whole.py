"""What is missing or wrong in PNG and WebP is told, by bytes made by hand."""

import io
import struct
import zlib

import pytest

from reelmill.media import png, webp
from reelmill.media.anatomy import anatomy
from reelmill.media.diagnosis import Diagnosis


def chunk(name: bytes, data: bytes = b"", *, checksum: int | None = None) -> bytes:
    told = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", told)


def header(colours: int, *, width: int = 2) -> bytes:
    return png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, 2, 8, colours, 0, 0, 0))


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
        (header(2, width=65_536) + PIXELS + END, None),
        (header(2, width=0) + PIXELS + END, "size_impossible"),
        (header(2) + PIXELS + b"\0\0", "cut_off"),
        (header(2) + PIXELS + b"\0\0\0\1\0\1\0\1" + bytes(40), "structure_damaged"),
    ],
)
def test_a_png_is_whole_or_it_is_told_why_not(data: bytes, kind: str | None) -> None:
    assert kind_of(png.problem(io.BytesIO(data), len(data))) == kind


def tiff(order: str, *, packed: int = 1, at: int = 120, count: int = 30) -> bytes:
    values = {256: 10, 257: 1, 259: packed, 273: at, 279: count}
    entries = (struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in values.items())
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(values)) + b"".join(entries) + bytes(4)
    return (mark + struct.pack(f"{order}I", 8) + directory).ljust(120, b"\0") + bytes(30)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("told", "kind"),
    [({}, None), ({"count": 31}, "cut_off"), ({"at": 9000}, "cut_off"), ({"packed": 34712}, "feature_unsupported")],
)
def test_a_tiff_has_its_strips_in_a_way_that_is_known(order: str, told: dict, kind: str | None) -> None:
    data = tiff(order, **told)
    assert kind_of(anatomy(io.BytesIO(data), len(data))) == kind


@pytest.mark.parametrize(
    ("mark", "bits", "kind"),
    [(0xC0, 8, None), (0xC2, 8, None), (0xC9, 8, "feature_unsupported"), (0xC3, 8, "feature_unsupported"),
     (0xC1, 12, "feature_unsupported")],
)  # fmt: skip
def test_kinds_of_jpeg_that_nobody_decodes_are_told(mark: int, bits: int, kind: str | None) -> None:
    frame = struct.pack(">BBHBHHB", 0xFF, mark, 11, bits, 16, 16, 1) + b"\1\x11\0"
    data = b"\xff\xd8\xff\xe0\0\4ab" + frame + b"\xff\xda\0\4ab" + bytes(range(1, 99)) + b"\xff\xd9"
    assert kind_of(anatomy(io.BytesIO(data), len(data))) == kind


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
