"""Pieces: one of an optional output that fails costs that alone; where there is no room for them all is made whole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from worker import test_worker_media
from worker.test_worker_media import SOUND, SPREAD, Media
from worker.test_worker_optional import became, may_fail, whole

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import run as ffmpeg_run
from reelmill.media.render.command import Command
from reelmill.storage.space import Room
from reelmill.store.switches import GRAPHS
from reelmill.telemetry.metrics import JOINS_REFUSED, OUTPUT_FAILURES
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.worker import media_executor
from reelmill.worker.spreading import PieceRoom

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
CHUNKED, BESIDE = test_worker_media.CHUNKED, test_worker_media.BESIDE


async def chunked(media: Media, source: Path, *outputs: Output) -> Job:
    """A job that one worker has made in chunks, as far as it could."""
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=SPREAD)
    job = await whole(media, await media.submit(*outputs, source=source))
    kinds = {row["kind"] for row in await media.rig.store.rows("SELECT kind FROM tasks")}
    assert {"make_piece", "join_pieces"} <= kinds
    return job


def refused(monkeypatch: pytest.MonkeyPatch, *names: str, first: bool = False) -> list[tuple[str, ...]]:
    """ffmpeg refuses to make the pieces of these outputs, or the `first` that it is asked for; what it was asked."""
    asked: list[tuple[str, ...]] = []
    real = ffmpeg_run.run

    async def runs(command: Command, **options: Any) -> Any:
        asked.append(command.outputs)
        hit = set(names) & set(command.outputs)
        if hit and not (first and sum(bool(set(names) & set(one)) for one in asked) > 2):
            raise AttemptFailed("ENCODER_REFUSED", "as the test says", output=command.outputs[0], command="ffmpeg -x")
        return await real(command, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    return asked


async def test_an_optional_film_is_made_in_chunks_as_any(media: Media, source: Path) -> None:
    before = JOINS_REFUSED._value.get()
    job = await chunked(media, source, may_fail(CHUNKED), BESIDE)
    assert became(job) == {"film": 1, "mute": 1}, job.error
    assert JOINS_REFUSED._value.get() == before


async def test_a_chunk_that_fails_costs_its_output_alone(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = refused(monkeypatch, "mute", first=True)  # in one chunk of several
    counter = OUTPUT_FAILURES["ENCODER_REFUSED"]
    before = counter._value.get()
    job = await chunked(media, source, CHUNKED, may_fail(BESIDE), SOUND)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert became(job) == {"film": 1, "mute": "ENCODER_REFUSED", "sound": 1}
    error = job.outputs[1].error
    assert (error.output, error.message, error.command) == ("mute", "as the test says", "ffmpeg -x")
    assert counter._value.get() == before + 1, "it is one output, in however many chunks"
    assert ("mute",) in asked and ("film",) in asked, "they were tried apart"


async def test_where_all_of_them_fail_the_others_stand_and_alone_the_job_fails(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(monkeypatch, "mute", "film")
    job = await chunked(media, source, may_fail(CHUNKED), may_fail(BESIDE), SOUND)
    assert became(job) == {"film": "ENCODER_REFUSED", "mute": "ENCODER_REFUSED", "sound": 1}, job.error
    job = await whole(media, await media.submit(may_fail(CHUNKED), may_fail(BESIDE), source=source))
    assert (Job.State.Name(job.state), job.error.code) == ("FAILED", "ENCODER_REFUSED")


async def test_a_chunk_of_what_must_be_there_ends_the_job(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(monkeypatch, "film")
    job = await chunked(media, source, CHUNKED, may_fail(BESIDE))
    assert (Job.State.Name(job.state), job.error.code) == ("FAILED", "ENCODER_REFUSED")


async def kinds_of(media: Media, source: Path, *, pieces_bytes: int) -> set[str]:
    """Kinds of the tasks of a job of two films, where its pieces may have so many bytes."""
    media.start(spreads=True, worth=replace(SPREAD, least_cpu_seconds=600, pieces_bytes=pieces_bytes))
    new = await media.submit(CHUNKED, BESIDE, source=source)
    assert became(await whole(media, new)) == {"film": 1, "mute": 1}
    return {row["kind"] for row in await media.rig.store.rows("SELECT kind FROM tasks WHERE job_id = $1", new.id)}


async def test_films_whose_pieces_would_be_too_large_or_have_no_room_are_made_whole(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    assert "make_piece" in await kinds_of(media, source, pieces_bytes=10**9)
    await media.rig.stop()
    assert await kinds_of(media, source, pieces_bytes=1000) == {"run_job"}
    await media.rig.stop()
    told = "SELECT message, output FROM job_logs WHERE level = 'WARNING' ORDER BY id"
    [line] = await media.rig.store.rows(told)
    assert line["output"] == "film, mute" and "at most 1000 are allowed (setting pieces_max_bytes)" in line["message"]
    full = Room(2**62)  # as of a disk of which so much is to stay free
    monkeypatch.setattr(
        media_executor,
        "PieceRoom",
        lambda attempt, room, sizes, most_bytes: PieceRoom(attempt, full, sizes, most_bytes=most_bytes),
    )
    assert await kinds_of(media, source, pieces_bytes=0) == {"run_job"}
    assert "are to stay free" in (await media.rig.store.rows(told))[1]["message"]
