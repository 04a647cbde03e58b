"""Presets on films, photos and captions of many kinds: each makes what it says of whatever fits it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from effort import some_or_all
from media.kit import Studio, decode, make
from unit.test_media_captions import FILES, SRT

pytestmark = pytest.mark.asyncio(loop_scope="session")

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10:duration=3")
TONE = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=3")
FILMS: Mapping[str, tuple[str, ...]] = {
    "phone.mp4": (*PICTURE, *TONE, "-c:v", "libx264", "-c:a", "aac"),
    "browser.webm": (*PICTURE, *TONE, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
    "broadcast.ts": (*PICTURE, *TONE, "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"),
    "camera.mov": (*PICTURE, "-c:v", "prores_ks", "-c:a", "pcm_s16le"),
    "old.avi": (*PICTURE, *TONE, "-c:v", "mpeg4", "-c:a", "mp3"),
    "deep.mkv": (*PICTURE, "-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"),
    "moving.gif": PICTURE,
    "moving.apng": (*PICTURE, "-f", "apng"),
}
PHOTOS: Mapping[str, tuple[str, ...]] = {
    "photo.jpg": ("-frames:v", "1", "-update", "1"),
    "drawing.png": ("-frames:v", "1"),
    "photo.webp": ("-frames:v", "1"),
    "scan.tiff": ("-frames:v", "1"),
    "new.avif": ("-frames:v", "1", "-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8"),
    "old.bmp": ("-frames:v", "1"),
    "moving.gif": (),
}


# What else there is `test_preset_kinds.py` goes through.
@pytest.mark.parametrize("name", some_or_all(list(FILMS), "phone.mp4", "camera.mov", "deep.mkv"))
async def test_films_of_every_kind_get_a_storyboard_a_preview_and_a_poster(
    studio: Studio, tmp_path: Path, name: str
) -> None:
    film = make(tmp_path / name, *FILMS[name])
    presets = ("storyboard", "preview", "poster")
    made = await studio.make(film, *({"name": preset, "preset": preset} for preset in presets))
    assert [path.name for path in made] == [
        *("storyboard.vtt", "storyboard-0001.jpg"),
        *("preview.webp", "poster-0001.jpg"),
    ]
    assert (decode(made[1]).width, decode(made[1]).height) == (1600, 1060)
    assert (await studio.probe_made(made[2])).duration_seconds == pytest.approx(2.8, abs=0.01)
    assert (decode(made[3]).width, decode(made[3]).height) == (1280, 853)


@pytest.mark.parametrize("name", some_or_all(list(PHOTOS), "photo.jpg", "new.avif", "moving.gif"))
async def test_photos_of_every_kind_become_small_enough_for_the_web(studio: Studio, tmp_path: Path, name: str) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=2400x1200:rate=5:duration=0.4")
    photo = make(tmp_path / name, *picture, *PHOTOS[name])
    made = await studio.make(photo, {"name": "photo", "preset": "photo-web"})
    sizes = [[(s.codec, s.width, s.height) for s in (await studio.probe_made(one)).streams] for one in made]
    assert sizes == [[("webp", width, width // 2)] for width in (2048, 1024, 400)]


async def test_captions_of_every_kind_become_what_browsers_show(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text(SRT)
    film = make(tmp_path / "film.mkv", *PICTURE, "-i", str(tmp_path / "words.srt"), "-map", "0", "-map", "1")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for given in (film, *(tmp_path / name for name in FILES)):
        assert (await studio.one(given, preset="captions")).read_text().startswith("WEBVTT\n\n")
