"""transcode on the real ffmpeg: what comes out, decoded."""

from pathlib import Path

import av
import pytest
from effort import some_or_all
from media.kit import Studio, decode, make, rgb

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTAINERS = {
    "MP4": (("H264", "H265", "AV1", "VP9"), ("AAC", "OPUS")),
    "WEBM": (("VP9", "AV1"), ("OPUS",)),
    "MKV": (("H264", "H265", "VP9", "AV1"), ("AAC", "OPUS")),
}
PAIRS = [(c, v, a[i % len(a)]) for c, (vs, a) in CONTAINERS.items() for i, v in enumerate(vs)]
NAMES = {"H264": "h264", "H265": "hevc", "VP9": "vp9", "AV1": "av1", "AAC": "aac", "OPUS": "opus"}
FITS = {"CONTAIN": (48, 24), "PAD": (48, 32), "CROP": (48, 32), "STRETCH": (48, 32), "SHRINK": (48, 24)}
GREEN = ("-f", "lavfi", "-i", "color=0x00FF00:size=64x32:rate=10:duration=0.3")
# A frame for every 0.1 s, its number as its grey: 16, 24, 32, … of limited range.
RAMP = ("-f", "lavfi", "-i", "color=black:size=64x64:rate=10:duration=2,format=yuv420p,geq=lum='16+8*N':cb=128:cr=128")
FFV1 = ("-c:v", "ffv1", "-pix_fmt", "yuv420p")


@pytest.mark.parametrize(("container", "video", "audio"), PAIRS)
async def test_every_container_holds_every_codec_that_it_accepts(
    studio: Studio, tiny: Path, container: str, video: str, audio: str
) -> None:
    spec = {"container": container, "video": {"codec": video}, "audio": {"codec": audio}}
    seen = decode(await studio.one(tiny, transcode=spec))
    assert (seen.video_codec, seen.audio_codec) == (NAMES[video], NAMES[audio])
    assert (seen.width, seen.height, seen.frames) == (64, 64, 10)
    assert seen.duration_seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("codec", ["H264", "H265", "VP9", "AV1"])
@pytest.mark.parametrize("rate", [{"crf": 0}, {"crf": 22.5}, {"bitrate_bps": 10_000}, {"bitrate_bps": 400_000_000}])
async def test_every_codec_takes_the_whole_range_of_rates(
    studio: Studio, files: Path, codec: str, rate: dict[str, float]
) -> None:
    short = files / "short.mkv"
    if not short.exists():
        make(short, "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=0.2", *FFV1)
    made = await studio.one(short, transcode={"container": "MP4", "video": {"codec": codec, **rate}})
    assert decode(made).frames == 2


async def test_a_higher_bit_rate_makes_a_larger_file(studio: Studio, tiny: Path) -> None:
    small, large = (
        {"name": name, "transcode": {"mute": True, "video": {"bitrate_bps": rate}}}
        for name, rate in (("small", 20_000), ("large", 400_000))
    )
    sizes = [path.stat().st_size for path in await studio.make(tiny, small, large)]
    assert sizes[0] * 2 < sizes[1]


@pytest.mark.parametrize("fit", FITS)
async def test_fits_give_the_size_that_they_promise(studio: Studio, files: Path, fit: str) -> None:
    green = files / "green.mkv"
    if not green.exists():
        make(green, *GREEN, *FFV1)
    made = await studio.one(green, transcode={"video": {"width": 48, "height": 32, "fit": fit}})
    seen = decode(made)
    assert (seen.width, seen.height) == FITS[fit]
    assert rgb(made, 24, seen.height // 2)[1] > 200
    assert (max(rgb(made, 24, 0)) < 40) == (fit == "PAD")


async def test_shrink_never_enlarges(studio: Studio, tiny: Path) -> None:
    spec = {"video": {"width": 1920, "height": 1080, "fit": "SHRINK"}}
    seen = decode(await studio.one(tiny, transcode=spec))
    assert (seen.width, seen.height) == (64, 64)


async def test_a_trim_starts_and_ends_at_exactly_its_frames(studio: Studio, files: Path) -> None:
    ramp = make(files / "ramp.mp4", *RAMP, "-c:v", "libx264", "-g", "20", "-crf", "1", "-pix_fmt", "yuv420p")
    made = await studio.one(ramp, transcode={"trim": {"start_seconds": 0.7, "end_seconds": 1.5}, "video": {"crf": 1}})
    seen = decode(made)
    assert seen.frames == 8
    assert seen.times[0] == 0.0
    shown = [rgb(made, 32, 32, index=i)[1] for i in (0, 7)]
    assert shown == pytest.approx([8 * 7 * 255 / 219, 8 * 14 * 255 / 219], abs=3)


async def test_a_trim_to_the_end_keeps_the_rest(studio: Studio, tiny: Path) -> None:
    seen = decode(await studio.one(tiny, transcode={"trim": {"start_seconds": 0.4}}))
    assert seen.frames == 6
    assert seen.duration_seconds == pytest.approx(0.6, abs=0.06)


@pytest.mark.parametrize(("rate", "frames"), [(5, 5), (29.97, 30), (60, 60)])
async def test_a_frame_rate_drops_or_repeats_frames_at_the_same_speed(
    studio: Studio, tiny: Path, rate: float, frames: int
) -> None:
    made = await studio.one(tiny, transcode={"video": {"frame_rate": rate}})
    seen = decode(made)
    assert seen.frames == frames
    assert seen.times[1] - seen.times[0] == pytest.approx(1 / rate, abs=1e-4)
    assert seen.duration_seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("container", "codec"), [("MP4", "H264"), ("MP4", "H265"), ("WEBM", "VP9"), ("MKV", "AV1")])
async def test_key_frames_are_the_first_frames_of_their_intervals_and_no_others(
    studio: Studio, files: Path, container: str, codec: str
) -> None:
    scenes = "testsrc2=size=64x64:rate=30000/1001:duration=5,select='not(between(t,1.8,2.3))',negate=enable='gt(t,0.7)'"
    clip = make(files / "scenes.mp4", "-f", "lavfi", "-i", scenes, "-fps_mode", "vfr", "-crf", "0")
    settings = {"codec": codec, "keyframe_interval_seconds": 1.001}
    made = await studio.one(clip, transcode={"container": container, "video": settings})
    with av.open(str(made)) as container_:
        packets = [p for p in container_.demux(video=0) if p.pts is not None]
    times = sorted(float(p.pts * p.time_base) for p in packets)
    keys = [next(t for t in times if t >= n * 1.001 - 0.001) for n in range(5)]
    assert sorted(float(p.pts * p.time_base) for p in packets if p.is_keyframe) == keys


async def test_a_variable_rate_stays_as_it_is(studio: Studio, files: Path) -> None:
    late = "settb=1/90000,setpts='PTS+613*mod(N*N,9)'"
    clip = make(
        files / "vfr.mp4", "-f", "lavfi", "-i", f"testsrc2=size=64x64:rate=10:duration=1,{late}", "-fps_mode",
        "passthrough", "-enc_time_base", "1/90000", "-c:v", "libx264", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    for codec in ("H264", "AV1"):
        made = await studio.one(clip, transcode={"video": {"codec": codec}})
        assert decode(made).times == pytest.approx(decode(clip).times, abs=1e-4)


async def test_mute_leaves_the_sound_out_and_mp4_has_its_index_first(studio: Studio, tiny: Path) -> None:
    made = await studio.one(tiny, transcode={"mute": True})
    assert decode(made).audio_codec == ""
    data = made.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


CHANNELS = ((1, 48000), (2, 16000), (3, 48000), (4, 48000), (6, 24000), (8, 48000))
SOUNDS = [(*kind, *sound) for kind in (("MP4", "AAC"), ("WEBM", "OPUS")) for sound in CHANNELS]
SOME_SOUNDS = [(*kind, *sound) for kind, sound in zip(3 * (("MP4", "AAC"), ("WEBM", "OPUS")), CHANNELS, strict=True)]


@pytest.mark.parametrize(("container", "codec", "channels", "rate"), some_or_all(SOUNDS, *SOME_SOUNDS))
async def test_sound_has_the_channels_and_the_rate_asked_for(
    studio: Studio, tiny: Path, container: str, codec: str, channels: int, rate: int
) -> None:
    audio = {"codec": codec, "channels": channels, "sample_rate_hz": rate, "bitrate_bps": 512_000}
    spec = {"container": container, "audio": audio, "video": {"frame_rate": 1}}
    seen = decode(await studio.one(tiny, transcode=spec))
    assert seen.channels == channels
    assert seen.sample_rate_hz == (48000 if codec == "OPUS" else rate)  # Opus decodes to 48 kHz always


async def test_outputs_of_one_input_come_out_of_one_process(studio: Studio, tiny: Path) -> None:
    outputs = (
        {"name": "web", "transcode": {"video": {"height": 32}}},
        {"name": "sound", "audio": {}},
        {"name": "stills", "thumbnail": {"count": 4}},
    )
    assert len((await studio.plan(tiny, *outputs)).commands) == 1
    made = await studio.make(tiny, *outputs)
    assert [path.name for path in made[:3]] == ["web.mp4", "sound.mp3", "stills-0001.jpg"]
    assert len(made) == 6


@pytest.mark.parametrize(("size", "expected"), [("1080x1920", (1080, 1920)), ("2160x3840", (1080, 1920))])
async def test_web_mp4_bounds_the_shorter_side_of_what_stands_upright(
    studio: Studio, tmp_path: Path, size: str, expected: tuple[int, int]
) -> None:
    upright = make(tmp_path / "upright.mkv", "-f", "lavfi", "-i", f"color=size={size}:rate=10:duration=0.1", *FFV1)
    seen = decode(await studio.one(upright, preset="web-mp4"))
    assert (seen.width, seen.height) == expected


TINY = [(codec, *size) for codec in ("H264", "H265", "VP9", "AV1")
        for size in (("8x8", (16, 16)), ("1x2", (16, 32)), ("40x10", (64, 16)))]  # fmt: skip


@pytest.mark.parametrize(("codec", "size", "expected"), some_or_all(TINY, TINY[0], TINY[4], TINY[8], TINY[9]))
async def test_pictures_too_small_for_encoders_are_enlarged(
    studio: Studio, tmp_path: Path, codec: str, size: str, expected: tuple[int, int]
) -> None:
    small = make(tmp_path / "small.png", "-f", "lavfi", "-i", f"color=red:size={size}", "-frames:v", "1")
    made = await studio.one(small, transcode={"video": {"codec": codec}})
    assert (decode(made).width, decode(made).height) == expected
    assert rgb(made, 4, 4) == pytest.approx([255, 0, 0], abs=12)
