"""Every method of the API as a value: what to send where, and what comes back. Pure.

Both clients run these, so a method is described once.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from reelmill.client.errors import ReelmillError, from_status
from reelmill.v1 import access_pb2 as access
from reelmill.v1 import jobs_pb2 as jobs
from reelmill.v1 import media_pb2 as media
from reelmill.v1 import uploads_pb2 as uploads
from reelmill.v1 import workers_pb2 as workers_pb

_JOBS = "/reelmill.v1.JobService/"
_MEDIA = "/reelmill.v1.MediaService/"
_WORKERS = "/reelmill.v1.WorkerService/"
_FILES = "/reelmill.v1.FileService/"
_ACCESS = "/reelmill.v1.AccessService/"

Answer = TypeVar("Answer", bound=Message)
Page = TypeVar("Page", bound=Message)
Item = TypeVar("Item", bound=Message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Generic[Answer]):
    """A request on its way to a method."""

    path: str
    request: Message
    answer: type[Answer]
    repeatable: bool = True
    """Whether a second try does what one would have done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing(Generic[Page, Item]):
    """Pages of items; `page` makes the call for a token, `following` finds the next token or a false value."""

    page: Callable[[Any], Call[Page]]
    items: Callable[[Page], Iterable[Item]]
    following: Callable[[Page], Any]
    start: Any


def create_job(job: jobs.Job, request_id: str | None) -> Call[jobs.Job]:
    """CreateJob. Without a request_id it gets one, so that a repeated call can't make a second job."""
    request = jobs.CreateJobRequest(job=job, request_id=request_id or _new_request_id())
    return Call(path=f"{_JOBS}CreateJob", request=request, answer=jobs.Job)


def batch_create_jobs(
    items: Iterable[jobs.Job], request_ids: Sequence[str] | None
) -> Call[jobs.BatchCreateJobsResponse]:
    """BatchCreateJobs. Raises ValueError unless there are as many request_ids as jobs."""
    new = list(items)
    ids = request_ids or [_new_request_id() for _ in new]
    requests = [jobs.CreateJobRequest(job=job, request_id=key) for job, key in zip(new, ids, strict=True)]
    request = jobs.BatchCreateJobsRequest(requests=requests)
    return Call(path=f"{_JOBS}BatchCreateJobs", request=request, answer=jobs.BatchCreateJobsResponse)


def batch_results(response: jobs.BatchCreateJobsResponse) -> list[jobs.Job | ReelmillError]:
    """Each job, or why it was refused."""
    return [r.job if r.HasField("job") else from_status(r.error) for r in response.results]


def validate_job(job: jobs.Job, full: bool = False) -> Call[jobs.Job]:
    """ValidateJob."""
    request = jobs.ValidateJobRequest(job=job, view=jobs.FULL if full else jobs.JOB_VIEW_UNSPECIFIED)
    return Call(path=f"{_JOBS}ValidateJob", request=request, answer=jobs.Job)


def estimate_job(job: jobs.Job) -> Call[jobs.EstimateJobResponse]:
    """EstimateJob."""
    request = jobs.EstimateJobRequest(job=job)
    return Call(path=f"{_JOBS}EstimateJob", request=request, answer=jobs.EstimateJobResponse)


def get_job(job_id: str, full: bool, signed_urls_seconds: int = 0) -> Call[jobs.Job]:
    """GetJob."""
    view = jobs.FULL if full else jobs.BASIC
    request = jobs.GetJobRequest(id=job_id, view=view, signed_urls_seconds=signed_urls_seconds)
    return Call(path=f"{_JOBS}GetJob", request=request, answer=jobs.Job)


def cancel_job(job_id: str, reason: str) -> Call[jobs.Job]:
    """CancelJob."""
    request = jobs.CancelJobRequest(id=job_id, reason=reason)
    return Call(path=f"{_JOBS}CancelJob", request=request, answer=jobs.Job)


def retry_job(job_id: str) -> Call[jobs.Job]:
    """RetryJob."""
    return Call(path=f"{_JOBS}RetryJob", request=jobs.RetryJobRequest(id=job_id), answer=jobs.Job)


def delete_job(job_id: str) -> Call[jobs.DeleteJobResponse]:
    """DeleteJob."""
    return Call(path=f"{_JOBS}DeleteJob", request=jobs.DeleteJobRequest(id=job_id), answer=jobs.DeleteJobResponse)


def delete_jobs(filter: str) -> Call[jobs.DeleteJobsResponse]:
    """DeleteJobs."""
    return Call(
        path=f"{_JOBS}DeleteJobs", request=jobs.DeleteJobsRequest(filter=filter), answer=jobs.DeleteJobsResponse
    )


def watch_job(job_id: str, after_sequence: int) -> Call[jobs.JobEvent]:
    """WatchJob, which streams its answers."""
    request = jobs.WatchJobRequest(id=job_id, after_sequence=after_sequence)
    return Call(path=f"{_JOBS}WatchJob", request=request, answer=jobs.JobEvent)


def list_jobs(filter: str, page_size: int) -> Listing[jobs.ListJobsResponse, jobs.Job]:
    """ListJobs."""

    def page(token: str) -> Call[jobs.ListJobsResponse]:
        request = jobs.ListJobsRequest(filter=filter, page_size=page_size, page_token=token)
        return Call(path=f"{_JOBS}ListJobs", request=request, answer=jobs.ListJobsResponse)

    return Listing(page=page, items=lambda p: p.jobs, following=lambda p: p.next_page_token, start="")


def job_events(job_id: str, after_sequence: int) -> Listing[jobs.ListJobEventsResponse, jobs.JobEvent]:
    """ListJobEvents."""

    def page(after: int) -> Call[jobs.ListJobEventsResponse]:
        request = jobs.ListJobEventsRequest(id=job_id, after_sequence=after)
        return Call(path=f"{_JOBS}ListJobEvents", request=request, answer=jobs.ListJobEventsResponse)

    return Listing(page=page, items=lambda p: p.events, following=lambda p: p.next_after_sequence, start=after_sequence)


def job_logs(job_id: str, after_sequence: int) -> Listing[jobs.ListJobLogsResponse, jobs.JobLog]:
    """ListJobLogs."""

    def page(after: int) -> Call[jobs.ListJobLogsResponse]:
        request = jobs.ListJobLogsRequest(id=job_id, after_sequence=after)
        return Call(path=f"{_JOBS}ListJobLogs", request=request, answer=jobs.ListJobLogsResponse)

    return Listing(page=page, items=lambda p: p.logs, following=lambda p: p.next_after_sequence, start=after_sequence)


def output_files(job_id: str, output: str) -> Listing[jobs.ListOutputFilesResponse, jobs.OutputFile]:
    """ListOutputFiles."""

    def page(token: str) -> Call[jobs.ListOutputFilesResponse]:
        request = jobs.ListOutputFilesRequest(id=job_id, output=output, page_size=1000, page_token=token)
        return Call(path=f"{_JOBS}ListOutputFiles", request=request, answer=jobs.ListOutputFilesResponse)

    return Listing(page=page, items=lambda p: p.files, following=lambda p: p.next_page_token, start="")


def job_tasks(job_id: str, page_size: int) -> Listing[jobs.ListTasksResponse, jobs.Task]:
    """ListTasks."""

    def page(token: str) -> Call[jobs.ListTasksResponse]:
        request = jobs.ListTasksRequest(id=job_id, page_size=page_size, page_token=token)
        return Call(path=f"{_JOBS}ListTasks", request=request, answer=jobs.ListTasksResponse)

    return Listing(page=page, items=lambda p: p.tasks, following=lambda p: p.next_page_token, start="")


def probe(uri: str) -> Call[media.MediaInfo]:
    """ProbeMedia."""
    return Call(path=f"{_MEDIA}ProbeMedia", request=media.ProbeMediaRequest(uri=uri), answer=media.MediaInfo)


def operations() -> Call[media.ListOperationsResponse]:
    """ListOperations."""
    return Call(
        path=f"{_MEDIA}ListOperations", request=media.ListOperationsRequest(), answer=media.ListOperationsResponse
    )


def presets() -> Call[media.ListPresetsResponse]:
    """ListPresets."""
    return Call(path=f"{_MEDIA}ListPresets", request=media.ListPresetsRequest(), answer=media.ListPresetsResponse)


def sign_upload(name: str, max_bytes: int, lifetime: timedelta | None) -> Call[uploads.SignedUpload]:
    """SignUpload. A repeated one signs a second address, which nobody hears of."""
    request = uploads.SignUploadRequest(name=name, max_bytes=max_bytes)
    if lifetime is not None:
        request.lifetime.FromTimedelta(lifetime)
    return Call(path=f"{_FILES}SignUpload", request=request, answer=uploads.SignedUpload)


def get_preset(name: str) -> Call[media.Preset]:
    """GetPreset."""
    return Call(path=f"{_MEDIA}GetPreset", request=media.GetPresetRequest(name=name), answer=media.Preset)


def save_preset(preset: media.Preset) -> Call[media.Preset]:
    """SavePreset. A second try saves the same, which is no new version."""
    return Call(path=f"{_MEDIA}SavePreset", request=media.SavePresetRequest(preset=preset), answer=media.Preset)


def delete_preset(name: str) -> Call[media.Preset]:
    """DeletePreset."""
    return Call(path=f"{_MEDIA}DeletePreset", request=media.DeletePresetRequest(name=name), answer=media.Preset)


def workers(page_size: int) -> Listing[workers_pb.ListWorkersResponse, workers_pb.Worker]:
    """ListWorkers."""

    def page(token: str) -> Call[workers_pb.ListWorkersResponse]:
        request = workers_pb.ListWorkersRequest(page_size=page_size, page_token=token)
        return Call(path=f"{_WORKERS}ListWorkers", request=request, answer=workers_pb.ListWorkersResponse)

    return Listing(page=page, items=lambda p: p.workers, following=lambda p: p.next_page_token, start="")


def create_key(
    name: str, role: str, *, user: str = "", tenant: str = "", expire_time: datetime | None = None
) -> Call[access.CreateKeyResponse]:
    """CreateKey. `role` is admin, operator, submitter or viewer. Raises ValueError for another."""
    request = access.CreateKeyRequest(name=name, role=role.upper(), user=user, tenant=tenant, expire_time=expire_time)
    return Call(path=f"{_ACCESS}CreateKey", request=request, answer=access.CreateKeyResponse, repeatable=False)


def revoke_key(key_id: str, tenant: str = "") -> Call[access.Key]:
    """RevokeKey."""
    request = access.RevokeKeyRequest(id=key_id, tenant=tenant)
    return Call(path=f"{_ACCESS}RevokeKey", request=request, answer=access.Key)


def rotate_key(
    key_id: str, *, overlap: timedelta | None = None, expire_time: datetime | None = None, tenant: str = ""
) -> Call[access.CreateKeyResponse]:
    """RotateKey."""
    request = access.RotateKeyRequest(id=key_id, overlap=overlap, expire_time=expire_time, tenant=tenant)
    return Call(path=f"{_ACCESS}RotateKey", request=request, answer=access.CreateKeyResponse, repeatable=False)


def create_tenant(name: str) -> Call[access.Tenant]:
    """CreateTenant."""
    request = access.CreateTenantRequest(name=name)
    return Call(path=f"{_ACCESS}CreateTenant", request=request, answer=access.Tenant, repeatable=False)


def list_keys(tenant: str, page_size: int) -> Listing[access.ListKeysResponse, access.Key]:
    """ListKeys."""

    def page(token: str) -> Call[access.ListKeysResponse]:
        request = access.ListKeysRequest(tenant=tenant, page_size=page_size, page_token=token)
        return Call(path=f"{_ACCESS}ListKeys", request=request, answer=access.ListKeysResponse)

    return Listing(page=page, items=lambda p: p.keys, following=lambda p: p.next_page_token, start="")


def list_tenants(page_size: int) -> Listing[access.ListTenantsResponse, access.Tenant]:
    """ListTenants."""

    def page(token: str) -> Call[access.ListTenantsResponse]:
        request = access.ListTenantsRequest(page_size=page_size, page_token=token)
        return Call(path=f"{_ACCESS}ListTenants", request=request, answer=access.ListTenantsResponse)

    return Listing(page=page, items=lambda p: p.tenants, following=lambda p: p.next_page_token, start="")


def audit_events(tenant: str, page_size: int) -> Listing[access.ListAuditEventsResponse, access.AuditEvent]:
    """ListAuditEvents."""

    def page(token: str) -> Call[access.ListAuditEventsResponse]:
        request = access.ListAuditEventsRequest(tenant=tenant, page_size=page_size, page_token=token)
        return Call(path=f"{_ACCESS}ListAuditEvents", request=request, answer=access.ListAuditEventsResponse)

    return Listing(page=page, items=lambda p: p.events, following=lambda p: p.next_page_token, start="")


def _new_request_id() -> str:
    return str(uuid.uuid4())
