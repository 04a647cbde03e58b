"""What headers claim beside what is there: of files that are cut, whole, or written into a pipe."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.anatomy import anatomy
from reelmill.media.claims import claim

SECONDS, RATE = 3, 8000


def wav(size: int | None = None) -> bytes:
    """Three seconds of silence; `size`: what the header says instead of how much there is."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(bytes(2 * RATE * SECONDS))
    made = bytearray(file.getvalue())
    if size is not None:
        made[40:44] = struct.pack("<I", size)
    return bytes(made)


def avi(length: int = 75) -> bytes:
    """An AVI's skeleton: a picture of `length` frames at 25 a second, 10,000 bytes of them."""

    def chunk(name: bytes, inner: bytes) -> bytes:
        return name + struct.pack("<I", len(inner)) + inner

    told = struct.pack("<4s4sIIIIIIII", b"vids", b"FMP4", 0, 0, 0, 1, 25, 0, length, 0)
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56)) + chunk(b"LIST", b"strl" + chunk(b"strh", told)))
    return chunk(b"RIFF", b"AVI " + header + chunk(b"LIST", b"movi" + chunk(b"00dc", bytes(10_000))))


def rf64(size: int | None = None) -> bytes:
    """The same as `wav`, with its sizes as files above 4 GiB have them."""
    data = bytes(2 * RATE * SECONDS)
    count = len(data) if size is None else size
    sizes = b"ds64" + struct.pack("<IQQQI", 28, count + 72, count, RATE * SECONDS, 0)
    rest = wav()[12:36] + b"data\xff\xff\xff\xff" + data
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + rest


# A frame's header: MPEG-1 at 44.1 kHz and 128 kb/s, in stereo and in mono, and MPEG-2 at 22.05 kHz.
HEADS = {"stereo": (b"\xff\xfb\x90\x00", 32), "mono": (b"\xff\xfb\x90\xc0", 17), "low": (b"\xff\xf3\x90\x00", 17)}


def mp3(kind: str = "stereo", *, tag: bytes = b"Info", bytes_: int | None = None, flags: int = 3) -> bytes:
    """An MP3's skeleton behind an ID3 of 200 bytes: 40,000 bytes from the frame on that tells of all."""
    head, beside = HEADS[kind]
    count = 40_000 if bytes_ is None else bytes_
    if tag == b"VBRI":
        frame = head + bytes(32) + tag + struct.pack(">HHHII", 1, 0, 75, count, 95)
    else:
        frame = head + bytes(beside) + tag + struct.pack(">III", flags, 95, count)
    return b"ID3\x04\0\0\0\0\x01\x48" + bytes(200) + frame.ljust(40_000, b"\x55")


def claimed(data: bytes, demuxer: str, seconds: float) -> float:
    return claim(io.BytesIO(data), demuxer, len(data), seconds=seconds).told


@given(st.integers(60, 48_043))
def test_a_wav_that_is_cut_claims_what_it_had(size: int) -> None:
    there = wav()[:size]
    assert claimed(there, "wav", (size - 44) / 16_000) == pytest.approx(SECONDS)


@given(st.integers(200, 10_000))
def test_an_avi_that_is_cut_claims_its_frames(size: int) -> None:
    assert claimed(avi()[:size], "avi", 1.0) == 3.0


@given(st.integers(80, 48_079))
def test_a_large_wav_that_is_cut_claims_what_it_had(size: int) -> None:
    told, there = claim(io.BytesIO(rf64()[:size]), "wav", size, seconds=SECONDS)  # its reader believes it
    assert told == (SECONDS if size > 80 else 0)
    assert there == pytest.approx((size - 80) / 16_000 if told else SECONDS)


@given(st.integers(300, 40_209), st.sampled_from([*HEADS]), st.sampled_from([b"Xing", b"Info", b"VBRI"]))
def test_an_mp3_that_is_cut_claims_what_it_had(size: int, kind: str, tag: bytes) -> None:
    assert claimed(mp3(kind, tag=tag)[:size], "mp3", (size - 210) / 16_000) == pytest.approx(2.5)


@pytest.mark.parametrize("made", [mp3(), mp3(bytes_=0), mp3(flags=1)[:20_000], mp3(tag=b"none")[:20_000]])
def test_an_mp3_that_is_whole_or_tells_nothing_claims_nothing(made: bytes) -> None:
    assert claimed(made, "mp3", 2.5) == 0
    assert claimed(rf64(0), "wav", 3) == claimed(rf64(2**63), "wav", 3) == claimed(rf64(), "wav", 3) == 0


@pytest.mark.parametrize("size", [None, 0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF, 2 * RATE * SECONDS - 100])
def test_what_is_whole_or_knows_no_size_claims_nothing(size: int | None) -> None:
    assert claimed(wav(size), "wav", SECONDS) == 0
    assert claimed(avi(7500), "avi", SECONDS) == 0, "all of its bytes are there, whatever it counts"


@given(st.binary(max_size=200), st.sampled_from(["avi", "wav", "w64", "caf", "mov", "mp3"]))
def test_rubbish_claims_no_less_than_nothing(data: bytes, demuxer: str) -> None:
    assert claimed(data, demuxer, 1.0) >= 0
    assert claimed(avi()[:60] + data, "avi", 1.0) >= 0
    assert claimed(wav()[:36] + data, "wav", 1.0) >= 0
    assert claimed(rf64()[:40] + data, "wav", 1.0) >= 0
    assert claimed(mp3()[:214] + data, "mp3", 1.0) >= 0


@pytest.mark.parametrize("whole", [mp3(), mp3("mono", tag=b"VBRI"), rf64()])
def test_what_is_missing_of_a_sound_is_told_in_bytes(whole: bytes) -> None:
    assert anatomy(io.BytesIO(whole), len(whole)) is None
    found = anatomy(io.BytesIO(whole[:9000]), 9000)
    assert found is not None and found.kind == "cut_off"
    assert f"9000 of {len(whole)} bytes are there" in found.cause
