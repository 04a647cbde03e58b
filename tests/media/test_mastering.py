"""Loudness, true peaks, silence and fades of audio: what comes out, measured by another run of ffmpeg."""

import re
import subprocess
from pathlib import Path

import pytest
from effort import some_or_all
from media.kit import FFMPEG, Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Tones of 1 kHz in stereo between silences: 0.7 s silent, 2 s loud, 1 s silent, 1 s loud, 0.8 s silent.
_LOUD = "between(t\\,0.7\\,2.7)+between(t\\,3.7\\,4.7)"


def told(path: Path) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (dBTP) of a file, as ffmpeg's summary has them."""
    argv = [str(FFMPEG), "-nostdin", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    summary = subprocess.run(argv, capture_output=True, text=True, check=True).stderr.rpartition("Summary:")[2]
    found = {name: float(value) for name, value in re.findall(r"(I|Peak):\s+(-?[\d.]+)", summary)}
    return found["I"], found["Peak"]


def heard(path: Path) -> list[bool]:
    """Whether a file sounds, for each twentieth of a second."""
    argv = [str(FFMPEG), "-nostdin", "-v", "error", "-i", str(path), "-ac", "1", "-ar", "8000", "-f", "s16le", "-"]
    data = memoryview(subprocess.run(argv, capture_output=True, check=True).stdout).cast("h")
    return [max(map(abs, data[at : at + 400])) > 300 for at in range(0, len(data), 400)]


@pytest.fixture(scope="module")
def tones(files: Path) -> Path:
    """See _LOUD; at -20 dBFS."""
    sine = f"aevalsrc=0.1*sin(2*PI*1000*t)*({_LOUD})|0.1*sin(2*PI*1000*t)*({_LOUD}):s=48000:d=5.5"
    return make(files / "tones.wav", "-f", "lavfi", "-i", sine)


@pytest.fixture(scope="module")
def spiky(files: Path) -> Path:
    """Noise with a loud click in each second: as loud as asked for, its peaks would be far above."""
    clicks = "0.1*(2*random(0)-1)+0.6*lt(mod(t\\,1)\\,0.0005)*sin(2*PI*4000*t)"
    return make(files / "spiky.flac", "-f", "lavfi", "-i", f"aevalsrc={clicks}:s=48000:d=4", "-sample_fmt", "s16")


@pytest.mark.parametrize("lufs", some_or_all([-16.0, -23.0, -33.0], -16.0, -33.0))
async def test_a_sound_is_made_as_loud_as_asked(studio: Studio, tones: Path, lufs: float) -> None:
    assert told(tones)[0] == pytest.approx(-20.7, abs=0.2)
    planned = await studio.plan(tones, {"audio": {"format": "WAV", "loudness_lufs": lufs}})
    [file] = await studio.made(tones, planned)
    assert told(studio.folder / file.path)[0] == pytest.approx(lufs, abs=0.1)
    assert file.mastered is not None
    assert file.mastered.levels.integrated_lufs + file.mastered.gain_db == pytest.approx(lufs, abs=0.01)


async def test_peaks_stay_below_the_limit_and_what_is_below_is_not_touched(studio: Studio, spiky: Path) -> None:
    before = told(spiky)
    made = await studio.one(spiky, audio={"format": "FLAC", "loudness_lufs": before[0] + 8})
    assert told(made)[1] <= -0.9
    assert told(made)[0] == pytest.approx(before[0] + 8, abs=1.5)
    [limited] = (await studio.plan(spiky, {"audio": {"format": "FLAC", "true_peak_dbtp": -12}})).commands
    assert "alimiter" in " ".join(limited.argv)
    assert told(await studio.one(spiky, audio={"format": "FLAC", "true_peak_dbtp": -12}))[1] <= -11.9
    [untouched] = (await studio.plan(spiky, {"audio": {"format": "FLAC", "true_peak_dbtp": 0}})).commands
    assert "alimiter" not in " ".join(untouched.argv)


async def test_channels_are_mixed_before_it_is_measured(studio: Studio, tmp_path: Path) -> None:
    surround = make(tmp_path / "six.wav", "-f", "lavfi", "-i", "sine=1000:duration=2", "-af", "volume=0.5", "-ac", "6")
    made = await studio.one(surround, audio={"format": "WAV", "channels": 1, "loudness_lufs": -30})
    assert told(made)[0] == pytest.approx(-30, abs=0.2)
    assert decode(made).channels == 1


async def test_a_part_is_as_loud_as_asked_whatever_comes_behind_it(studio: Studio, tmp_path: Path) -> None:
    rising = "aevalsrc=0.02*sin(6283*t)*(1+9*gte(t\\,2)):s=48000:d=4"
    path = make(tmp_path / "rising.wav", "-f", "lavfi", "-i", rising)
    trim = {"end_seconds": 2}
    made = await studio.one(path, audio={"format": "WAV", "loudness_lufs": -20, "trim": trim})
    assert told(made)[0] == pytest.approx(-20, abs=0.1)
    assert decode(made).duration_seconds == pytest.approx(2.0)


async def test_silence_goes_at_the_ends_or_everywhere(studio: Studio, tones: Path) -> None:
    ends = await studio.one(tones, audio={"format": "WAV", "remove_silence": {"keep_seconds": 0.2}})
    # From 0.7 - 0.2 to 4.7 + 0.2.
    assert decode(ends).duration_seconds == pytest.approx(4.4, abs=0.02)
    assert "".join(str(int(one)) for one in heard(ends)) == "0" * 4 + "1" * 40 + "0" * 20 + "1" * 20 + "0" * 4
    everywhere = {"keep_seconds": 0.1, "inside": True}
    made = await studio.one(tones, audio={"format": "WAV", "remove_silence": everywhere})
    assert decode(made).duration_seconds == pytest.approx(3.4, abs=0.03)
    assert sum(heard(made)) == pytest.approx(60, abs=2)
    longer = await studio.one(tones, audio={"format": "WAV", "remove_silence": {"min_seconds": 0.75}})
    assert decode(longer).duration_seconds == pytest.approx(5.5 - 0.7, abs=0.02)


async def test_nothing_but_silence_is_refused(studio: Studio, tmp_path: Path) -> None:
    silent = make(tmp_path / "silent.wav", "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "2")
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO: the sound is silent from its beginning to its end"):
        await studio.one(silent, audio={"format": "WAV", "remove_silence": {}})
    made = await studio.one(silent, audio={"format": "WAV", "loudness_lufs": -16})  # no gain brings it up
    assert decode(made).duration_seconds == pytest.approx(2.0)


async def test_it_fades_in_and_out(studio: Studio, tmp_path: Path) -> None:
    flat = make(tmp_path / "flat.wav", "-f", "lavfi", "-i", "aevalsrc=0.5*sin(4400*t):s=8000:d=3")
    made = await studio.one(flat, audio={"format": "WAV", "fade_in_seconds": 1, "fade_out_seconds": 0.5})
    argv = [str(FFMPEG), "-nostdin", "-v", "error", "-i", str(made), "-f", "s16le", "-"]
    data = memoryview(subprocess.run(argv, capture_output=True, check=True).stdout).cast("h")

    def loud(at: float) -> int:
        return max(map(abs, data[int(8000 * at) : int(8000 * at) + 80]))

    assert len(data) == 24000
    assert loud(0) < 300
    assert loud(0.5) == pytest.approx(8192, rel=0.05)
    assert loud(1.5) == pytest.approx(16384, rel=0.03)
    assert loud(2.75) == pytest.approx(8192, rel=0.06)
    assert loud(2.985) < 700


@pytest.mark.parametrize(("format", "codec"), [("AC3", "ac3"), ("EAC3", "eac3")])
async def test_dolbys_formats_take_their_rates_channels_and_bit_rates(
    studio: Studio, tones: Path, format: str, codec: str
) -> None:
    asked = [
        {"name": f"o{channels}-{bitrate}", "audio": {"format": format, "channels": channels, "bitrate_bps": bitrate}}
        for channels, bitrate in ((1, 8000), (2, 512_000), (3, 192_000), (4, 192_000), (5, 384_000), (6, 8000))
    ]
    seen = [decode(path) for path in await studio.make(tones, *asked)]
    assert [(one.audio_codec, one.channels, one.sample_rate_hz) for one in seen] == [
        (codec, channels, 48000) for channels in range(1, 7)
    ]
