"""What is told of broken files: for each the cause."""

from pathlib import Path

import pytest
from effort import short_or_long
from jobs import job
from media import broken as first
from media import broken_aside, broken_more, broken_new, broken_rare
from media.broken import Broken
from media.kit import FFMPEG, Studio

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.validators import Validator
from reelmill.storage.fetch import Fetched
from reelmill.worker.explaining import Explaining

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RIGHT = 0.9
_SETS = {
    "known": first.KINDS,
    "later": broken_more.KINDS,
    "aside": broken_aside.KINDS,
    "new": broken_new.KINDS,
    "rare": broken_rare.KINDS,
}


async def told(studio: Studio, path: Path) -> Failure | None:
    """Why a film, a sound and a picture of a file fail, as a worker tells it; None where all are made that may be."""
    lacking = None
    outputs = ({"transcode": {"video": {"height": 72}}}, {"audio": {}}, {"thumbnail": {}})
    made = 0
    for output in outputs:
        try:
            await studio.make(path, output)
            made += 1
        except AttemptFailed as error:
            fetched = Fetched(path=path, size_bytes=path.stat().st_size, validator=Validator())
            asked = job(path.as_uri(), {"name": "out", **output})
            found = await Explaining(FFMPEG).of(error, asked, {"": fetched}, studio.prober.of(""))
            if not found.code.startswith("INPUT_NO_"):
                return found.failure
            lacking = found.failure  # it has no such stream, and may be whole
    return None if made else lacking


async def judged(studio: Studio, files: list[Broken]) -> list[str]:
    """Of which files another cause is told than theirs."""
    wrong = []
    for file in files:
        failure = await told(studio, file.path)
        kind = (failure.kind or failure.code.removeprefix("INPUT_").lower()) if failure else "made"
        if kind not in file.kinds:
            wrong.append(f"{file.name}: {kind} instead of {sorted(file.kinds)}: {failure and failure.message}")
    return wrong


@pytest.mark.parametrize("name", _SETS)
async def test_the_cause_of_most_broken_files_is_told(studio: Studio, tmp_path: Path, name: str) -> None:
    files = _SETS[name].made(tmp_path, short_or_long(1, 3))
    wrong = await judged(studio, files)
    assert len(wrong) <= (1 - _RIGHT) * len(files), "\n".join(wrong)


async def test_they_are_of_a_hundred_kinds() -> None:
    names = [name for known in _SETS.values() for name in known.known]
    assert len(set(names)) == len(names) >= 100
