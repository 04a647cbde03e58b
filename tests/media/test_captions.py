"""Captions of files and of films, through the tool in its locked child."""

from pathlib import Path

import pytest
from media.kit import Studio, make
from unit.test_media_captions import FILES, SRT

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.texts import kind_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
PICTURE = ("-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=8")
X264 = ("-c:v", "libx264", "-preset", "ultrafast")


@pytest.mark.parametrize("source", FILES)
async def test_a_file_of_captions_becomes_others(studio: Studio, tmp_path: Path, source: str) -> None:
    given = tmp_path / "given"
    given.write_text(FILES[source])
    formats = {"WEBVTT": "webvtt", "SRT": "srt", "TTML": "ttml", "ASS": "ass"}
    for path, kind in zip(
        await studio.make(given, *({"name": f.lower(), "captions": {"format": f}} for f in formats)),
        formats.values(),
        strict=True,
    ):
        assert kind_of(path.read_bytes()) == kind and b"lines" in path.read_bytes()
    assert [s.codec for s in (await studio.probe_made(given)).streams] == [
        {"srt": "subrip"}.get(source, source) if source != "ttml" else "ttml"
    ]


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "mov_text"), ("mkv", "srt"), ("mkv", "ass"), ("mkv", "webvtt")]
)
async def test_a_films_text_track_is_taken_out_by_its_language(
    studio: Studio, tmp_path: Path, container: str, codec: str
) -> None:
    (tmp_path / "a.srt").write_text(SRT.replace("Hello", "Hallo"))
    (tmp_path / "b.srt").write_text(SRT)
    texts = ("-i", str(tmp_path / "a.srt"), "-i", str(tmp_path / "b.srt"), "-map", "0", "-map", "1", "-map", "2")
    tags = ("-metadata:s:s:0", "language=deu", "-metadata:s:s:1", "language=eng")
    film = make(tmp_path / f"film.{container}", *PICTURE, *texts, *X264, "-c:s", codec, *tags)
    english = {"track": {"language": "en"}, "trim": {"start_seconds": 2, "end_seconds": 5}}
    made = await studio.make(film, {"name": "a", "captions": {}}, {"name": "b", "captions": english})
    first, second = (path.read_text() for path in made)
    assert first.startswith("WEBVTT\n\n") and "00:01.000 --> 00:00:02.500\nHallo, <i>you</i>" in first
    assert "Hello" in second and "00:00.000 --> 00:00:00.500" in second and "00:02.000 --> 00:00:03.000" in second


async def test_what_has_no_captions_is_told_and_captions_are_no_film(
    studio: Studio, tmp_path: Path, tiny: Path
) -> None:
    with pytest.raises(AttemptFailed, match="INPUT_NO_CAPTIONS: the input has no such text track; it has none"):
        await studio.one(tiny, captions={})
    (tmp_path / "a.srt").write_text(SRT)
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(tmp_path / "a.srt", transcode={})
    with pytest.raises(AttemptFailed, match="INPUT_NO_AUDIO"):
        await studio.one(tmp_path / "a.srt", audio={})
    (tmp_path / "a.ttml").write_text("<tt><body>")
    with pytest.raises(AttemptFailed, match="INPUT_CORRUPT: the captions can't be read as ttml"):
        await studio.one(tmp_path / "a.ttml", captions={})
