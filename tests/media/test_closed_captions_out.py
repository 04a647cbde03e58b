"""Closed captions are taken out of films of known ones: words and times, whatever carries them."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from media.closed import SHOWN, captioned, lines_of, pairs
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")
FRENCH = ((1.5, 2.5, "Bonjour"),)
# What carries them, besides H.264 without reordered pictures, and the file's own numbers of time.
CARRIERS: Mapping[str, tuple[str, ...]] = {
    "reordered.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "3"),
    "late.ts": ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-output_ts_offset", "1000"),
    "broadcast.ts": ("-c:v", "mpeg2video", "-bf", "2"),
    "new.mkv": ("-c:v", "libx265", "-x265-params", "log-level=error", "-a53cc", "1", "-preset", "ultrafast"),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, with English in CC1 and French in CC3."""
    path = tmp_path_factory.mktemp("closed") / "film.mp4"
    return captioned(path, 6, pairs(SHOWN, "CC1"), pairs(FRENCH, "CC3"))


async def test_captions_between_pictures_come_out_with_their_words_and_times(studio: Studio, film: Path) -> None:
    wanted = {"CC1": SHOWN, "CC3": FRENCH}
    outputs = ({"name": name.lower(), "captions": {"closed_captions": name, "format": "SRT"}} for name in wanted)
    for path, shown in zip(await studio.make(film, *outputs), wanted.values(), strict=True):
        assert lines_of(path.read_text()) == list(shown)
    cut = {"closed_captions": "CC1", "trim": {"start_seconds": 4.5, "end_seconds": 5}, "shift_seconds": 1}
    vtt = (await studio.one(film, captions=cut)).read_text()
    assert "00:01.000 --> 00:00:01.500\nAnd again" in vtt and vtt.count("-->") == 1
    ttml = (await studio.one(film, captions={"closed_captions": "CC1", "format": "TTML"})).read_text()
    assert "Hello there." in ttml and "And again" in ttml


@pytest.mark.parametrize("name", CARRIERS)
async def test_every_codec_that_carries_them_is_read(studio: Studio, film: Path, tmp_path: Path, name: str) -> None:
    carrier = make(tmp_path / name, "-i", str(film), *CARRIERS[name])
    made = await studio.one(carrier, captions={"closed_captions": "CC1", "format": "SRT"})
    assert lines_of(made.read_text()) == list(SHOWN)


async def test_captions_in_a_track_of_their_own_are_taken_too(studio: Studio, tmp_path: Path) -> None:
    words = sorted(pairs(SHOWN).items())
    clock = ((f"00:00:{frame // 30:02}:{frame % 30:02}", word.hex()) for frame, word in words)
    scc = tmp_path / "words.scc"
    scc.write_text("Scenarist_SCC V1.0\n\n" + "".join(f"{time}\t{word}\n\n" for time, word in clock))
    picture = ("-f", "lavfi", "-i", "color=size=32x32:rate=10:duration=6", "-i", str(scc))
    film = make(tmp_path / "camera.mov", *picture, "-c:v", "libx264", "-preset", "ultrafast", "-c:s", "copy")
    plain, first = {"format": "SRT"}, {"closed_captions": "CC1"}
    outputs = ({"name": "own", "captions": plain}, {"name": "asked", "captions": first})
    own, asked = await studio.make(film, *outputs)
    assert lines_of(own.read_text()) == list(SHOWN)
    assert "Hello there." in asked.read_text()


async def test_what_is_not_there_is_refused_aloud(studio: Studio, film: Path, tiny: Path, tone: Path) -> None:
    with pytest.raises(AttemptFailed, match="INPUT_NO_CAPTIONS: the input has no closed captions in CC1\n"):
        await studio.one(tiny, captions={"closed_captions": "CC1"})
    with pytest.raises(AttemptFailed, match="no closed captions in CC2; there are in CC1, CC3"):
        await studio.one(film, captions={"closed_captions": "CC2"})
    with pytest.raises(AttemptFailed, match=r"INPUT_NO_CAPTIONS.*asked for by closed_captions"):
        await studio.one(film, captions={})
    with pytest.raises(AttemptFailed, match="INPUT_NO_VIDEO"):
        await studio.one(tone, captions={"closed_captions": "CC1"})
