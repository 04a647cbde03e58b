"""Which pictures of H.264 are whole: units by their lengths and start codes, messages of all sizes."""

import pytest
from media.fields import Bits

from reelmill.media import h264

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
        assert h264.recovery(*coded(*units, lengths=lengths)) == right, units


@pytest.mark.parametrize("lengths", [True, False])
def test_pictures_that_others_refer_to_are_counted(lengths: bool) -> None:
    assert h264.is_counted(*coded(b"\x09\xf0", PLAIN, lengths=lengths))
    assert h264.is_counted(*coded(WHOLE, lengths=lengths))
    assert not h264.is_counted(*coded(UNREFERRED, lengths=lengths))
    assert not h264.is_counted(*coded(point(3), lengths=lengths))
    assert not h264.is_counted(b"", b"")


def test_a_sequence_says_whether_pictures_may_be_fields() -> None:
    for text, fields in (
        ("67640015acd9464d808800000300080000030190f8a14cb0", True),  # x264's, high profile, interlaced
        ("677a0015b6cd9464d8088000000300800000190f8a14cb", True),  # 4:2:2 of 10 bits
        ("67f4000a919b28c4d808800000030080000019078912cb", False),  # 4:4:4
        ("6742c00ad90626c044000003000400000300c83c489920", False),  # baseline
    ):
        unit = bytes.fromhex(text)
        apart = b"\1\x64\0\x1f\xff\xe1" + len(unit).to_bytes(2) + unit
        told = h264.Sequence(fields=fields, number_bits=4, planes=False)
        assert h264.sequence(b"\0\0\1" + unit, b"") == told == h264.sequence(b"", apart)
        assert h264.sequence(b"\0\0\1" + unit[:6], b"") is None
    assert h264.sequence(b"\0\0\1" + WHOLE, b"") is None


def test_a_sequence_with_matrices_and_an_order_of_its_own_is_read_through() -> None:
    bits = Bits().fixed(244, 8).fixed(0, 8).fixed(40, 8).ue(0).ue(3).fixed(1, 1).ue(2).ue(2).fixed(0, 1).fixed(1, 1)
    for i in range(12):
        bits.fixed(i in (0, 6, 7), 1)
        if i in (0, 7):
            for step in range(16 if i < 6 else 64):
                bits.se(step % 5 - 2)
        if i == 6:
            bits.se(-8)  # the rest is as usual
    bits.ue(5).ue(1).fixed(0, 1).se(-3).se(4).ue(2).se(1).se(-1)  # how many frames are numbered, and their order
    bits.ue(4).fixed(0, 1).ue(5).ue(3).fixed(0, 1).fixed(0, 2)
    found = h264.sequence(bits.unit(0x67), b"")
    assert found == h264.Sequence(fields=True, number_bits=9, planes=True)
    for number, bottom in ((300, False), (300, True), (511, False)):
        head = Bits().ue(0).ue(7).ue(0).fixed(0, 2).fixed(number, 9).fixed(1, 1).fixed(bottom, 1).fixed(0, 64)
        assert h264.field(head.unit(0x61), b"", found) == h264.Field(number, bottom)
    whole = Bits().ue(0).ue(7).ue(0).fixed(0, 2).fixed(5, 9).fixed(0, 64)
    assert h264.field(whole.unit(0x61), b"", found) is None
    assert h264.field(b"\0\0\1\x61", b"", found) is None


def test_two_fields_of_a_number_are_one_picture() -> None:
    top, bottom = h264.Field(3, False), h264.Field(3, True)
    assert bottom.completes(top) and top.completes(bottom)
    assert not bottom.completes(bottom) and not bottom.completes(None) and not bottom.completes(h264.Field(2, False))
