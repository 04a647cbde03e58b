"""What outputs find out, and their contracts, on real workers: in the job's answer, and after it is read again."""

from pathlib import Path

import pytest
from store.kit import TENANT
from worker import test_worker_media
from worker.test_worker_media import CHUNKED, SPREAD, Media

from reelmill.storage.uris import file_uri
from reelmill.store.jobs import JobFilter
from reelmill.store.switches import GRAPHS
from reelmill.telemetry.metrics import EARLY_STOPS
from reelmill.v1.analysis_pb2 import Analyze, Compare, Contract, Waveform
from reelmill.v1.jobs_pb2 import Job, Output
from reelmill.v1.operations_pb2 import AudioExtract, Transcode, VideoSettings
from reelmill.v1.package_pb2 import Package

media, source = test_worker_media.media, test_worker_media.source  # the fixtures
FILM = Transcode(video=VideoSettings(height=64))
LOUD = Output(name="loud", audio=AudioExtract(format=AudioExtract.WAV, loudness_lufs=-20))
LOOK = Output(name="look", analyze=Analyze(looks=[Analyze.LOUDNESS, Analyze.SCENES]))
PEAKS = Output(name="peaks", waveform=Waveform(format=Waveform.JSON))
KEPT = Output(name="kept", transcode=FILM, contract=Contract(min_duration_seconds=3, max_black_seconds=1, min_vmaf=1))
WARNED = Output(name="warned", transcode=FILM, contract=Contract(max_duration_seconds=1, miss=Contract.WARN))
BROKEN = Output(name="broken", transcode=FILM, contract=Contract(min_height=720, max_height=1080))


async def ended(media: Media, *outputs: Output, source: Path) -> Job:
    """The job as it is told at its end, and read again in two ways."""
    new = await media.submit(*outputs, source=source)
    told = await media.rig.until(new, "COMPLETED", "FAILED")
    read = await media.rig.store.jobs.get(TENANT, new.id)
    [listed] = [
        j for j in await media.rig.store.jobs.page(TENANT, JobFilter(), before=None, limit=9) if j.id == read.id
    ]
    assert read == told == listed
    return read


async def test_what_outputs_find_out_is_told_with_the_job(media: Media, source: Path) -> None:
    media.start()
    job = await ended(media, LOUD, LOOK, PEAKS, KEPT, WARNED, source=source)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    loud, look, peaks, kept, warned = job.outputs
    before, gain = loud.measured.input_loudness.integrated_lufs, loud.measured.gain_db
    assert before + gain == pytest.approx(-20, abs=0.01)
    assert gain != 0
    assert look.result.analysis.loudness.integrated_lufs == pytest.approx(before, abs=3)  # in its own channels
    assert [file.path for file in look.files] == ["look.json"]
    assert [file.path for file in peaks.files] == ["peaks.json"]
    assert not peaks.HasField("result")
    assert kept.measured.vmaf > 10
    assert (kept.measured.longest_black_seconds, list(kept.measured.misses)) == (0, [])
    assert [file.path for file in kept.files] == ["kept.mp4"]  # nothing that was only measured
    [miss] = warned.measured.misses
    assert (miss.field, miss.wanted) == ("max_duration_seconds", "at most 1 s")
    lines = await media.rig.store.jobs.logs(TENANT, job.id, after=0, limit=99)
    assert [
        "breaks its contract: max_duration_seconds" in line.message for line in lines if line.level == line.WARNING
    ] == [True]
    assert any(line.message == "listens to all of it first" and "ebur128" in line.command for line in lines)
    assert media.left() == []


async def test_who_would_break_its_contract_is_stopped_early(media: Media, source: Path) -> None:
    media.start()
    before = EARLY_STOPS["max_size_ratio"]._value.get()
    slow = Transcode(video=VideoSettings(codec=VideoSettings.H264, height=1080, effort=VideoSettings.SLOW, crf=10))
    huge = Output(name="huge", transcode=slow, contract=Contract(max_size_ratio=0.0001))
    job = await ended(media, huge, source=source)
    assert (Job.State.Name(job.state), job.error.code, job.error.output) == ("FAILED", "CONTRACT_BROKEN", "huge")
    assert job.error.message.startswith("max_size_ratio: ") and " % of its encoding" in job.error.message
    assert "libx264" in job.error.command
    assert EARLY_STOPS["max_size_ratio"]._value.get() == before + 1
    assert media.left() == []


async def test_a_broken_contract_fails_the_job_or_the_output_with_what_was_measured(media: Media, source: Path) -> None:
    media.start()
    job = await ended(media, LOOK, BROKEN, source=source)
    assert (Job.State.Name(job.state), job.error.code, job.error.output) == ("FAILED", "CONTRACT_BROKEN", "broken")
    assert job.error.message == "min_height: 64 pixels instead of at least 720 pixels"
    assert not job.error.retryable
    assert not any(output.files for output in job.outputs)
    optional = Output()
    optional.CopyFrom(BROKEN)
    optional.optional = True
    job = await ended(media, LOOK, optional, source=source)
    assert (Job.State.Name(job.state), job.outputs[1].error.code) == ("COMPLETED", "CONTRACT_BROKEN")
    assert not job.outputs[1].HasField("measured")
    assert job.outputs[0].result.HasField("analysis")
    assert not job.outputs[1].files


async def test_several_tasks_tell_what_each_found(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True, worth=SPREAD)
    job = await ended(media, LOUD, KEPT, WARNED, source=source)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert job.outputs[0].measured.gain_db != 0
    assert job.outputs[1].measured.vmaf > 10
    assert len(job.outputs[2].measured.misses) == 1


async def test_a_film_of_chunks_is_held_to_its_contract_as_a_whole(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True)
    film = Output(name="film", transcode=CHUNKED.transcode, contract=Contract(min_vmaf=20, max_duration_seconds=3.5))
    film.contract.miss = Contract.WARN
    job = await ended(media, film, source=source)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert await media.rig.store.value("SELECT count(*) FROM tasks WHERE kind = 'join_pieces'") == 1
    assert job.outputs[0].measured.vmaf > 20
    assert [miss.field for miss in job.outputs[0].measured.misses] == ["max_duration_seconds"]


async def test_a_title_has_its_ladder_in_all_its_chunks_and_tells_what_it_came_to(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    for owner in ("one", "other"):
        media.start(owner=owner, spreads=True)
    package = Package(target_vmaf=80, mute=True, segment_seconds=1, chunk_seconds=1)
    package.trim.end_seconds = 2
    job = await ended(media, Output(name="title", package=package), source=source)
    assert Job.State.Name(job.state) == "COMPLETED", job.error
    assert await media.rig.store.value("SELECT count(*) FROM tasks WHERE kind = 'make_piece'") == 2
    [title] = job.outputs
    assert title.package.target_vmaf == 80 and not title.package.rungs  # as it was asked for
    scores = [one.vmaf for one in title.measured.rungs]
    assert scores and scores == sorted(scores, reverse=True)
    assert title.measured.vmaf == scores[0] >= 78
    folders = {file.path.partition("/")[0] for file in title.files if "/" in file.path}
    assert folders == {one.name for one in title.measured.rungs}
    lines = await media.rig.store.jobs.logs(TENANT, job.id, after=0, limit=999)
    assert any("a VMAF of" in line.message for line in lines)


async def test_an_output_is_looked_through_and_held_against_its_input(media: Media, source: Path) -> None:
    await media.rig.store.turn(GRAPHS, on=True)
    media.start(spreads=True)
    small = Output(name="small", transcode=FILM)
    seen = Output(name="seen", input="output:small", analyze=Analyze(looks=[Analyze.CROP]))
    like = Output(name="like", input="output:small", compare=Compare(reference="second", metrics=[Compare.SSIM]))
    both = [file_uri(source), file_uri(source)]
    new = await media.submit(small, seen, like, source=both)
    told = await media.rig.until(new, "COMPLETED", "FAILED")
    assert Job.State.Name(told.state) == "COMPLETED", told.error
    assert told.outputs[1].result.analysis.crop.height <= 64
    [score] = told.outputs[2].result.comparison.scores
    assert (score.metric, told.outputs[2].result.comparison.frames) == (Compare.SSIM, 100)
    assert 0.5 < score.mean < 1
    assert await media.rig.store.jobs.get(TENANT, new.id) == told
