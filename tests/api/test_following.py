"""Watching a job on the whole system, and its history page by page."""

import pytest
from api.refusals import refused
from jobs import encoding, job
from live import Reelmill, finish

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

THREE_STILLS = {"name": "stills", "thumbnail": {"count": 3}}


@pytest.fixture(scope="module")
def done(live: Reelmill, live_jobs: JobServiceStub) -> pb.Job:
    """A COMPLETED job."""
    outputs = [THREE_STILLS, {"name": "sound", "preset": "podcast-audio"}]
    made = live_jobs.CreateJob(pb.CreateJobRequest(job=job(f"file://{live.media}/clip.mp4", outputs=outputs)))
    return finish(live_jobs, made.id)


def watched(jobs: JobServiceStub, job_id: str, after: int = 0) -> list[pb.JobEvent]:
    events = jobs.WatchJob(pb.WatchJobRequest(id=job_id, after_sequence=after), timeout=60)
    return [event for event in events if event.sequence]


def test_watching_shows_every_state_in_order_without_gaps(live: Reelmill, live_jobs: JobServiceStub) -> None:
    made = live_jobs.CreateJob(pb.CreateJobRequest(job=job(f"file://{live.media}/clip.mp4", encoding(effort="MEDIUM"))))
    events = watched(live_jobs, made.id)
    assert [e.sequence for e in events] == list(range(1, len(events) + 1))
    assert list(dict.fromkeys(e.state for e in events)) == [pb.Job.QUEUED, pb.Job.PROCESSING, pb.Job.COMPLETED]
    phases = [pb.Job.PROBING, pb.Job.TRANSCODING, pb.Job.PACKAGING, pb.Job.UPLOADING]
    assert list(dict.fromkeys(e.phase for e in events if e.phase)) == phases
    assert [e.time.ToNanoseconds() for e in events] == sorted(e.time.ToNanoseconds() for e in events)


def test_watching_resumes_after_any_sequence_number(done: pb.Job, live_jobs: JobServiceStub) -> None:
    events = watched(live_jobs, done.id)
    for after in range(len(events) + 1):
        assert watched(live_jobs, done.id, after) == events[after:]


def test_who_saw_events_that_a_restored_database_lost_sees_the_others(
    live: Reelmill, live_jobs: JobServiceStub
) -> None:
    made = live_jobs.CreateJob(pb.CreateJobRequest(job=job(f"file://{live.media}/clip.mp4")))
    events = watched(live_jobs, made.id, after=1000)
    assert [e.state for e in events][-1:] == [pb.Job.COMPLETED]


def test_a_job_ends_with_its_files_and_the_basic_view_has_them_too(done: pb.Job, live_jobs: JobServiceStub) -> None:
    assert done.state == pb.Job.COMPLETED
    assert [len(output.files) for output in done.outputs] == [3, 1]
    basic = pb.Job()
    basic.CopyFrom(done)
    basic.ClearField("receipts")
    assert live_jobs.GetJob(pb.GetJobRequest(id=done.id)) == basic


def test_the_basic_view_leaves_out_a_command_and_its_words(live: Reelmill, live_jobs: JobServiceStub) -> None:
    (live.media / "text.mp4").write_text("no media\n" * 1000)
    made = live_jobs.CreateJob(pb.CreateJobRequest(job=job(f"file://{live.media}/text.mp4")))
    full = finish(live_jobs, made.id)
    basic = live_jobs.GetJob(pb.GetJobRequest(id=made.id))
    assert (full.state, full.error.code, full.error.retryable) == (pb.Job.FAILED, "INPUT_NOT_MEDIA", False)
    assert (basic.error.code, basic.error.command, basic.error.stderr_tail) == ("INPUT_NOT_MEDIA", "", "")


@pytest.mark.parametrize(("method", "field"), [("ListJobEvents", "events"), ("ListJobLogs", "logs")])
def test_history_comes_page_by_page_in_order(done: pb.Job, live_jobs: JobServiceStub, method: str, field: str) -> None:
    request = getattr(pb, f"{method}Request")
    whole = list(getattr(getattr(live_jobs, method)(request(id=done.id)), field))
    assert len(whole) >= 2
    seen, after = [], 0
    while True:
        page = getattr(live_jobs, method)(request(id=done.id, page_size=1, after_sequence=after))
        seen += getattr(page, field)
        if not (after := page.next_after_sequence):
            break
    assert seen == whole
    assert [item.sequence for item in whole] == sorted({item.sequence for item in whole})


def test_a_finished_job_is_neither_cancelled_nor_retried(done: pb.Job, live_jobs: JobServiceStub) -> None:
    with refused() as refusal:
        live_jobs.CancelJob(pb.CancelJobRequest(id=done.id))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    with refused() as refusal:
        live_jobs.RetryJob(pb.RetryJobRequest(id=done.id))
    assert refusal.reason == "WRONG_STATE"
