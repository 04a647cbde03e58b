"""The thumbnail track of a package: players of HLS and DASH show what is on the screen at a time."""

from pathlib import Path

import av
import m3u8
import pytest
from media import coded, kit
from media.kit import Studio

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import mpd, webvtt

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECONDS = 5.4
STEP = 36  # by which each second is brighter than the one before
BRIGHTER = f"nullsrc=size=160x90:rate=25:duration={SECONDS},geq=lum='20+{STEP}*floor(T)':cb=128:cr=128,format=yuv420p"


def cells(path: Path, columns: int, rows: int) -> list[int]:
    """The grey in the middle of each small picture of a sheet, in 0–255."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="gray")
    width, height, data = frame.width // columns, frame.height // rows, bytes(frame.planes[0])
    return [
        data[(row * height + height // 2) * frame.planes[0].line_size + column * width + width // 2]
        for row in range(rows)
        for column in range(columns)
    ]


def second_of(grey: int) -> int:
    """Of the film, by what it looks like: 16–235 of it are 0–255 of a sheet."""
    return round(((grey * 219 / 255 + 16) - 20) / STEP)


@pytest.mark.parametrize(
    ("trim", "first"), [({}, 0), ({"start_seconds": 1, "end_seconds": 5}, 1)], ids=["whole", "part"]
)
async def test_each_small_picture_is_what_is_shown_then(studio: Studio, tmp_path: Path, trim: dict, first: int) -> None:
    path = kit.make(
        tmp_path / "in.mp4", "-f", "lavfi", "-i", BRIGHTER, *coded.beeps(SECONDS), "-c:v", "libx264", "-preset",
        "ultrafast", "-c:a", "aac",
    )  # fmt: skip
    spec = {
        "protocols": ["HLS", "DASH"],
        "segment_seconds": 1,
        "rungs": [{"height": 90, "crf": 20}, {"height": 32, "crf": 20}],
        "thumbnails": {"width": 64, "interval_seconds": 1, "columns": 2, "rows": 2},
        "trim": trim,
    }
    made = await studio.make(path, {"package": spec})
    root = studio.folder / "out"
    sheets = sorted((root / "thumbnails").glob("*.jpg"))
    seconds = trim["end_seconds"] - 1 if trim else SECONDS
    count = 2 if not trim else 1
    assert [sheet.name for sheet in sheets] == [f"{i + 1:04d}.jpg" for i in range(count)]
    assert set(sheets) <= set(made)
    shown = [second_of(grey) for sheet in sheets for grey in cells(sheet, 2, 2)]
    needed = 6 if not trim else 4
    assert shown[:needed] == [first + i for i in range(needed)]

    dash = mpd.streams((root / "manifest.mpd").read_text())["thumbnails"]
    assert [one.name for one in dash.segments] == [sheet.name for sheet in sheets]
    assert dash.seconds == pytest.approx(seconds, abs=0.03)
    text = (root / "manifest.mpd").read_text()
    assert 'schemeIdUri="http://dashif.org/guidelines/thumbnail_tile" value="2x2"' in text
    assert 'contentType="image" mimeType="image/jpeg"' in text and 'duration="4000"' in text
    [line] = [one for one in (root / "master.m3u8").read_text().splitlines() if "IMAGE-STREAM" in one]
    assert line.startswith("#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=") and 'RESOLUTION=64x36,CODECS="jpeg"' in line
    largest = max(sheet.stat().st_size for sheet in sheets)
    assert int(line.split("BANDWIDTH=")[1].split(",")[0]) == pytest.approx(largest * 8 / min(seconds, 4), rel=0.01)
    playlist = m3u8.load(str(root / "thumbnails" / "index.m3u8"))
    assert playlist.is_images_only and [one.uri for one in playlist.segments] == [sheet.name for sheet in sheets]
    told = "#EXT-X-TILES:RESOLUTION=64x36,LAYOUT=2x2,DURATION=1\n"
    assert (root / "thumbnails" / "index.m3u8").read_text().count(told) == count
    cues = webvtt.parsed((root / "thumbnails" / "index.vtt").read_text()).cues
    assert [(cue.start, cue.lines[0]) for cue in cues[:4]] == [
        (0, "0001.jpg#xywh=0,0,64,36"),
        (1000, "0001.jpg#xywh=64,0,64,36"),
        (2000, "0001.jpg#xywh=0,36,64,36"),
        (3000, "0001.jpg#xywh=64,36,64,36"),
    ]
    assert len(cues) == needed and cues[-1].end == pytest.approx(seconds * 1000, abs=30)


async def test_thumbnails_that_are_no_sheet_are_refused(studio: Studio, tmp_path: Path) -> None:
    path = kit.make(tmp_path / "in.mp4", "-f", "lavfi", "-i", "color=size=16x512:duration=1", "-c:v", "libx264")
    spec = {"rungs": [{"height": 512}], "thumbnails": {"width": 256, "rows": 50}}
    with pytest.raises(AttemptFailed, match="sheets of thumbnails would have 1280 × ") as caught:
        await studio.make(path, {"package": spec})
    assert caught.value.code == "INPUT_UNSUPPORTED"
