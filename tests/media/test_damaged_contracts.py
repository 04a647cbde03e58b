"""Contracts on a hundred files that a script damages: each damage that a contract speaks of is told, and no other.

Without REELMILL_TEST_LONG a fifth of them, of all kinds.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from effort import short_or_long
from google.protobuf.json_format import ParseDict
from media.kit import Studio, make

from reelmill.v1.analysis_pb2 import Contract
from reelmill.worker.contracts import measured_by

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS, RATE, LIMIT = 2.0, 20, 0.4
TONE = "0.1*sin(6283*t)"  # -20 dBFS: -23 LUFS in one channel, a peak of -20 dBTP
SRT = "1\n00:00:00,200 --> 00:00:01,000\nHello\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, what is made of it and promised, and what is missed."""

    name: str
    contract: dict
    misses: set[str] = field(default_factory=set)
    picture: str = "null"
    """Filters of the picture; empty: there is none."""
    sound: str = TONE
    """Samples of the sound; empty: there is none."""
    seconds: float = SECONDS
    size: str = "128x96"
    captions: str = ""
    """The language of a track of text."""
    transcode: dict = field(default_factory=dict)

    async def made(self, folder: Path) -> Path:
        """The file."""
        film = f"mandelbrot=s={self.size}:r={RATE}"
        read = ["-f", "lavfi", "-i", film] if self.picture else []
        read += ["-f", "lavfi", "-i", f"aevalsrc={self.sound}:s=16000"] if self.sound else []
        how = ["-vf", f"{self.picture},format=yuv420p", "-fps_mode", "passthrough"] if self.picture else []
        how += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "12"] if self.picture else []
        how += ["-c:a", "flac"] if self.sound else []
        how += ["-t", str(self.seconds)]
        if self.captions:
            (folder / "text.srt").write_text(SRT)
            read += ["-i", str(folder / "text.srt")]
            how += ["-c:s", "srt", "-metadata:s:s:0", f"language={self.captions}"]
        return make(folder / "damaged.mkv", *read, *how)


def lengths(chosen: random.Random) -> tuple[float, float, bool]:
    """From when, for how long, and whether that is longer than LIMIT."""
    longer = chosen.random() < 0.5
    length = chosen.choice((0.6, 0.8, 1.0) if longer else (0.1, 0.15, 0.25))
    # On frames, and so that picture and sound are there before and after.
    return round(chosen.uniform(0.2, 1.8 - length) * RATE) / RATE, length, longer


def between(start: float, length: float) -> str:
    return f"gte(t\\,{start - 0.001:.3f})*lt(t\\,{start + length - 0.001:.3f})"


def spans(chosen: random.Random, number: int) -> list[Case]:
    """Black, standing and missing pictures, and silence."""
    found = []
    for i in range(number):
        start, length, longer = lengths(chosen)
        at, first = f"{i} {length} s", round(start * RATE)
        black, freeze, silence = ({f"max_{what}_seconds": LIMIT} for what in ("black", "freeze", "silence"))
        count = round(length * RATE)
        missed = {name for name in freeze if longer}
        found += [
            Case(name=f"silent {at}", contract=silence, misses={name for name in silence if longer},
                 sound=f"{TONE}*not({between(start, length)})"),
            Case(name=f"black {at}", contract=black | silence, misses={name for name in black if longer},
                 picture=f"drawbox=t=fill:color=black:enable='{between(start, length)}'"),
            Case(name=f"standing {at}", contract=freeze | black, misses=missed,
                 picture=f"loop=loop={count}:size=1:start={first},setpts=N/{RATE}/TB"),
            Case(name=f"missing {at}", contract=freeze | black | silence, misses=missed,
                 picture=f"select=not(gt(n\\,{first})*lt(n\\,{first + count}))"),
        ]  # fmt: skip
    return found


def levels(chosen: random.Random, number: int) -> list[Case]:
    """Sounds that are too loud, too quiet, or neither; 0.1 of full scale has -23 LUFS and a peak of -20 dBTP."""
    found = []
    for i in range(number):
        gain = chosen.choice((-12, -6, 0, 6, 12))
        contract = {"min_lufs": -26, "max_lufs": -20, "max_true_peak_dbtp": -16}
        misses = {"min_lufs"} if gain < 0 else {"max_lufs", "max_true_peak_dbtp"} if gain > 0 else set()
        sound = f"{0.1 * 10 ** (gain / 20):.5f}*sin({chosen.choice((5000, 6283, 7000))}*t)"
        found.append(Case(name=f"{gain} dB {i}", contract=contract, misses=misses, sound=sound))
    return found


def shapes(chosen: random.Random, number: int) -> list[Case]:
    """What is cut, of another size or rate, or too much at once."""
    found = []
    for i in range(number):
        seconds = chosen.choice((1.2, 1.9, 2.0, 2.1, 2.8))
        promised = {"min_duration_seconds": 1.7, "max_duration_seconds": 2.3}
        misses = {
            f"{what}_duration_seconds" for what, is_so in (("min", seconds < 1.7), ("max", seconds > 2.3)) if is_so
        }
        found.append(Case(name=f"lasts {seconds} {i}", contract=promised, misses=misses, seconds=seconds))
        width, height = chosen.choice(((128, 96), (96, 96), (160, 96), (128, 64), (128, 128)))
        promised = {"min_width": 128, "max_width": 128, "min_height": 96, "max_height": 96}
        sides = (("width", width, 128), ("height", height, 96))
        misses = {f"{'min' if is_at < should else 'max'}_{what}" for what, is_at, should in sides if is_at != should}
        found.append(Case(name=f"{width}x{height} {i}", contract=promised, misses=misses, size=f"{width}x{height}"))
        rate = chosen.choice((10, 20, 40))
        promised = {"min_frame_rate": 20, "max_frame_rate": 20}
        misses = {"min_frame_rate"} if rate < 20 else {"max_frame_rate"} if rate > 20 else set()
        found.append(Case(name=f"{rate} a second {i}", contract=promised, misses=misses, picture=f"fps={rate}"))
        noisy = chosen.random() < 0.5
        picture = f"noise=alls=100:allf=t:enable='{between(0.5, 1.0)}'" if noisy else "null"
        promised = {"max_peak_bitrate_bps": 400_000}
        misses = {"max_peak_bitrate_bps"} if noisy else set()
        found.append(Case(name=f"noisy {noisy} {i}", contract=promised, misses=misses, picture=picture))
    return found


def tracks(chosen: random.Random, number: int) -> list[Case]:
    """Tracks that are not there, or of another language."""
    found = []
    for i in range(number):
        heard, text = chosen.random() < 0.5, chosen.choice(("", "eng", "fra"))
        asked = {"subtitles": [{}]} if text else {}
        contract = {"audio_streams": 1, "video_streams": 1, "caption_languages": ["en"], "text_streams": 1}
        misses = set() if heard else {"audio_streams"}
        misses |= set() if text else {"text_streams"}
        misses |= set() if text == "eng" else {"caption_languages"}
        found.append(
            Case(name=f"tracks {heard} {text} {i}", contract=contract, misses=misses, sound=TONE if heard else "",
                 captions=text, transcode={"container": "MKV", **asked})
        )  # fmt: skip
    return found


def cases() -> list[Case]:
    """A hundred, the same each time."""
    chosen = random.Random(20)
    every = [*spans(chosen, 13), *levels(chosen, 12), *shapes(chosen, 7), *tracks(chosen, 8)]
    assert len(every) == 100
    return every


EVERY = cases()
SAMPLE = EVERY[:: short_or_long(5, 1)]


@pytest.mark.parametrize("case", SAMPLE, ids=[case.name.replace(" ", "-") for case in SAMPLE])
async def test_damage_is_told_where_a_contract_speaks_of_it(studio: Studio, tmp_path: Path, case: Case) -> None:
    path = await case.made(tmp_path)
    spec = {"transcode": {"video": {"crf": 18, "effort": "FAST"}, **case.transcode}, "contract": case.contract}
    files = await studio.made(path, await studio.plan(path, spec))
    told = measured_by(ParseDict(case.contract, Contract()), files, studio.folder, path.stat().st_size)
    assert {miss.field for miss in told.misses} == case.misses, told
