"""Optional outputs with real ffmpeg: what the others become, and what the job tells of those that are not there."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from store.kit import TENANT
from worker import test_worker_media
from worker.test_worker_media import MOVIE, NINE, SMALL, SOUND, SPREAD, STILLS, Media

from reelmill.cache.port import status_of
from reelmill.jobs.errors import AttemptFailed
from reelmill.media import run as ffmpeg_run
from reelmill.media.render.command import Command
from reelmill.storage.uris import file_path, file_uri
from reelmill.store.jobs import JobFilter, NewJob
from reelmill.store.switches import GRAPHS
from reelmill.telemetry.metrics import OUTPUT_FAILURES
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
SIX = Output(name="six", audio=AudioExtract(format=AudioExtract.MP3, channels=6))
"""What MP3 has not, and only its encoder says."""


def may_fail(output: Output) -> Output:
    made = Output()
    made.CopyFrom(output)
    made.optional = True
    return made


def became(job: Job) -> dict[str, int | str]:
    """Of each output the number of its files, or why there are none."""
    return {o.name: o.error.code if o.HasField("error") else len(o.files) for o in job.outputs}


async def whole(media: Media, new: NewJob) -> Job:
    """The job as it is read again from the database, which must be as it was told."""
    told = await media.rig.until(new, "COMPLETED", "FAILED")
    read = await media.rig.store.jobs.get(TENANT, new.id)
    assert became(read) == became(told)
    [listed] = [
        j for j in await media.rig.store.jobs.page(TENANT, JobFilter(), before=None, limit=9) if j.id == told.id
    ]
    assert listed == read
    return read


async def test_a_mute_clip_does_not_lose_its_film_for_its_sound(media: Media, silent_clip: Path) -> None:
    media.start()
    counter = OUTPUT_FAILURES["INPUT_NO_AUDIO"]
    before = counter._value.get()
    new = await media.submit(MOVIE, may_fail(SOUND), may_fail(STILLS), source=silent_clip_in(media, silent_clip))
    job = await whole(media, new)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert became(job) == {"movie": 1, "sound": "INPUT_NO_AUDIO", "stills": 2}
    sound = job.outputs[1]
    assert (sound.error.output, sound.error.retryable, sound.file_count) == ("sound", False, 0)
    assert "no sound" in sound.error.message or sound.error.message
    assert not job.HasField("error") and counter._value.get() == before + 1
    lines = await media.rig.store.jobs.logs(TENANT, new.id, after=0, limit=99)
    [told] = [line for line in lines if line.level == line.WARNING]
    assert told.output == "sound" and told.message.startswith("goes on without this output. INPUT_NO_AUDIO: ")


def silent_clip_in(media: Media, clip: Path) -> Path:
    target = media.folder / "silent.mp4"
    target.write_bytes(clip.read_bytes())
    return target


async def test_what_only_the_encoder_refuses_is_made_without_that_output_where_both_shared_a_process(
    media: Media,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[tuple[tuple[str, ...], str]] = []
    real = ffmpeg_run.run

    async def runs(command: Command, **options: Any) -> Any:
        try:
            result = await real(command, **options)
        except AttemptFailed as error:
            ran.append((command.outputs, error.code))
            raise
        ran.append((command.outputs, ""))
        return result

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    media.start()
    job = await whole(media, await media.submit(SMALL, may_fail(SIX), SOUND, source=source))
    assert became(job) == {"small": 1, "six": "ENCODER_REFUSED", "sound": 1}, job.error
    assert ran == [
        (("small", "six", "sound"), "ENCODER_REFUSED"), (("small", "sound"), ""), (("six",), "ENCODER_REFUSED"),
    ]  # fmt: skip
    error = job.outputs[1].error
    assert "libmp3lame" in error.command and error.stderr_tail and error.output == "six"
    basic = Job.FromString(status_of(TENANT, job).job).outputs[1].error
    assert (basic.code, basic.message, basic.command, basic.stderr_tail) == (error.code, error.message, "", "")
    assert media.left() == []


async def test_a_job_whose_outputs_all_failed_has_failed(media: Media, source: Path) -> None:
    media.start()
    late = Output(name="late", thumbnail=Thumbnail(times_seconds=[9999]))
    job = await whole(media, await media.submit(may_fail(SIX), may_fail(late), source=source))
    assert Job.State.Name(job.state) == "FAILED"
    assert (job.error.code, job.error.output) == ("ENCODER_REFUSED", "six")
    assert await media.rig.store.value("SELECT count(*) FROM output_files") == 0


async def test_an_output_that_is_not_what_was_promised_goes_without_the_others(
    media: Media,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = ffmpeg_run.run

    async def runs(command: Command, *, folder: Path, **options: Any) -> Any:
        result = await real(command, folder=folder, **options)
        (folder / "sound" / "sound.mp3").write_bytes(b"no sound at all")
        return result

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    media.start()
    job = await whole(media, await media.submit(SMALL, may_fail(SOUND), source=source))  # of one attempt
    assert became(job) == {"small": 1, "sound": "OUTPUT_INVALID"}, job.error


async def test_a_second_input_that_is_not_there_costs_the_output_that_reads_it(media: Media, source: Path) -> None:
    media.start()
    other = may_fail(SOUND)
    other.input = "second"
    uris = [file_uri(source), file_uri(media.folder / "none.mp4")]
    job = await whole(media, await media.submit(SMALL, other, source=uris))
    assert became(job) == {"small": 1, "sound": "INPUT_NOT_FOUND"}, job.error


@pytest.mark.parametrize(
    ("outputs", "state", "wanted"),
    [
        ((NINE, may_fail(SMALL)), "COMPLETED", {"nine": 1, "small": "ENCODER_REFUSED"}),
        ((may_fail(NINE), may_fail(SMALL)), "FAILED", {"nine": 0, "small": 0}),
    ],
)
async def test_parts_tell_of_their_outputs_and_the_job_fails_only_where_none_made_anything(
    media: Media,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    outputs: tuple[Output, ...],
    state: str,
    wanted: Mapping[str, int | str],
) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    real = ffmpeg_run.run

    async def runs(command: Command, **options: Any) -> Any:
        if state == "FAILED" or command.outputs == ("small",):
            raise AttemptFailed("ENCODER_REFUSED", "as the test says", output=command.outputs[0])
        return await real(command, **options)

    monkeypatch.setattr(ffmpeg_run, "run", runs)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True, worth=SPREAD)
    new = await media.submit(*outputs, source=source)
    job = await whole(media, new)
    assert (Job.State.Name(job.state), became(job)) == (state, wanted), job.error
    assert await media.rig.store.value("SELECT count(*) FROM tasks") == 3
    if state == "FAILED":
        assert job.error.code == "ENCODER_REFUSED"
        letters = await media.rig.store.value("SELECT count(*) FROM outbox WHERE topic = 'dead-letter'")
        assert letters == 1
    files = [file_path(file.uri) for output in job.outputs for file in output.files]
    assert all(await asyncio.gather(*(asyncio.to_thread(path.exists) for path in files)))
