"""What stands before the picture of a JPEG."""

import pytest

from reelmill.media import jpeg

SCAN = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0picture\xff\xd9"


def part(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2) + data


def frame(*grain: int, marker: int = 0xC0, bits: int = 8) -> bytes:
    """The header of a frame whose components are stored with such factors."""
    each = b"".join(bytes((i, factors, 0)) for i, factors in enumerate(grain))
    return part(marker, bytes((bits, 0, 9, 0, 7, len(grain))) + each)


USUAL = frame(0x22, 0x11, 0x11)


def test_parts_end_with_the_scan_or_where_the_bytes_do() -> None:
    whole = b"\xff\xd8" + part(0xE1, b"Exif") + USUAL + SCAN
    assert [one.marker for one in jpeg.parts(whole)] == [0xE1, 0xC0, 0xDA]
    assert next(jpeg.parts(whole)).data == b"Exif"
    assert jpeg.is_whole(whole)
    end = whole.index(b"picture")
    for cut in range(end):
        assert not jpeg.is_whole(whole[:cut]), cut
        assert not jpeg.comes_smaller(whole[:cut]), cut
    assert list(jpeg.parts(b"\xff\xd8\xff\xe1\0\x01" + SCAN)) == []
    assert list(jpeg.parts(b"\xff\xd8nothing")) == []


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
@pytest.mark.parametrize("grain", [(0x11,), (0x22, 0x11, 0x11), (0x21, 0x11, 0x11), (0x11, 0x11, 0x11)])
def test_usual_ones_come_smaller(marker: int, grain: tuple[int, ...]) -> None:
    assert jpeg.comes_smaller(b"\xff\xd8" + frame(*grain, marker=marker) + SCAN)


@pytest.mark.parametrize(
    "head",
    [
        frame(0x22, 0x11, 0x11, marker=0xC3),
        frame(0x22, 0x11, 0x11, marker=0xC9),
        frame(0x22, 0x11, 0x11, bits=12),
        frame(0x22, 0x12, 0x21),
        frame(0x11, 0x11, 0x11, 0x11),
        frame(0x11, 0x11),
        USUAL + USUAL,
        USUAL[:-1] + b"\xff" + USUAL,
        part(0xC4, b"table"),
        b"",
    ],
)
def test_others_do_not(head: bytes) -> None:
    assert not jpeg.comes_smaller(b"\xff\xd8" + head + SCAN)


def test_notes_are_laid_on_another() -> None:
    one = b"\xff\xd8" + part(0xE0, b"JFIF") + part(0xE1, b"Exif") + part(0xDB, b"table") + USUAL + SCAN
    other = b"\xff\xd8" + part(0xEF, b"own") + frame(0x11) + SCAN
    assert jpeg.notes_on(one, other) == b"\xff\xd8" + part(0xE0, b"JFIF") + part(0xE1, b"Exif") + frame(0x11) + SCAN
    assert jpeg.notes_on(other, one) == b"\xff\xd8" + part(0xEF, b"own") + part(0xDB, b"table") + USUAL + SCAN
