"""Parts of several inputs, one after the other, to the frame."""

from pathlib import Path

import av
import pytest
from media.kit import Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREY = "geq=lum='16+8*N':cb=128:cr=128"
RAMP = ("-f", "lavfi", "-i", f"color=black:size=64x48:rate=10:duration=2.4,format=yuv420p,{GREY}")
SINE = ("-f", "lavfi", "-i", "sine=sample_rate=44100:duration=2.4")
TALL = ("-f", "lavfi", "-i", f"color=black:size=32x64:rate=5:duration=2,format=yuv420p,{GREY}")
X264 = ("-c:v", "libx264", "-crf", "1", "-g", "8", "-bf", "2")


@pytest.fixture(scope="module")
def film(files: Path) -> Path:
    """Of 24 frames, with a tone."""
    return make(files / "concat.mp4", *RAMP, *SINE, *X264, "-c:a", "aac")


@pytest.fixture(scope="module")
def others(files: Path) -> dict[str, Path]:
    """Another shape and rate, without sound; and a still."""
    tall = make(files / "concat-tall.mkv", *TALL, *X264)
    still = make(files / "concat-still.png", "-f", "lavfi", "-i", "color=white:size=64x48", "-frames:v", "1")
    return {"tall": tall, "still": still}


def numbers(path: Path) -> list[int]:
    """What the middle of each frame shows, as a number of the ramp."""
    with av.open(str(path)) as container:
        planes = [(frame.planes[0], frame) for frame in container.decode(video=0)]
        return [
            round((bytes(plane)[frame.height // 2 * plane.line_size + frame.width // 2] - 16) / 8)
            for plane, frame in planes
        ]


def loudness(path: Path) -> list[float]:
    """Of each tenth of a second, the greatest sample."""
    samples: list[float] = []
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].sample_rate
        for frame in container.decode(audio=0):
            samples += memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples].tolist()
    return [max(map(abs, samples[at : at + rate // 10])) for at in range(0, len(samples) - rate // 20, rate // 10)]


async def test_unlike_parts_become_one_film_to_the_frame(studio: Studio, film: Path, others: dict[str, Path]) -> None:
    parts = [
        {"trim": {"start_seconds": 0.5, "end_seconds": 1}},
        {"input": "tall", "trim": {"start_seconds": 1, "end_seconds": 1.6}},
        {"input": "still", "trim": {"end_seconds": 0.3}},
        {"trim": {"start_seconds": 2.1}},
    ]
    spec = {"name": "out", "input": "own", "concat": {"parts": parts, "video": {"crf": 5}}}
    (made,) = await studio.made(film, await studio.plan(film, spec, inputs={"own": film, **others}))
    path = studio.folder / made.path
    assert numbers(path) == [5, 6, 7, 8, 9, 5, 5, 6, 6, 7, 7, 27, 27, 27, 21, 22, 23]
    seen = decode(path)
    assert (seen.width, seen.height, seen.sample_rate_hz, seen.channels) == (64, 48, 44100, 1)
    assert [round(time * 10) for time in seen.times] == list(range(17))
    heard = [level > 0.02 for level in loudness(path)]
    assert heard[1:5] == [True] * 4 and heard[6:13] == [False] * 7 and heard[15] is True
    assert seen.samples == pytest.approx(1.7 * 44100, abs=2500)


async def test_parts_are_faded_into_each_other(studio: Studio, film: Path) -> None:
    parts = [{"trim": {"end_seconds": 1}}, {"trim": {"start_seconds": 1.4}}]
    outputs = [
        {"name": "faded", "concat": {"parts": parts, "crossfade_seconds": 0.5, "video": {"crf": 5}}},
        {"name": "mute", "concat": {"parts": parts, "mute": True, "container": "WEBM", "video": {"crf": 10}}},
    ]
    faded, mute = await studio.make(film, *outputs)
    shown = numbers(faded)
    assert shown[:5] == [0, 1, 2, 3, 4] and shown[10:] == [19, 20, 21, 22, 23] and len(shown) == 15
    assert all(
        low <= number <= high for number, low, high in zip(shown[5:10], range(5, 10), range(14, 20), strict=False)
    )
    assert (decode(mute).frames, decode(mute).audio_codec, decode(mute).video_codec) == (20, "", "vp9")


async def test_what_can_not_be_joined_is_told(studio: Studio, film: Path, tone: Path) -> None:
    short = {"parts": [{"trim": {"end_seconds": 0.4}}, {}], "crossfade_seconds": 1}
    with pytest.raises(AttemptFailed, match=r"part 1 lasts 0.400 s, and its cross-fades 1.000 s"):
        await studio.one(film, concat=short)
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(tone, concat={"parts": [{}]})
    with pytest.raises(AttemptFailed, match="TIME_OUT_OF_RANGE"):
        await studio.one(film, concat={"parts": [{"trim": {"start_seconds": 9}}]})
