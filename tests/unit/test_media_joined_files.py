"""Whether a second file lies behind one whose reader does not look for it."""

import io
import struct

import pytest

from reelmill.media.endings import is_joined


def box(name: bytes, inner: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(inner), name) + inner


MP4 = box(b"ftyp", b"isom\0\0\0\0") + box(b"mdat", bytes(40)) + box(b"moov", bytes(16))
LIVE = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", bytes(16)) + box(b"moof", bytes(8)) + box(b"mdat", bytes(9))
WAV = b"RIFF" + struct.pack("<I", 40) + b"WAVE" + bytes(36)


@pytest.mark.parametrize(
    ("demuxer", "data", "joined"),
    [
        pytest.param("mov", MP4, False, id="one film"),
        pytest.param("mov", MP4 + MP4, True, id="two films"),
        pytest.param("mov", MP4 + bytes(3), False, id="a film and zeros"),
        pytest.param(
            "mov", LIVE + LIVE, False, id="a stream that begins again"
        ),  # its beginning is told again on the way
        pytest.param("mov", MP4 + b"\0\0\0\0moov", False, id="a film and a second index"),
        pytest.param("wav", WAV, False, id="one sound"),
        pytest.param("wav", WAV + WAV, True, id="two sounds"),
        pytest.param("wav", WAV + b"trash", False, id="a sound and trash"),
        pytest.param("matroska", MP4 + MP4, False, id="two films of another kind"),
    ],
)
def test_a_file_behind_another_is_seen(demuxer: str, data: bytes, joined: bool) -> None:
    assert is_joined(io.BytesIO(data), demuxer, len(data)) is joined
