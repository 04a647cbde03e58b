"""Jobs of an api without workers: submit, batch, get, cancel, retry."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from api.refusals import Refusal, fields_of, refused
from jobs import job, kept

from reelmill.api.submission import client_fields
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

NOBODY = "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"


def create(jobs: JobServiceStub, **fields: object) -> pb.Job:
    return jobs.CreateJob(pb.CreateJobRequest(job=job(**fields)))


def cancelled(jobs: JobServiceStub, **fields: object) -> pb.Job:
    return jobs.CancelJob(pb.CancelJobRequest(id=create(jobs, **fields).id))


def test_a_new_job_is_queued_with_id_times_and_defaults(jobs: JobServiceStub) -> None:
    made = create(jobs, labels={"asset": "42"})
    assert (UUID(made.id).version, made.state, made.version, made.priority) == (7, pb.Job.QUEUED, 1, 50)
    assert made.HasField("create_time")
    assert made.outputs[0].WhichOneof("operation") == "audio"  # the preset's
    assert kept(jobs.GetJob(pb.GetJobRequest(id=made.id, view="FULL"))) == made
    assert kept(jobs.GetJob(pb.GetJobRequest(id=made.id))) == made


def test_what_only_the_server_sets_is_ignored(jobs: JobServiceStub) -> None:
    sent = job(id=NOBODY, state="COMPLETED", retry_of=NOBODY, version=7, error={"code": "X"})
    sent.outputs[0].files.add(uri="file:///x")
    assert client_fields(sent) == job()
    made = jobs.CreateJob(pb.CreateJobRequest(job=sent))
    assert (made.id != NOBODY, made.state, made.retry_of, made.version) == (True, pb.Job.QUEUED, "", 1)
    assert not made.HasField("error")
    assert not made.outputs[0].files


def test_twenty_calls_with_one_key_make_one_job(jobs: JobServiceStub) -> None:
    request = pb.CreateJobRequest(job=job(), request_id=str(uuid4()))
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: jobs.CreateJob(request), range(20)))
    assert len({m.id for m in made}) == 1
    assert jobs.CreateJob(request).id == made[0].id


def test_a_key_with_another_body_is_a_conflict_that_says_so(jobs: JobServiceStub) -> None:
    key = str(uuid4())
    first = jobs.CreateJob(pb.CreateJobRequest(job=job(), request_id=key))
    with refused() as refusal:
        jobs.CreateJob(pb.CreateJobRequest(job=job(priority=1), request_id=key))
    assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "IDEMPOTENCY_CONFLICT")
    assert f"{key!r} was used for job {first.id} with another body" in refusal.message


def test_a_batch_accepts_and_refuses_each_by_itself(jobs: JobServiceStub) -> None:
    key = str(uuid4())
    items = [
        pb.CreateJobRequest(job=job(), request_id=key),
        pb.CreateJobRequest(),
        pb.CreateJobRequest(job=job("file:///etc/passwd")),
        pb.CreateJobRequest(job=job(), request_id=key),
        pb.CreateJobRequest(job=job(priority=1), request_id=key),
    ]
    results = jobs.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=items)).results
    assert [r.WhichOneof("result") for r in results] == ["job", "error", "error", "job", "error"]
    assert results[0].job.id == results[3].job.id
    refusals = [Refusal() for _ in results]
    for refusal, result in zip(refusals, results, strict=True):
        refusal.read(result.error)
    assert refusals[1].fields == {"requests[1].job": "is required"}
    assert list(refusals[2].fields) == ["requests[2].job.inputs[0].uri"]
    assert refusals[4].reason == "IDEMPOTENCY_CONFLICT"


def test_a_batch_takes_a_thousand_jobs_and_no_more(jobs: JobServiceStub) -> None:
    items = [pb.CreateJobRequest(job=job())] * 1000
    results = jobs.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=items)).results
    assert len({r.job.id for r in results}) == 1000
    too_many = pb.BatchCreateJobsRequest(requests=[*items, items[0]])
    assert fields_of(jobs.BatchCreateJobs, too_many) == {"requests": "has 1001 items; between 1 and 1000 are allowed"}
    assert fields_of(jobs.BatchCreateJobs, pb.BatchCreateJobsRequest()) == {
        "requests": "is required: give at least one"
    }


def test_validating_stores_nothing_and_answers_defaults(jobs: JobServiceStub) -> None:
    label = str(uuid4())
    made = jobs.ValidateJob(pb.ValidateJobRequest(job=job(labels={"validated": label})))
    assert (made.id, made.priority, made.outputs[0].WhichOneof("operation")) == ("", 50, "audio")
    assert not jobs.ListJobs(pb.ListJobsRequest(filter=f'labels.validated = "{label}"')).jobs


@pytest.mark.parametrize("job_id", [NOBODY, "no-uuid", "../x"])
def test_what_is_not_there_is_not_found(jobs: JobServiceStub, job_id: str) -> None:
    calls = [
        lambda: jobs.GetJob(pb.GetJobRequest(id=job_id)),
        lambda: jobs.GetJob(pb.GetJobRequest(id=job_id, view="FULL")),
        lambda: jobs.CancelJob(pb.CancelJobRequest(id=job_id)),
        lambda: jobs.RetryJob(pb.RetryJobRequest(id=job_id)),
        lambda: jobs.DeleteJob(pb.DeleteJobRequest(id=job_id)),
        lambda: jobs.ListJobEvents(pb.ListJobEventsRequest(id=job_id)),
        lambda: jobs.ListJobLogs(pb.ListJobLogsRequest(id=job_id)),
        lambda: jobs.ListOutputFiles(pb.ListOutputFilesRequest(id=job_id, output="a")),
        lambda: jobs.ListOutputFiles(pb.ListOutputFilesRequest(id=job_id, output="a", path="a.mp4")),
        lambda: jobs.ListTasks(pb.ListTasksRequest(id=job_id)),
        lambda: list(jobs.WatchJob(pb.WatchJobRequest(id=job_id))),
    ]
    for call in calls:
        with refused() as refusal:
            call()
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", "NOT_FOUND")


def test_cancelling_a_waiting_job_ends_it_and_again_changes_nothing(jobs: JobServiceStub) -> None:
    first = cancelled(jobs)
    assert (first.state, first.version) == (pb.Job.CANCELLED, 2)
    assert first.HasField("cancel_time")
    assert first.HasField("end_time")
    assert jobs.CancelJob(pb.CancelJobRequest(id=first.id)) == first
    assert jobs.GetJob(pb.GetJobRequest(id=first.id)) == first


def test_retrying_makes_one_new_job_however_often(jobs: JobServiceStub) -> None:
    old = cancelled(jobs, labels={"asset": "42"})
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: jobs.RetryJob(pb.RetryJobRequest(id=old.id)), range(8)))
    assert len({m.id for m in made}) == 1
    assert (made[0].retry_of, made[0].state, dict(made[0].labels)) == (old.id, pb.Job.QUEUED, {"asset": "42"})
    assert jobs.GetJob(pb.GetJobRequest(id=old.id)).state == pb.Job.CANCELLED


def test_a_retry_has_no_deadline_that_may_have_passed(jobs: JobServiceStub) -> None:
    old = cancelled(jobs, deadline="2999-01-01T00:00:00Z", priority=7)
    assert old.HasField("deadline")
    made = jobs.RetryJob(pb.RetryJobRequest(id=old.id))
    assert (made.HasField("deadline"), made.priority) == (False, 7)
    assert not jobs.GetJob(pb.GetJobRequest(id=made.id, view="FULL")).HasField("deadline")


def test_a_waiting_job_is_not_retried(jobs: JobServiceStub) -> None:
    made = create(jobs)
    with refused() as refusal:
        jobs.RetryJob(pb.RetryJobRequest(id=made.id))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "is QUEUED; only FAILED and CANCELLED jobs are retried" in refusal.message
