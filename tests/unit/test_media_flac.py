"""How far a FLAC reaches, by its header and its last frame's."""

import io
import struct

import pytest

from reelmill.media import flac
from reelmill.media.anatomy import anatomy

RATE, BLOCK = 48_000, 4096


def header(total: int, *more: bytes) -> bytes:
    """A FLAC's beginning: what it is, and blocks of padding."""
    told = struct.pack(">HH", BLOCK, BLOCK) + bytes(6) + ((RATE << 44) | (1 << 41) | (15 << 36) | total).to_bytes(8)
    blocks = [told + bytes(16), *more]
    return b"fLaC" + b"".join(
        bytes([(0x80 if i == len(blocks) - 1 else 0) | bool(i)]) + len(one).to_bytes(3) + one
        for i, one in enumerate(blocks)
    )


def frame(number: bytes, *, variable: bool = False, size: int = 900) -> bytes:
    """A frame with a whole header; `number`: coded."""
    head = b"\xff" + (b"\xf9" if variable else b"\xf8") + b"\xc9\x18" + number
    return head + bytes([flac._checksum(head)]) + b"\x55" * size


@pytest.mark.parametrize(
    ("frames", "there"),
    [
        ([frame(b"\0"), frame(b"\x01"), frame(b"\x02")], 2 * BLOCK),
        ([frame(b"\0"), frame(b"\xc4\x80")], 256 * BLOCK),  # 256, in two bytes
        ([frame(b"\0"), frame(b"\xe1\x80\x80", variable=True)], 4096),  # of samples, not of frames
        ([frame(b"\0"), frame(b"\x01"), frame(b"\x02")[:6]], 2 * BLOCK),
        ([frame(b"\0"), frame(b"\x01"), b"\xff\xf8\xc9\x18\x07\0" + bytes(99)], BLOCK),  # none: its checksum is wrong
    ],
)
def test_the_last_frame_tells_how_far_it_reaches(frames: list[bytes], there: int) -> None:
    data = header(480_000, bytes(100)) + b"".join(frames)
    assert flac.reach(io.BytesIO(data), len(data)) == (10.0, there / RATE, 4 + 38 + 104)


def test_a_header_alone_has_no_sound() -> None:
    whole = header(480_000, bytes(100))
    assert flac.reach(io.BytesIO(whole), len(whole)) == (10.0, 0.0, len(whole))
    cut = whole[:90]
    assert flac.reach(io.BytesIO(cut), len(cut)).begins >= len(cut)


@pytest.mark.parametrize(
    "data", [b"fLaC\x04\0\0\x22" + bytes(40), b"fLaC\0\0\0\x22" + bytes(10), b"fLaC\x80\0\0\x22" + bytes(40)]
)
def test_one_that_does_not_tell_what_it_is_is_damaged(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it does not begin|a rate"):
        flac.reach(io.BytesIO(data), len(data))


@pytest.mark.parametrize(("blocks", "kind"), [(116, None), (60, "cut_off"), (0, "no_data")])
def test_how_much_of_it_is_there_is_told(blocks: int, kind: str | None) -> None:
    frames = b"".join(frame(bytes((0xC0 | number >> 6, 0x80 | number & 63))) for number in range(128, 128 + blocks))
    data = header(BLOCK * 244) + frames if blocks else header(BLOCK * 244)
    found = anatomy(io.BytesIO(data), len(data))
    assert (found.kind if found else None) == kind
