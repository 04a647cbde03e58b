"""Outputs that read other outputs, with real ffmpeg: in one attempt, and by several workers."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store.kit import TENANT
from waiting import PATIENCE_SECONDS, soon
from worker import test_worker_media
from worker.test_worker_media import NINE, SMALL, SPREAD, Media
from worker.test_worker_optional import SIX, became, may_fail, silent_clip_in, whole

from reelmill.cache.port import job_channel
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import run as ffmpeg_run
from reelmill.media.render.command import Command
from reelmill.storage.uris import file_path
from reelmill.store.leases import LeaseStore
from reelmill.store.switches import GRAPHS
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail, Transcode, VideoSettings
from reelmill.worker.meter import Meter

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
TINY = Output(name="tiny", input="output:small", transcode=Transcode(video=VideoSettings(height=60)))
STILL = Output(name="still", input="output:tiny", thumbnail=Thumbnail(count=1))
STILL_OF_SOURCE = Output(name="poster", thumbnail=Thumbnail(count=1, width=64))
SOUND_OF_SOURCE = Output(name="mp3", audio=AudioExtract(format=AudioExtract.MP3))
SOUND = Output(name="sound", input="output:small", audio=AudioExtract(format=AudioExtract.WAV))


def size(job: Job, output: str) -> tuple[int, int]:
    [found] = [one for one in job.outputs if one.name == output]
    stream = found.files[0].media.streams[0]
    return stream.width, stream.height


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Commands of ffmpeg, as they begin."""
    found: list[Command] = []
    real = ffmpeg_run.run

    async def runs(command: Command, **options: Any) -> Any:
        found.append(command)
        return await real(command, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    return found


async def test_one_attempt_makes_what_is_read_before_what_reads_it(
    media: Media, source: Path, ran: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    tell = Meter._tell

    def tells(meter: Meter, progress: Any) -> None:
        tell(meter, progress)
        told.append(progress.percent)

    monkeypatch.setattr(Meter, "_tell", tells)
    media.start()
    job = await whole(media, await media.submit(STILL, TINY, SOUND, SMALL, source=source))
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert became(job) == {"still": 1, "tiny": 1, "sound": 1, "small": 1}
    assert ran[0].outputs == ("small",) and {name for one in ran[1:] for name in one.outputs} >= {"tiny", "sound"}
    assert all(one.reads[0].endswith("/small/small.mp4") for one in ran[1:] if one.outputs != ("still",))
    assert size(job, "tiny")[1] == 60 and size(job, "still") == size(job, "tiny")
    assert [s.codec for s in job.outputs[2].files[0].media.streams] == ["pcm_s16le"]
    # Of the whole, from the beginning: the first of three stages is not all.
    assert told == sorted(told) and told[-1] == 100 and told.index(100) == len(told) - told.count(100) > 2
    assert len({percent for percent in told if 0 < percent < 100}) >= 2
    assert media.left() == []


async def test_what_reads_an_output_that_failed_goes_with_it(media: Media, source: Path) -> None:
    media.start()
    reads = Output(name="reads", input="output:six", audio=AudioExtract(format=AudioExtract.WAV))
    job = await whole(media, await media.submit(SMALL, may_fail(SIX), may_fail(reads), source=source))
    assert became(job) == {"small": 1, "six": "ENCODER_REFUSED", "reads": "ENCODER_REFUSED"}, job.error
    assert job.outputs[2].error.message.startswith("output six, which it reads, was not made: ")
    job = await whole(media, await media.submit(SMALL, may_fail(SIX), reads, source=source))
    assert (Job.State.Name(job.state), job.error.code, job.error.output) == ("FAILED", "ENCODER_REFUSED", "reads")


async def test_a_task_of_its_own_reads_what_another_worker_made(media: Media, source: Path, ran: list[Command]) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True, worth=SPREAD)
    new = await media.submit(STILL, TINY, NINE, SMALL, SOUND, source=source)
    job = await whole(media, new)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert became(job) == {"still": 1, "tiny": 1, "nine": 1, "small": 1, "sound": 1}
    small = file_path(job.outputs[3].files[0].uri)
    reading = [command for command in ran if command.outputs[0] in ("tiny", "sound")]
    assert reading and all(command.reads == (str(small),) for command in reading)
    rows = await media.rig.store.rows("SELECT kind, open_dependencies, spec FROM tasks ORDER BY id")
    assert [row["kind"] for row in rows][:3] == ["run_job", "make_outputs", "make_outputs"] and len(rows) > 3
    edges = await media.rig.store.value("SELECT count(*) FROM task_dependencies")
    assert edges == len(rows) - 3
    assert size(job, "still") == size(job, "tiny")


async def test_of_what_can_not_even_be_planned_no_task_follows(media: Media, silent_clip: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=SPREAD)
    mute = may_fail(Output(name="mute", audio=AudioExtract(format=AudioExtract.MP3)))
    reads = may_fail(Output(name="reads", input="output:mute", audio=AudioExtract(format=AudioExtract.WAV)))
    clip = silent_clip_in(media, silent_clip)
    job = await whole(media, await media.submit(NINE, SMALL, mute, reads, source=clip))
    assert became(job) == {"nine": 1, "small": 1, "mute": "INPUT_NO_AUDIO", "reads": "INPUT_NO_AUDIO"}, job.error
    assert await media.rig.store.value("SELECT count(*) FROM tasks") == 3


@pytest.mark.parametrize("optional", [True, False])
async def test_a_task_that_reads_what_another_could_not_make_fails_likewise(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch, optional: bool
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    real = ffmpeg_run.run

    async def runs(command: Command, **options: Any) -> Any:
        if command.outputs == ("small",):
            raise AttemptFailed("ENCODER_REFUSED", "as the test says", output="small")
        return await real(command, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    media.start(spreads=True, worth=SPREAD)
    sound = may_fail(SOUND) if optional else SOUND
    job = await whole(media, await media.submit(NINE, may_fail(SMALL), sound, source=source))
    if optional:
        assert became(job) == {"nine": 1, "small": "ENCODER_REFUSED", "sound": "ENCODER_REFUSED"}, job.error
        assert "output small, which it reads, was not made" in job.outputs[2].error.message
    else:
        assert (Job.State.Name(job.state), job.error.code) == ("FAILED", "ENCODER_REFUSED")


async def test_a_file_that_is_another_by_now_is_not_read(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    first_files = LeaseStore.first_files

    async def files(store: LeaseStore, *arguments: Any) -> Any:
        found = await first_files(store, *arguments)
        for file in found.values():
            path = file_path(file.uri)
            data = bytearray(path.read_bytes())
            data[-1] ^= 255
            path.write_bytes(data)
        return found

    monkeypatch.setattr(LeaseStore, "first_files", files)
    media.start(spreads=True, worth=SPREAD)
    job = await media.rig.until(await media.submit(NINE, SMALL, SOUND, source=source), "FAILED", "COMPLETED")
    assert (Job.State.Name(job.state), job.error.code) == ("FAILED", "INPUT_CHANGED")
    assert "is not what the job made" in job.error.message


async def test_each_output_is_published_as_it_is_done(
    media: Media, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    real, seen = ffmpeg_run.run, asyncio.Event()

    async def runs(command: Command, **options: Any) -> Any:
        if command.outputs == ("tiny",):  # which reads what is published by now
            await soon(seen.wait())
            raise AttemptFailed("ENCODER_REFUSED", "as the test says", output="tiny")
        return await real(command, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    media.start(spreads=True)  # nothing is worth a task
    new = await media.submit(TINY, SMALL, source=source, publish=Job.EACH)
    async with media.rig.cache.subscribe(job_channel(TENANT, new.id)) as news:
        while True:
            status = await media.rig.cache.get(TENANT, new.id)
            job = Job.FromString(status.job) if status else Job()
            if job.published:
                break
            assert await news.wait(PATIENCE_SECONDS)
    assert (Job.State.Name(job.state), list(job.published)) == ("PROCESSING", ["small"])
    assert became(job) == {"tiny": 0, "small": 1}
    seen.set()
    job = await whole(media, new)
    assert (Job.State.Name(job.state), job.error.code) == ("FAILED", "ENCODER_REFUSED")
    assert became(job) == {"tiny": 0, "small": 1}
    [file] = job.outputs[1].files
    swept = [row["uri"] for row in await media.rig.store.rows("SELECT uri FROM storage_deletions")]
    assert file_path(file.uri).stat().st_size == file.size_bytes and swept
    assert not any(file.uri.startswith(uri) for uri in swept)


async def test_who_publishes_each_has_a_task_for_each_process_and_one_for_all_that_share_one(
    media: Media, source: Path
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=replace(SPREAD, least_cpu_seconds=600))  # nothing else would be worth a task
    new = await media.submit(SMALL, STILL_OF_SOURCE, SOUND_OF_SOURCE, source=source, publish=Job.EACH)
    job = await whole(media, new)
    assert became(job) == {"small": 1, "poster": 1, "mp3": 1} and sorted(job.published) == ["mp3", "poster", "small"]
    rows = await media.rig.store.rows("SELECT spec FROM tasks WHERE spec IS NOT NULL ORDER BY id")
    assert [json.loads(row["spec"])["outputs"] for row in rows] == [["small", "mp3"], ["poster"]]
