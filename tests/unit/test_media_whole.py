"""By what is told that a picture is not whole, and by what it is not."""

import pytest

from reelmill.media.steps import Reading
from reelmill.media.whole import complaint, is_picture


@pytest.mark.parametrize(
    "line",
    [
        "[mjpeg] [error] overread 8",
        "[mjpeg] [warning] EOI missing, emulating",
        "[mjpeg] [warning] component 0 is incomplete",
        "[gif] [error] LZW decode failed",
        "[apng] [error] inflate returned error -3",
        "[in#0/apng] [warning] Packet corrupt (stream = 0, dts = NOPTS).",
        "[in#0/webp_anim] [warning] Skipping chunk: Q[176][158][242]",
        "[tiff] [error] Decoded only 595 bytes of 960",
    ],
)
def test_a_decoder_that_makes_something_up_is_heard(line: str) -> None:
    assert complaint(["[swscaler] [warning] deprecated pixel format used", line]) == line


@pytest.mark.parametrize(
    "lines",
    [
        ["[mjpeg] [error] error decoding EXIF data: Invalid data found when processing input"],
        ["[webp] [error] invalid TIFF header in EXIF data: Invalid data found when processing input"],
        ["[mjpeg] [warning] Duplicate ICC sequence number"],
        ["[bmp] [error] not enough data (1086 < 2111692253), trying to decode anyway"],
        ["[gif] [error] Application provided invalid, non monotonically increasing dts to muxer in stream 0"],
        ["[png] [error] Invalid PNG signature 0x0.", "[dec:png] [error] Error submitting packet to decoder: Invalid"],
        ["[in#0/webp_anim] [warning] Skipping chunk: ABCD"],
        [],
    ],
)
def test_what_is_said_of_anything_else_is_not(lines: list[str]) -> None:
    assert complaint(lines) == ""


def test_a_film_is_no_picture() -> None:
    assert is_picture(Reading(of="", demuxer="webp_anim"))
    assert is_picture(Reading(of="", demuxer="jpeg_pipe"))
    assert is_picture(Reading(of="", demuxer="mov", options=("-noautorotate", "-apply_cropping", "codec")))
    assert not is_picture(Reading(of="", demuxer="mov"))
    assert not is_picture(Reading(of="", demuxer="avi"))
