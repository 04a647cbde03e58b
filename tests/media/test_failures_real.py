"""The failure table against what the real ffmpeg says."""

import random
from pathlib import Path

import pytest
from media.kit import FFMPEG, Studio, make
from media.test_run import script

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.render.command import Command

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHORT = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.5")
SINE = ("-f", "lavfi", "-i", "sine=duration=0.5")


async def failure(
    studio: Studio,
    inputs: tuple[str, ...],
    *writes: str,
    path: str = "out/out.mkv",
    ffmpeg: Path = FFMPEG,
    reads: tuple[Path, ...] = (),
) -> str:
    """Code and message of a command that fails."""
    (studio.folder / "out").mkdir(exist_ok=True)
    command = Command(argv=(*inputs, *writes, path), outputs=("out",), duration_seconds=1, reads=tuple(map(str, reads)))
    with pytest.raises(AttemptFailed) as caught:
        await studio.run(command, ffmpeg=ffmpeg)
    return str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "writes", "told"),
    [
        (SHORT, ("-c:v", "nosuch"), "ENCODER_UNAVAILABLE"),
        (SHORT, ("-vf", "nosuch"), "ENCODER_UNAVAILABLE"),
        (("-nosuch", *SHORT), (), "ENCODER_UNAVAILABLE"),
        (SINE, ("-c:a", "libopus", "-b:a", "512000", "-ac", "1"), "ENCODER_REFUSED"),
        (SINE, ("-c:a", "libmp3lame", "-ac", "6"), "ENCODER_REFUSED"),
        (SHORT, ("-c:v", "libx265", "-s", "4x64"), "ENCODER_REFUSED"),
        (SHORT, ("-map", "0:7"), "INPUT_CORRUPT: the input lacks a stream that it promised"),
    ],
)
async def test_what_ffmpeg_refuses(studio: Studio, inputs: tuple[str, ...], writes: tuple[str, ...], told: str) -> None:
    assert (await failure(studio, inputs, *writes)).startswith(told)


async def test_a_full_disk(open_studio: Studio) -> None:
    said = await failure(open_studio, SHORT, "-c:v", "rawvideo", "-f", "matroska", path="/dev/full")
    assert said.startswith("DISK_FULL: the worker's disk is full: ")
    assert "No space left on device" in said


async def test_too_little_memory(studio: Studio) -> None:
    poor = script(studio.folder, f'ulimit -v 700000; exec {FFMPEG} "$@"')
    assert (await failure(studio, SHORT, "-s", "16000x16000", "-c:v", "rawvideo", ffmpeg=poor)).startswith(
        "OUT_OF_MEMORY"
    )


async def test_an_input_of_which_little_can_be_decoded(studio: Studio, tmp_path: Path) -> None:
    video = make(tmp_path / "v.mp4", *SHORT, "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")
    data = bytearray(video.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = random.Random(1).randbytes(end - start)
    video.write_bytes(data)
    said = await failure(studio, ("-f", "mov", "-i", str(video)), "-c:v", "libx264", reads=(video,))
    assert said.startswith("INPUT_CORRUPT")


@pytest.mark.parametrize("content", [b"", b"\0" * 5000])
async def test_an_input_that_is_no_mp4(studio: Studio, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    assert (await failure(studio, ("-f", "mov", "-i", str(path)), reads=(path,))).startswith("INPUT_CORRUPT")


@pytest.mark.parametrize(("name", "hint"), [("SEGV", ""), ("KILL", "; the kernel does that when memory runs out")])
async def test_a_signal_is_named(studio: Studio, name: str, hint: str) -> None:
    dying = script(studio.folder, f"kill -{name} $$")
    assert await failure(studio, SHORT, ffmpeg=dying) == f"FFMPEG_CRASHED: ffmpeg was ended by SIG{name}{hint}"
