"""Which pictures of H.264 are whole: units by their lengths and start codes, messages of all sizes."""

import pytest

from reelmill.media import recovery

_LENGTHS = b"\1\x64\0\x1f\xff"  # as MP4 has it: four bytes each
WHOLE, PLAIN, UNREFERRED = b"\x65abc", b"\x41abc", b"\x01abc"


def point(frames: int, before: bytes = b"") -> bytes:
    """A unit of messages, of which the last one says so."""
    bits = f"{frames + 1:b}"
    bits = "0" * (len(bits) - 1) + bits + "1"
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    return b"\6" + before + bytes([6, len(data)]) + data + b"\x80"


def coded(*units: bytes, lengths: bool) -> tuple[bytes, bytes]:
    """A packet, and what stands before all of them."""
    if lengths:
        return b"".join(len(unit).to_bytes(4) + unit for unit in units), _LENGTHS
    return b"".join(b"\0\0\1" + unit for unit in units), b""


@pytest.mark.parametrize("lengths", [True, False])
def test_a_message_says_how_many_frames_it_takes(lengths: bool) -> None:
    long = b"\5" + b"\xff\x2d" + bytes(range(1, 256)) + bytes(45 * b"x")
    for units, right in (
        ((WHOLE,), 0),
        ((PLAIN,), 0),
        ((point(0), PLAIN), 0),
        ((point(24), PLAIN), 24),
        ((b"\x09\xf0", point(59, long), PLAIN), 59),
        ((PLAIN, point(24)), 0),  # of the next picture
        ((b"\6\5\4abcd\x80", point(7), PLAIN), 7),
        ((b"\6\6\1", PLAIN), 0),
        ((), 0),
    ):
        assert recovery.frames(*coded(*units, lengths=lengths)) == right, units


@pytest.mark.parametrize("lengths", [True, False])
def test_pictures_that_others_refer_to_are_counted(lengths: bool) -> None:
    assert recovery.is_counted(*coded(b"\x09\xf0", PLAIN, lengths=lengths))
    assert recovery.is_counted(*coded(WHOLE, lengths=lengths))
    assert not recovery.is_counted(*coded(UNREFERRED, lengths=lengths))
    assert not recovery.is_counted(*coded(point(3), lengths=lengths))
    assert not recovery.is_counted(b"", b"")
