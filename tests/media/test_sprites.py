"""Sprite sheets on the real ffmpeg: what each cell shows, and what the WebVTT file says of it."""

from pathlib import Path

import pytest
from media.kit import Studio, decode, make, rgb
from unit.test_media_sheets import CUE

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Two seconds in which each frame shows its number as its grey; key frames at 0, 0.7 and 1.4 s.
RAMP = ("-f", "lavfi", "-i", "color=black:size=32x32:rate=10:duration=2,format=yuv420p,geq=lum='16+8*N':cb=128:cr=128")
X264 = ("-c:v", "libx264", "-crf", "1", "-g", "7", "-keyint_min", "7", "-sc_threshold", "0", "-bf", "2")
WHOLE = ("-c:v", "mjpeg", "-q:v", "1")


def number(sheet: Path, column: int, row: int) -> int:
    return round(rgb(sheet, 32 * column + 16, 32 * row + 16)[1] * 219 / 255 / 8)


def seconds(told: tuple[str, str, str]) -> float:
    return int(told[0]) * 3600 + int(told[1]) * 60 + float(told[2])


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
async def test_a_cell_is_the_last_key_frame_before_its_time_and_cues_have_true_times(
    studio: Studio, tmp_path: Path, container: str
) -> None:
    film = make(tmp_path / f"film.{container}", *RAMP, *X264)
    spec = {"interval_seconds": 0.25, "columns": 3, "rows": 2, "width": 32, "format": "PNG"}
    told, *sheets = await studio.make(film, {"name": "s", "sprite": spec})
    assert [path.name for path in (told, *sheets)] == ["s.vtt", "s-0001.png", "s-0002.png"]
    assert {(decode(sheet).width, decode(sheet).height) for sheet in sheets} == {(96, 64)}
    shown = [number(sheet, column, row) for sheet in sheets for row in (0, 1) for column in (0, 1, 2)]
    assert shown[:8] == [0, 0, 0, 7, 7, 7, 14, 14]
    cues = CUE.findall(told.read_text())
    assert [cue[6:9] for cue in cues] == [
        ("s-0001.png", "0", "0"),
        ("s-0001.png", "0", "32"),
        ("s-0002.png", "0", "0"),
    ]
    times = [(seconds(cue[:3]), seconds(cue[3:6])) for cue in cues]
    assert times == [pytest.approx(pair, abs=0.002) for pair in ((0, 0.7), (0.7, 1.4), (1.4, 2.0))]


async def test_what_has_key_frames_alone_gives_each_cell_its_own(studio: Studio, tmp_path: Path) -> None:
    film = make(tmp_path / "film.mov", *RAMP, *WHOLE)
    told, sheet = await studio.make(
        film, {"sprite": {"count": 10, "columns": 10, "rows": 1, "width": 32, "quality": 100}}
    )
    assert [number(sheet, i, 0) for i in range(10)] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert len(CUE.findall(told.read_text())) == 10


async def test_what_can_not_be_made_is_told(studio: Studio, tmp_path: Path, tone: Path, tiny: Path) -> None:
    still = make(tmp_path / "still.png", *RAMP, "-frames:v", "1")
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the input is a still picture"):
        await studio.one(still, sprite={})
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(tone, sprite={})
    with pytest.raises(AttemptFailed, match="2000 sheets of 64 × 64 pixels"):
        await studio.one(tiny, sprite={"count": 2000, "columns": 1, "rows": 1, "width": 64})
