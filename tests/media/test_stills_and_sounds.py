"""thumbnail and audio on the real ffmpeg: what comes out, decoded."""

from pathlib import Path

import pytest
from effort import some_or_all
from media.kit import Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A frame for every 0.1 s, its number as its grey: 16, 24, 32, … of limited range.
RAMP = ("-f", "lavfi", "-i", "color=black:size=32x32:rate=10:duration=2,format=yuv420p,geq=lum='16+8*N':cb=128:cr=128")
RATES = {"MP3": "mp3", "M4A": "aac", "OPUS": "opus", "FLAC": "flac", "WAV": "pcm_s16le"}


@pytest.fixture(scope="module", params=["mp4", "mkv", "ts"])
def ramp(request: pytest.FixtureRequest, files: Path) -> Path:
    """Two seconds in which each frame shows its number; one key frame."""
    return make(files / f"stills.{request.param}", *RAMP, "-c:v", "libx264", "-crf", "1", "-g", "20", "-bf", "0")


def number(picture: Path) -> int:
    """Which frame of the ramp a picture shows."""
    return round(rgb(picture, 16, 16)[1] * 219 / 255 / 8)


async def test_pictures_show_what_is_on_the_screen_at_their_times(studio: Studio, ramp: Path) -> None:
    times = [0.0, 0.34, 1.05, 1.2, 1.99]
    made = await studio.make(ramp, {"thumbnail": {"times_seconds": times, "format": "PNG"}})
    assert [path.name for path in made] == [f"out-{i:04d}.png" for i in range(1, 6)]
    assert [number(path) for path in made] == [0, 3, 10, 12, 19]


async def test_evenly_spaced_pictures_are_the_middles_of_equal_parts(studio: Studio, ramp: Path) -> None:
    made = await studio.make(ramp, {"thumbnail": {"count": 5, "format": "PNG"}})
    assert [number(path) for path in made] == [2, 6, 10, 14, 18]
    assert number(await studio.one(ramp, thumbnail={"format": "PNG"})) == 10


async def test_more_pictures_than_frames_repeat_frames(studio: Studio, ramp: Path) -> None:
    made = await studio.make(ramp, {"thumbnail": {"count": 60, "format": "PNG"}})
    assert [number(path) for path in made] == [int((i + 0.5) / 3) for i in range(60)]


async def test_seeking_and_one_decode_give_the_same_pictures(
    studio: Studio, ramp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"thumbnail": {"count": 18, "format": "PNG"}}
    decoded = [number(path) for path in await studio.make(ramp, spec)]
    monkeypatch.setattr("reelmill.media.operations.thumbnail._SEEK_SECONDS", 0)
    assert len((await studio.plan(ramp, spec)).commands) == 2
    assert [number(path) for path in await studio.make(ramp, spec)] == decoded


@pytest.mark.parametrize(("format", "codec"), [("JPEG", "mjpeg"), ("PNG", "png"), ("WEBP", "webp")])
async def test_every_picture_format_comes_in_the_size_asked_for(
    studio: Studio, tiny: Path, format: str, codec: str
) -> None:
    seen = decode(await studio.one(tiny, thumbnail={"format": format, "width": 33, "height": 40}))
    assert (seen.video_codec, seen.width, seen.height) == (codec, 33, 33)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
async def test_a_better_quality_makes_a_larger_picture(studio: Studio, tiny: Path, format: str) -> None:
    outputs = [{"name": f"q{q}", "thumbnail": {"format": format, "quality": q}} for q in (1, 50, 100)]
    sizes = [path.stat().st_size for path in await studio.make(tiny, *outputs)]
    assert sizes == sorted(set(sizes))


async def test_a_time_past_the_end_is_told(studio: Studio, tiny: Path) -> None:
    with pytest.raises(AttemptFailed, match=r"TIME_OUT_OF_RANGE: times_seconds has 1.5, and the input ends at 1.0"):
        await studio.one(tiny, thumbnail={"times_seconds": [0.5, 1.5]})


async def test_a_length_that_no_header_tells_is_counted(studio: Studio, tmp_path: Path, tiny: Path) -> None:
    raw = make(tmp_path / "raw.h264", "-i", str(tiny), "-c", "copy", "-an")
    assert decode(await studio.one(raw, thumbnail={})).frames == 1
    assert len(await studio.make(raw, {"thumbnail": {"count": 10}})) == 10


SOUNDS = [(format, *sound) for format in RATES for sound in ((1, 8000), (2, 48000))]


@pytest.mark.parametrize(("format", "channels", "rate"), some_or_all(SOUNDS, *SOUNDS[::2], SOUNDS[1]))
async def test_every_sound_format_takes_rates_and_channels(
    studio: Studio, tone: Path, format: str, channels: int, rate: int
) -> None:
    seen = decode(await studio.one(tone, audio={"format": format, "channels": channels, "sample_rate_hz": rate}))
    decoded_rate = 48000 if format == "OPUS" else rate
    assert (seen.audio_codec, seen.channels, seen.sample_rate_hz) == (RATES[format], channels, decoded_rate)
    assert seen.samples == pytest.approx(decoded_rate, rel=0.2 if rate == 8000 else 0.08)


MANY = [(format, channels) for format in ("M4A", "OPUS", "FLAC", "WAV") for channels in (3, 4, 6, 8)]


@pytest.mark.parametrize(("format", "channels"), some_or_all(MANY, *MANY[::2], MANY[-1]))
async def test_sound_formats_take_many_channels(studio: Studio, tone: Path, format: str, channels: int) -> None:
    seen = decode(await studio.one(tone, audio={"format": format, "channels": channels}))
    assert seen.channels == channels


@pytest.mark.parametrize("format", ["MP3", "M4A", "OPUS"])
@pytest.mark.parametrize("bitrate", [8_000, 512_000])
async def test_sound_formats_take_the_whole_range_of_bit_rates(
    studio: Studio, tone: Path, format: str, bitrate: int
) -> None:
    made = await studio.one(tone, audio={"format": format, "bitrate_bps": bitrate, "channels": 1})
    assert decode(made).duration_seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("format", "rate"), [("FLAC", 192000), ("MP3", 48000), ("OPUS", 48000)])
async def test_sound_keeps_its_rate_or_takes_the_highest_there_is(
    studio: Studio, tmp_path: Path, format: str, rate: int
) -> None:
    high = make(tmp_path / "high.wav", "-f", "lavfi", "-i", "sine=sample_rate=192000:duration=0.5")
    assert decode(await studio.one(high, audio={"format": format})).sample_rate_hz == rate


async def test_six_channels_become_two(studio: Studio, tmp_path: Path) -> None:
    surround = make(tmp_path / "surround.wav", "-f", "lavfi", "-i", "sine=duration=0.5", "-ac", "6")
    assert decode(await studio.one(surround, audio={"format": "FLAC"})).channels == 2


async def test_a_sound_is_trimmed_to_the_sample(studio: Studio, tone: Path) -> None:
    trim = {"start_seconds": 0.25, "end_seconds": 0.75}
    assert decode(await studio.one(tone, audio={"format": "WAV", "trim": trim})).samples == 22050


async def test_a_picture_each_so_many_seconds_begins_with_the_first_frame(
    studio: Studio, ramp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"thumbnail": {"interval_seconds": 0.35, "format": "PNG"}}
    assert [number(path) for path in await studio.make(ramp, spec)] == [0, 3, 7, 10, 14, 17]
    monkeypatch.setattr("reelmill.media.operations.thumbnail._SEEK_SECONDS", 0)
    assert [number(path) for path in await studio.make(ramp, spec)] == [0, 3, 7, 10, 14, 17]
    with pytest.raises(AttemptFailed, match="these are 25000 pictures, and 1000 is the most"):
        long = make(studio.folder / "long.mkv", "-f", "lavfi", "-i", "color=size=32x32:rate=0.1:duration=1000")
        await studio.one(long, thumbnail={"interval_seconds": 0.04})


async def test_scene_changes_are_the_first_frame_and_those_that_begin_another_scene(
    studio: Studio, tmp_path: Path
) -> None:
    scenes = "".join(f"color={colour}:size=64x48:rate=10:duration=2[{colour}];" for colour in ("red", "white", "blue"))
    film = make(tmp_path / "scenes.mp4", "-f", "lavfi", "-i", f"{scenes}[red][white][blue]concat=n=3")
    made = await studio.make(film, {"thumbnail": {"scene_changes": True, "format": "PNG"}})
    assert [path.name for path in made] == ["out-0001.png", "out-0002.png", "out-0003.png"]
    assert [[level > 128 for level in rgb(path, 30, 20)] for path in made] == [
        [True, False, False],
        [True, True, True],
        [False, False, True],
    ]
    few = await studio.make(film, {"thumbnail": {"scene_changes": True, "count": 2}})
    assert len(few) == 2
    still = make(tmp_path / "still.png", *RAMP, "-frames:v", "1")
    assert len(await studio.make(still, {"thumbnail": {"scene_changes": True}})) == 1


async def test_the_best_frame_is_neither_black_nor_blurred_where_there_is_another(
    studio: Studio, tmp_path: Path
) -> None:
    graph = (
        "color=black:size=320x240:rate=5:duration=1[a];testsrc2=size=320x240:rate=5:duration=1,gblur=sigma=12[b];"
        "testsrc2=size=320x240:rate=5:duration=1,negate[c];[a][b][c]concat=n=3"
    )
    film = make(tmp_path / "film.mp4", "-f", "lavfi", "-i", graph, "-crf", "10")
    (best,) = await studio.make(film, {"thumbnail": {"best": True, "format": "PNG"}})
    sharp = make(tmp_path / "sharp.png", "-ss", "2.4", "-i", str(film), "-frames:v", "1")
    differs = [
        sum(abs(a - b) for a, b in zip(rgb(best, x, y), rgb(sharp, x, y), strict=True))
        for x, y in ((300, 20), (20, 220), (300, 220))
    ]
    assert max(differs) < 60
    black = make(tmp_path / "black.mp4", "-f", "lavfi", "-i", "color=black:size=64x48:rate=5:duration=2")
    assert len(await studio.make(black, {"thumbnail": {"best": True, "count": 3}})) == 3


async def test_what_has_no_picture_gives_its_cover(studio: Studio, tmp_path: Path, tone: Path) -> None:
    cover = make(tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:size=64x48", "-frames:v", "1")
    tagged = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    song = make(tmp_path / "song.mp3", "-i", str(tone), "-i", str(cover), *tagged)
    made = await studio.make(song, {"thumbnail": {"count": 2, "format": "PNG", "width": 32}})
    assert [(decode(path).width, rgb(path, 10, 10)[0] > 250) for path in made] == [(32, True), (32, True)]
    assert decode(await studio.one(song, preset="poster")).video_codec == "mjpeg"
