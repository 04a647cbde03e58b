"""What is told of broken files: for each the cause, of a half of them that was kept aside too."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from effort import short_or_long
from jobs import job
from media.broken import FILES_OF_A_KIND, Broken, broken
from media.broken_aside import aside
from media.broken_more import broken_more
from media.kit import FFMPEG, Studio

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.validators import Validator
from reelmill.storage.fetch import Fetched
from reelmill.worker.explaining import Explaining

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SEED = 20
_RIGHT = 0.9


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Broken]:
    """All broken files, in an order by chance: the first half the table was written by."""
    made = broken(tmp_path_factory.mktemp("broken"))
    random.Random(_SEED).shuffle(made)
    return made


async def told(studio: Studio, path: Path) -> Failure | None:
    """Why a film and a picture of a file fail, as a worker tells it; None where all are made."""
    for output in ({"transcode": {"video": {"height": 72}}}, {"audio": {}}, {"thumbnail": {}}):
        try:
            await studio.make(path, output)
        except AttemptFailed as error:
            fetched = Fetched(path=path, size_bytes=path.stat().st_size, validator=Validator())
            asked = job(path.as_uri(), {"name": "out", **output})
            found = await Explaining(FFMPEG).of(error, asked, {"": fetched}, studio.prober.of(""))
            if found.code.startswith("INPUT_NO_"):  # it has no such stream, and may be whole
                continue
            return found.failure
    return None


async def judged(studio: Studio, files: list[Broken]) -> list[str]:
    """Of which files another cause is told than theirs."""
    wrong = []
    for file in files:
        failure = await told(studio, file.path)
        kind = (failure.kind or failure.code.removeprefix("INPUT_").lower()) if failure else "made"
        if kind not in file.kinds:
            wrong.append(f"{file.name}: {kind} instead of {sorted(file.kinds)}: {failure and failure.message}")
    return wrong


@pytest.mark.parametrize("half", ["known", "kept aside"])
async def test_the_cause_of_most_broken_files_is_told(studio: Studio, files: list[Broken], half: str) -> None:
    middle = len(files) // 2
    mine = files[:middle] if half == "known" else files[middle:]
    assert len(files) >= 100 and len({file.name.rpartition("-")[0] for file in files}) >= 30
    wrong = await judged(studio, mine)
    assert len(wrong) <= (1 - _RIGHT) * len(mine), "\n".join(wrong)


@pytest.mark.parametrize("make", [broken_more, aside])
async def test_so_is_that_of_kinds_that_nobody_had_thought_of(
    studio: Studio, tmp_path: Path, make: Callable[[Path, int], list[Broken]]
) -> None:
    files = make(tmp_path, short_or_long(FILES_OF_A_KIND, 1))
    wrong = await judged(studio, files)
    assert len(wrong) <= (1 - _RIGHT) * len(files), "\n".join(wrong)
