"""Files whose packets belong to tracks that they do not tell of."""

import io
import struct

import pytest

from reelmill.media.undeclared import undeclared


def element(name: str, data: bytes, *, endless: bool = False) -> bytes:
    length = b"\x01" + b"\xff" * 7 if endless else struct.pack(">Q", 1 << 56 | len(data))
    return bytes.fromhex(name) + length + data


def matroska(track: int, *, grouped: bool = False) -> bytes:
    block = bytes((0x80 | track, 0, 0, 0x80)) + b"data"
    packet = element("A0", element("A1", block)) if grouped else element("A3", block)
    tracks = element("1654AE6B", element("AE", element("D7", b"\1") + element("86", b"V_VP9")))
    inside = element("EC", bytes(40)) + tracks + element("1F43B675", element("E7", b"\0") + packet, endless=True)
    return element("1A45DFA3", bytes(9)) + element("18538067", inside, endless=True)


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), name) + data


def fragments(track: int, *, version: int = 0) -> bytes:
    times = bytes(16 if version else 8)
    header = box(b"tkhd", bytes((version, 0, 0, 0)) + times + struct.pack(">I", 1) + bytes(60))
    traf = box(b"traf", box(b"tfhd", bytes(4) + struct.pack(">I", track)) + box(b"trun", bytes(40)))
    index = box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", header))
    return box(b"ftyp", b"isom\0\0\0\0") + index + box(b"moof", box(b"mfhd", bytes(8)) + traf) + box(b"mdat", bytes(40))


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def avi(packet: bytes) -> bytes:
    head = chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56)) + chunk(b"LIST", b"strl" + chunk(b"strh", bytes(56))))
    return chunk(b"RIFF", b"AVI " + head + chunk(b"LIST", b"movi" + chunk(packet, b"abc") + chunk(packet, bytes(20))))


def ogg(serial: int) -> bytes:
    def page(flags: int, number: int) -> bytes:
        return b"OggS\0" + bytes((flags,)) + bytes(8) + struct.pack("<I", number) + bytes(8) + b"\1\5abcde"

    return page(2, 1) + page(0, serial)


@pytest.mark.parametrize(
    ("own", "others", "number"),
    [
        (matroska(1), matroska(7), 7),
        (matroska(1, grouped=True), matroska(9, grouped=True), 9),
        (fragments(1), fragments(6), 6),
        (fragments(1, version=1), fragments(8, version=1), 8),
        (avi(b"00dc"), avi(b"05wb"), 5),
        (ogg(1), ogg(77), 77),
    ],
    ids=["matroska", "groups", "mp4", "mp4-long", "avi", "ogg"],
)
def test_packets_of_other_tracks_are_told_and_own_ones_are_not(own: bytes, others: bytes, number: int) -> None:
    assert undeclared(io.BytesIO(own)) is None
    found = undeclared(io.BytesIO(others))
    assert found is not None and found.kind == "no_data" and f"of tracks ({number}) not declared" in found.cause


@pytest.mark.parametrize("data", [matroska(7), fragments(6), avi(b"05wb"), ogg(77)])
def test_a_file_that_breaks_off_anywhere_raises_nothing(data: bytes) -> None:
    for end in range(len(data)):
        found = undeclared(io.BytesIO(data[:end]))
        assert found is None or found.kind == "no_data"
