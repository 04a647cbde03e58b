"""Jobs are deleted: at once and for everybody, those alone that are meant, and only once they have ended."""

from collections.abc import Callable
from uuid import uuid4

import grpc
import pytest
from api.refusals import refused
from jobs import job

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


def create(jobs: JobServiceStub, *, ended: bool = True, **labels: str) -> str:
    made = jobs.CreateJob(pb.CreateJobRequest(job=job(labels=labels)))
    if ended:
        jobs.CancelJob(pb.CancelJobRequest(id=made.id))
        jobs.GetJob(pb.GetJobRequest(id=made.id))  # it is in the cache
    return made.id


def gone(jobs: JobServiceStub, job_id: str) -> bool:
    """Whether no method knows it."""
    request: dict[str, str] = {"id": job_id}
    found: list[str] = []
    calls: tuple[Callable[[], object], ...] = (
        lambda: jobs.GetJob(pb.GetJobRequest(**request)),
        lambda: jobs.GetJob(pb.GetJobRequest(**request, view="FULL")),
        lambda: jobs.ListJobEvents(pb.ListJobEventsRequest(**request)),
        lambda: jobs.ListJobLogs(pb.ListJobLogsRequest(**request)),
        lambda: jobs.ListTasks(pb.ListTasksRequest(**request)),
        lambda: list(jobs.WatchJob(pb.WatchJobRequest(**request))),
        lambda: jobs.DeleteJob(pb.DeleteJobRequest(**request)),
    )
    for call in calls:
        try:
            call()
            found.append("OK")
        except grpc.RpcError as error:
            found.append(error.code().name)
    assert len(set(found)) == 1, found
    return found[0] == "NOT_FOUND"


def test_a_job_is_gone_for_every_method(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    job_id, other = create(jobs, run=run), create(jobs, run=run)
    jobs.DeleteJob(pb.DeleteJobRequest(id=job_id))
    assert gone(jobs, job_id)
    assert [one.id for one in jobs.ListJobs(pb.ListJobsRequest(filter=f'labels.run = "{run}"')).jobs] == [other]


def test_a_job_that_has_not_ended_is_refused(jobs: JobServiceStub) -> None:
    job_id = create(jobs, ended=False)
    with refused() as refusal:
        jobs.DeleteJob(pb.DeleteJobRequest(id=job_id))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "cancel it first" in refusal.message
    assert jobs.GetJob(pb.GetJobRequest(id=job_id)).state == pb.Job.QUEUED


def test_a_key_makes_no_second_job_after_the_first_was_deleted(jobs: JobServiceStub) -> None:
    request = pb.CreateJobRequest(job=job(), request_id=str(uuid4()))
    made = jobs.CreateJob(request)
    jobs.CancelJob(pb.CancelJobRequest(id=made.id))
    jobs.DeleteJob(pb.DeleteJobRequest(id=made.id))
    assert jobs.CreateJob(request).id == made.id
    with refused() as refusal:
        jobs.GetJob(pb.GetJobRequest(id=made.id))
    assert refusal.code == "NOT_FOUND"


def test_those_that_a_filter_names_go_and_no_others(jobs: JobServiceStub) -> None:
    run = str(uuid4())
    ended = [create(jobs, run=run, kind="old") for _ in range(3)]
    others = [create(jobs, run=run), create(jobs, ended=False, run=run, kind="old")]
    filter = f'labels.run = "{run}" AND labels.kind = "old"'
    early = pb.DeleteJobsRequest(filter=f'{filter} AND create_time < "2026-01-01T00:00:00Z"')
    assert jobs.DeleteJobs(early) == pb.DeleteJobsResponse()
    aged = pb.DeleteJobsRequest(filter=f'{filter} AND create_time < "2100-01-01T00:00:00Z"')
    assert jobs.DeleteJobs(aged) == pb.DeleteJobsResponse(deleted=3)
    assert all(gone(jobs, job_id) for job_id in ended)
    left = {one.id for one in jobs.ListJobs(pb.ListJobsRequest(filter=f'labels.run = "{run}"')).jobs}
    assert left == set(others)


@pytest.mark.parametrize("filter", ["", " ", "state"])
def test_no_filter_is_not_all(jobs: JobServiceStub, filter: str) -> None:
    with refused() as refusal:
        jobs.DeleteJobs(pb.DeleteJobsRequest(filter=filter))
    assert refusal.code == "INVALID_ARGUMENT" and "filter" in refusal.fields
