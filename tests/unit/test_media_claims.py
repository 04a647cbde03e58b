"""What headers claim beside what is there: of files that are cut, whole, or written into a pipe."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.media.claims import claimed_seconds

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


def claimed(data: bytes, demuxer: str, seconds: float) -> float:
    return claimed_seconds(io.BytesIO(data), demuxer, len(data), seconds=seconds)


@given(st.integers(60, 48_043))
def test_a_wav_that_is_cut_claims_what_it_had(size: int) -> None:
    there = wav()[:size]
    assert claimed(there, "wav", (size - 44) / 16_000) == pytest.approx(SECONDS)


@given(st.integers(200, 10_000))
def test_an_avi_that_is_cut_claims_its_frames(size: int) -> None:
    assert claimed(avi()[:size], "avi", 1.0) == 3.0


@pytest.mark.parametrize("size", [None, 0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF, 2 * RATE * SECONDS - 100])
def test_what_is_whole_or_knows_no_size_claims_nothing(size: int | None) -> None:
    assert claimed(wav(size), "wav", SECONDS) == 0
    assert claimed(avi(7500), "avi", SECONDS) == 0, "all of its bytes are there, whatever it counts"


@given(st.binary(max_size=200), st.sampled_from(["avi", "wav", "w64", "caf", "mov"]))
def test_rubbish_claims_no_less_than_nothing(data: bytes, demuxer: str) -> None:
    assert claimed(data, demuxer, 1.0) >= 0
    assert claimed(avi()[:60] + data, "avi", 1.0) >= 0
    assert claimed(wav()[:36] + data, "wav", 1.0) >= 0
