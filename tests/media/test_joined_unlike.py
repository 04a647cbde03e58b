"""Files that were put one after the other and are not alike: another rate, other numbers of streams."""

from pathlib import Path

import pytest
from media import coded
from media.kit import Studio, decode, make

from reelmill.jobs.errors import AttemptFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SOUND = ("-f", "lavfi", "-i", "sine=duration=3")
_FILM = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=3", *_SOUND, "-c:v", "libx264", "-c:a", "aac")


def _joined(folder: Path, name: str, *made: tuple[str, ...]) -> Path:
    path = folder / f"joined-{name}"
    parts = [make(folder / f"{i}-{name}", *options).read_bytes() for i, options in enumerate(made)]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("name", ["a.aac", "a.mp3", "a.ac3", "a.ts"])
async def test_a_sound_whose_rate_changes_lasts_as_it_is_heard(studio: Studio, tmp_path: Path, name: str) -> None:
    inputs = _FILM if name == "a.ts" else _SOUND
    rates = (("-ar", "48000"), ("-ar", "32000"), ("-ar", "44100", "-ac", "1"))
    path = _joined(tmp_path, name, *((*inputs, *rate) for rate in rates))
    (out,) = await studio.make(path, {"audio": {"format": "FLAC"}})
    assert decode(out).duration_seconds == pytest.approx(9, abs=0.25)


async def test_a_sound_that_begins_late_and_changes_its_channels_is_silent_once(studio: Studio, tmp_path: Path) -> None:
    coding = ("-map", "0", "-map", "1", "-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-ac")
    picture = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2")
    late = (*picture, "-itsoffset", "1", *coded.beeps(1), *coding, "2")
    path = _joined(tmp_path, "late.ts", late, (*picture, *coded.beeps(2), *coding, "1", "-output_ts_offset", "2"))
    formats = ("WAV", "M4A", "MP3", "OPUS", "AC3")
    outputs = [{"name": name.lower(), "audio": {"format": name}} for name in formats]
    outputs.append({"name": "film", "transcode": {"no_video": True, "container": "MKV"}})
    for out in await studio.make(path, *outputs):
        assert coded.heard(out, begin=None) == pytest.approx([1, 1.5, 2, 2.5, 3, 3.5], abs=0.1), out
    with pytest.raises(AttemptFailed, match=r"INPUT_UNSUPPORTED.* the sound begins late, and changes its rate or"):
        await studio.make(path, {"audio": {"format": "FLAC"}})


async def test_films_with_other_streams_are_not_passed_as_their_first(studio: Studio, tmp_path: Path) -> None:
    alike = _joined(tmp_path, "b.ts", _FILM, _FILM)
    (out,) = await studio.make(alike, {"transcode": {}})
    assert decode(out).frames == 150
    other = _joined(tmp_path, "c.ts", _FILM, (*_FILM, "-mpegts_start_pid", "0x200"))
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the file is several films, one after the other"):
        await studio.make(other, {"transcode": {}})
