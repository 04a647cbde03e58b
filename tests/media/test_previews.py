"""Animated previews on the real ffmpeg, decoded."""

import subprocess
from pathlib import Path

import pytest
from media.kit import FFMPEG, Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Five seconds, a frame for every 0.2 s, its number as its grey: 16, 24, 32, … of limited range.
RAMP = ("-f", "lavfi", "-i", "color=black:size=64x48:rate=5:duration=5,format=yuv420p,geq=lum='16+8*N':cb=128:cr=128")
X264 = ("-c:v", "libx264", "-crf", "1", "-g", "7", "-bf", "2")


@pytest.fixture(scope="module", params=["mp4", "ts"])
def ramp(request: pytest.FixtureRequest, files: Path) -> Path:
    return make(files / f"preview.{request.param}", *RAMP, *X264)


def numbers(path: Path, width: int, height: int) -> list[float]:
    """Which frame of the ramp each frame shows, by its grey. (PyAV reads no animated WebP.)"""
    argv = [str(FFMPEG), "-loglevel", "error", "-i", str(path), "-fps_mode", "passthrough", "-vf", "format=rgb24"]
    pixels = subprocess.run([*argv, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    size = width * height * 3
    middle = size // 2 + width * 3 // 2 + 1
    return [pixels[at + middle] * 219 / 255 / 8 for at in range(0, len(pixels), size)]


@pytest.mark.parametrize("format", ["WEBP", "GIF", "MP4"])
async def test_parts_of_a_film_follow_each_other_to_the_frame(studio: Studio, ramp: Path, format: str) -> None:
    spec = {"format": format, "seconds": 1, "parts": 2, "width": 32, "height": 24, "quality": 100}
    if format == "GIF":
        del spec["quality"]
    made = await studio.one(ramp, preview={**spec, "frame_rate": 10})
    # The middles of both halves: from 1.0 and from 3.5 s on; a frame of 0.2 s comes twice.
    shown = [5, 6, 7, 17, 18, 19] if format == "WEBP" else [5, 5, 6, 6, 7, 17, 18, 18, 19, 19]
    assert numbers(made, 32, 24) == pytest.approx(shown, abs=0.7)  # WebP shows one for longer instead of twice
    assert (await studio.probe_made(made)).duration_seconds == pytest.approx(1.0, abs=0.011)


async def test_a_part_of_it_is_shown_as_often_as_asked_for(studio: Studio, ramp: Path) -> None:
    trim = {"start_seconds": 2, "end_seconds": 3}
    outputs = [
        {"name": f"n{n}", "preview": {"format": "GIF", "trim": trim, "loops": n, "width": 32}} for n in (0, 1, 3)
    ]
    outputs.append({"name": "w", "preview": {"trim": trim, "loops": 3, "width": 32}})
    made = await studio.make(ramp, *outputs)
    looped = [path.read_bytes().partition(b"NETSCAPE2.0\3\1")[2][:2] for path in made[:3]]
    assert looped == [b"\0\0", b"", b"\2\0"]  # how often it is shown again
    assert made[3].read_bytes().partition(b"ANIM")[2][8:10] == b"\3\0"
    assert numbers(made[0], 32, 24)[::4] == pytest.approx([10, 12, 14], abs=0.7)


async def test_a_short_film_is_shown_whole(studio: Studio, tiny: Path) -> None:
    made = decode(await studio.one(tiny, preview={"format": "MP4", "seconds": 30, "parts": 1, "height": 33}))
    assert (made.width, made.height, made.frames, made.audio_codec) == (32, 32, 25, "")


async def test_what_can_not_be_previewed_is_told(studio: Studio, tmp_path: Path, tone: Path, tiny: Path) -> None:
    still = make(tmp_path / "still.png", *RAMP, "-frames:v", "1")
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the input is a still picture"):
        await studio.one(still, preview={})
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(tone, preview={})
    large = {"width": 1920, "height": 1920, "frame_rate": 50, "seconds": 60, "format": "GIF"}
    long = make(tmp_path / "long.mp4", "-f", "lavfi", "-i", "color=size=32x32:rate=1:duration=60", *X264)
    with pytest.raises(AttemptFailed, match="3000 frames of 1920 × 1920 pixels are more than a preview has"):
        await studio.one(long, preview=large)
