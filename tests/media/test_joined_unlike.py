"""Files that were put one after the other and are not alike: another rate, other numbers of streams."""

from pathlib import Path

import pytest
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


async def test_films_with_other_streams_are_not_passed_as_their_first(studio: Studio, tmp_path: Path) -> None:
    alike = _joined(tmp_path, "b.ts", _FILM, _FILM)
    (out,) = await studio.make(alike, {"transcode": {}})
    assert decode(out).frames == 150
    other = _joined(tmp_path, "c.ts", _FILM, (*_FILM, "-mpegts_start_pid", "0x200"))
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the file is several films, one after the other"):
        await studio.make(other, {"transcode": {}})
