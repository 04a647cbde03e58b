"""Contracts on real files: what is measured of an output, and which promises it does not keep."""

import random
from pathlib import Path

import pytest
from effort import some_or_all
from google.protobuf.json_format import ParseDict
from media.kit import Studio, make

from reelmill.v1.analysis_pb2 import Contract, Measured
from reelmill.worker.contracts import measured_by

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRICT = {
    **{"max_black_seconds": 0.5, "max_freeze_seconds": 0.5, "max_silence_seconds": 0.5, "min_duration_seconds": 2.9},
    **{"max_duration_seconds": 3.1, "min_lufs": -26, "max_lufs": -20, "max_true_peak_dbtp": -12, "min_vmaf": 60},
    **{"min_width": 96, "max_width": 160, "min_frame_rate": 25, "max_frame_rate": 25, "video_streams": 1},
    **{"audio_streams": 1, "codecs": ["h264", "aac"]},
}
FAST = {"video": {"crf": 18}}


def film(
    path: Path, *, picture: str = "", sound: str = "0.1*sin(6283*t)", seconds: float = 3.0, size: str = "160x96"
) -> Path:
    """Three seconds that keep STRICT, but for what is given: filters of the picture, samples of the sound."""
    moving = f"mandelbrot=s={size}:r=25"
    return make(
        path,
        *("-f", "lavfi", "-i", moving, "-f", "lavfi", "-i", f"aevalsrc={sound}|{sound}:s=48000", "-t", f"{seconds}"),
        *("-vf", ",".join(filter(None, (picture, "format=yuv420p"))), "-c:v", "libx264", "-crf", "12"),
        *("-preset", "ultrafast", "-c:a", "flac"),
    )


async def measured(studio: Studio, path: Path, contract: dict, **transcode: object) -> Measured:
    """What is said of a film that is made of a file."""
    output = {"transcode": {**FAST, **transcode}, "contract": contract}
    planned = await studio.plan(path, output)
    files = await studio.made(path, planned)
    told = measured_by(ParseDict(contract, Contract()), files, studio.folder, path.stat().st_size)
    for file in files:
        (studio.folder / file.path).unlink()
    return told


def misses(told: Measured) -> set[str]:
    return {miss.field for miss in told.misses}


def hole(start: float, end: float) -> str:
    return f"between(t\\,{start:.2f}\\,{end:.2f})"


async def test_what_keeps_its_contract_does_and_all_is_measured(studio: Studio, tmp_path: Path) -> None:
    contract = STRICT | {"max_size_ratio": 20, "max_peak_bitrate_bps": 20_000_000}
    told = await measured(studio, film(tmp_path / "sound.mkv"), contract)
    assert misses(told) == set(), told
    assert told.duration_seconds == pytest.approx(3.0, abs=0.1)
    assert (told.width, told.height, told.frame_rate, list(told.codecs)) == (160, 96, 25.0, ["h264", "aac"])
    assert told.loudness.integrated_lufs == pytest.approx(-20.0, abs=0.3)
    assert told.loudness.true_peak_dbtp == pytest.approx(-20, abs=1.5)  # AAC adds some
    assert 80 < told.vmaf <= 100
    assert told.longest_black_seconds == told.longest_freeze_seconds == told.longest_silence_seconds == 0
    size = (studio.folder / "out").exists()
    assert size and 0 < told.size_ratio < 5
    assert 100_000 < told.peak_bitrate_bps < 20_000_000


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"picture": "drawbox=t=fill:color=black:enable='between(t,1,1.8)'"},
         {"max_black_seconds", "max_freeze_seconds"}),
        ({"picture": "loop=loop=20:size=1:start=25,setpts=N/25/TB"}, {"max_freeze_seconds"}),
        ({"sound": f"0.08*sin(6283*t)*not({hole(1, 2)})"}, {"max_silence_seconds"}),
        ({"sound": "0.02*sin(6283*t)"}, {"min_lufs"}),
        ({"sound": "0.4*sin(6283*t)"}, {"max_lufs", "max_true_peak_dbtp"}),
        ({"seconds": 2.0}, {"min_duration_seconds"}),
        ({"seconds": 4.0}, {"max_duration_seconds"}),
        ({"size": "176x96"}, {"max_width"}),
        ({"picture": "fps=20"}, {"min_frame_rate"}),
    ],
)  # fmt: skip
async def test_each_fault_is_found_and_nothing_else(
    studio: Studio, tmp_path: Path, fault: dict, expected: set[str]
) -> None:
    told = await measured(studio, film(tmp_path / "faulty.mkv", **fault), STRICT)
    assert misses(told) == expected, told
    assert all(miss.wanted and miss.found for miss in told.misses)


async def test_what_the_encoder_spoils_is_seen_against_the_input(studio: Studio, tmp_path: Path) -> None:
    path = film(tmp_path / "spoiled.mkv")
    rough = {"crf": 50}
    told = await measured(studio, path, {"min_vmaf": 90}, video=rough)
    assert misses(told) == {"min_vmaf"}
    part = {"trim": {"start_seconds": 1.02, "end_seconds": 2}}
    assert misses(await measured(studio, path, {"min_vmaf": 90}, **part)) == set()  # frame against its own frame
    told = await measured(studio, path, {"max_size_ratio": 0.01, "max_peak_bitrate_bps": 1000, "codecs": ["hevc"]})
    assert misses(told) == {"max_size_ratio", "max_peak_bitrate_bps", "codecs"}
    told = await measured(studio, path, {"audio_streams": 1, "min_lufs": -30, "max_silence_seconds": 1}, mute=True)
    assert misses(told) == {"audio_streams", "min_lufs", "max_silence_seconds"}  # all of it is silent


async def test_holes_of_any_length_are_judged_by_their_length(studio: Studio, tmp_path: Path) -> None:
    chosen = random.Random(20)
    for i, length in enumerate(some_or_all((0.2, 0.3, 0.7, 0.9), 0.3, 0.7)):
        start = chosen.uniform(0.2, 1.9)
        sound = f"0.15*sin(6283*t)*not({hole(start, start + length)})"
        told = await measured(studio, film(tmp_path / f"{i}.mkv", sound=sound), {"max_silence_seconds": 0.5})
        assert misses(told) == ({"max_silence_seconds"} if length > 0.5 else set()), (length, told)


async def test_sounds_of_every_format_are_measured(studio: Studio, tmp_path: Path) -> None:
    path = make(tmp_path / "tone.wav", "-f", "lavfi", "-i", "aevalsrc=0.1*sin(6283*t)*lt(t\\,2):s=48000:d=3")
    contract = {"min_lufs": -30, "max_silence_seconds": 0.5, "max_peak_bitrate_bps": 8_000, "audio_streams": 1}
    contract |= {"video_streams": 0, "min_duration_seconds": 2.9, "max_duration_seconds": 3.1}
    formats = {
        "MP3": "mp3",
        "M4A": "aac",
        "OPUS": "opus",
        "FLAC": "flac",
        "WAV": "pcm_s16le",
        "AC3": "ac3",
        "EAC3": "eac3",
    }
    for format, codec in formats.items():
        planned = await studio.plan(path, {"audio": {"format": format}, "contract": contract})
        files = await studio.made(path, planned)
        told = measured_by(ParseDict(contract, Contract()), files, studio.folder, path.stat().st_size)
        assert misses(told) == {"max_silence_seconds", "max_peak_bitrate_bps"}, (format, told)
        assert told.longest_silence_seconds == pytest.approx(1.0, abs=0.1), format
        assert told.loudness.integrated_lufs == pytest.approx(-23.0, abs=1), format
        assert list(told.codecs) == [codec]


async def test_what_is_joined_of_parts_is_held_to_its_contract_too(studio: Studio, tmp_path: Path) -> None:
    path = film(tmp_path / "part.mkv", seconds=2.0)
    contract = {"min_duration_seconds": 2.9, "max_duration_seconds": 3.1, "max_lufs": -40, "max_black_seconds": 1}
    output = {"concat": {"parts": [{"trim": {"end_seconds": 1}}, {}]}, "contract": contract}
    files = await studio.made(path, await studio.plan(path, output))
    told = measured_by(ParseDict(contract, Contract()), files, studio.folder, 0)
    assert misses(told) == {"max_lufs"}, told
    assert told.longest_black_seconds == 0
