"""What a job that failed tells of it: cause, deciding line, remedy, and a reproduction that runs as pasted."""

import subprocess
from pathlib import Path

import pytest
from media.kit import make
from store.kit import TENANT
from worker import test_worker_media
from worker.test_worker_media import MOVIE, Media
from worker.test_worker_optional import SIX, whole

from reelmill.cache.port import status_of
from reelmill.jobs.codes import CODES
from reelmill.v1.jobs_pb2 import Job

media, source = test_worker_media.media, test_worker_media.source  # the fixtures


async def test_what_an_encoder_refused_is_explained_and_its_reproduction_fails_alike(
    media: Media, source: Path
) -> None:
    media.start()
    job = await whole(media, await media.submit(SIX, source=source))
    error = job.error
    assert (error.code, error.kind, error.output) == ("ENCODER_REFUSED", "encoder_refused", "six")
    assert error.cause == "the encoder does not take this size, rate or bit rate; change the output's settings"
    assert error.message == f"{error.cause}: {error.deciding_line}" and error.remedy
    said = error.deciding_line.rpartition("] ")[2]
    assert said and said in error.stderr_tail and said not in error.stderr_tail.splitlines()[-1]
    again = subprocess.run(["bash", "-c", error.reproduction], capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode != 0 and said in again.stderr, again.stderr
    basic = Job.FromString(status_of(TENANT, job).job).error
    assert (basic.cause, basic.deciding_line, basic.remedy) == (error.cause, error.deciding_line, error.remedy)
    assert basic.reproduction == "" == basic.command


@pytest.mark.parametrize(
    ("content", "code", "kind", "says"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>" * 20, "INPUT_NOT_MEDIA", "web_page", "a web page (HTML)"),
        (b"", "INPUT_EMPTY", "", ""),
    ],
)
async def test_what_an_input_is_instead_of_media_is_told(
    media: Media, content: bytes, code: str, kind: str, says: str
) -> None:
    media.start()
    path = media.folder / "film.mp4"
    path.write_bytes(content)
    error = (await whole(media, await media.submit(MOVIE, source=path))).error
    assert (error.code, error.kind) == (code, kind)
    assert says in error.cause and error.remedy and (kind or error.remedy == CODES[code].remedy)
    assert error.reproduction.startswith("printf %s ") and "reelmill run --job - " in error.reproduction


async def test_a_film_that_is_cut_off_is_told_with_how_much_is_there(media: Media, source: Path) -> None:
    media.start()
    path = media.folder / "cut.mp4"
    whole_film = source.read_bytes()
    path.write_bytes(whole_film[: whole_film.rindex(b"moov") - 4])
    error = (await whole(media, await media.submit(MOVIE, source=path))).error
    assert (error.code, error.kind, error.retryable) == ("INPUT_CORRUPT", "no_index", False)
    assert "moov atom not found" in error.deciding_line and "it has no index (moov)" in error.cause


async def test_what_fails_its_check_is_told_by_what_its_input_lacks(media: Media, source: Path) -> None:
    media.start()
    film = make(media.folder / "whole.mkv", "-i", str(source), "-c", "copy")
    path = media.folder / "cut.mkv"
    path.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    error = (await whole(media, await media.submit(MOVIE, source=path))).error
    assert (error.code, error.kind) == ("INPUT_CORRUPT", "cut_off")
    assert f"{path.stat().st_size} of {film.stat().st_size} bytes are there" in error.cause
