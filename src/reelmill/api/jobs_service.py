"""JobService: what clients do with jobs."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from reelmill.announce import Announcer
from reelmill.api.addresses import Addresses
from reelmill.api.errors import to_status
from reelmill.api.estimating import Estimator
from reelmill.api.identity import Identify, calling
from reelmill.api.listing import page_token, parse_filter, parse_page_token, parse_position_token, position_token
from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planner
from reelmill.api.statuses import Statuses
from reelmill.api.submission import Submission, Submitter, client_fields, filled
from reelmill.api.tasks import list_tasks
from reelmill.api.watching import Watches
from reelmill.cache.port import CANCELS, Cache
from reelmill.capacity import off_loop
from reelmill.jobs import secrets
from reelmill.jobs.errors import Conflict, InvalidRequest, NotFound, Violation, WrongState
from reelmill.store.jobs import JobFilter, JobStore
from reelmill.store.records import FILES
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import jobs_pb2_grpc

log = get_logger(__name__)
_LIST_PAGE, _HISTORY_PAGE = 50, 100
_DELETED_AT_ONCE = 100


class JobService(jobs_pb2_grpc.JobServiceServicer):
    """Every method answers from PostgreSQL; GetJob's BASIC view from the cache first."""

    def __init__(
        self,
        jobs: JobStore,
        cache: Cache,
        submitter: Submitter,
        planner: Planner,
        estimator: Estimator,
        outlook: Outlook,
        identify: Identify = calling,
        *,
        lease_seconds: float = 10.0,
        addresses: Addresses | None = None,
    ) -> None:
        """`lease_seconds`: a worker that is not heard of for longer is silent; `addresses` signs those of files."""
        self._jobs = jobs
        self._cache = cache
        self._announcer = Announcer(cache)
        self._statuses = Statuses(jobs, cache)
        self._submitter = submitter
        self._planner = planner
        self._estimator = estimator
        self._outlook = outlook
        self._identify = identify
        self._addresses = addresses
        self._silent_after = timedelta(seconds=lease_seconds)
        self._watches = Watches(jobs, self._statuses, cache, outlook.queue)

    async def CreateJob(self, request: pb.CreateJobRequest, context: Any) -> pb.Job:
        """Store a job."""
        submission = Submission(job=request.job, key=request.request_id, traceparent=_traceparent(context))
        return await self._submitter.submit(self._identify(context), submission)

    async def BatchCreateJobs(self, request: pb.BatchCreateJobsRequest, context: Any) -> pb.BatchCreateJobsResponse:
        """Store jobs, each accepted or refused by itself."""
        answers = await self._submitter.submit_batch(self._identify(context), request, _traceparent(context))
        return await off_loop(request.ByteSize(), _results, answers)

    async def ValidateJob(self, request: pb.ValidateJobRequest, context: Any) -> pb.Job:
        """Check a job and store nothing; with view FULL, tell what it would run."""
        job = filled(client_fields(request.job))
        if request.view == pb.FULL:
            await self._planner.tell(self._identify(context).tenant_id, job)
        secrets.redact(job)
        return job

    async def EstimateJob(self, request: pb.EstimateJobRequest, context: Any) -> pb.EstimateJobResponse:
        """Tell what a job would take, and store nothing."""
        return await self._estimator.estimate(self._identify(context).tenant_id, filled(client_fields(request.job)))

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        """Answer a job."""
        tenant_id = self._identify(context).tenant_id
        job_id = _job_id(request.id)
        if request.view == pb.FULL:
            job = await self._jobs.get(tenant_id, job_id)
            await self._statuses.tell(tenant_id, [job])
            if job.state == pb.Job.COMPLETED:
                job.receipts.extend(await self._jobs.receipts(tenant_id, job_id))
        else:
            job = await self._statuses.get(tenant_id, job_id)
        if job.state == pb.Job.PROCESSING and (progress := await self._cache.get_progress(tenant_id, job_id)):
            job.progress.MergeFromString(progress)
        elif job.state == pb.Job.QUEUED and (queue := await self._outlook.queue(job)):
            job.queue.CopyFrom(queue)
        if request.signed_urls_seconds and self._addresses:
            job = await self._addresses.with_files(job, seconds=request.signed_urls_seconds)
        return job

    async def ListJobs(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        """Answer a page of jobs."""
        who = self._identify(context)
        tenant_id, size = who.tenant_id, request.page_size or _LIST_PAGE
        wanted = replace(parse_filter(request.filter), user_id=who.user_id if who.own_only else None)
        jobs = await self._jobs.page(tenant_id, wanted, before=parse_page_token(request.page_token), limit=size)
        await self._statuses.tell(tenant_id, jobs)
        more = page_token(jobs[-1].id) if jobs.more else ""
        return pb.ListJobsResponse(jobs=jobs, next_page_token=more)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Any) -> pb.Job:
        """Record a cancellation and tell the workers."""
        tenant_id = self._identify(context).tenant_id
        stored = await self._jobs.cancel(tenant_id, _job_id(request.id), request.reason)
        log.info("cancellation accepted", job_id=stored.job.id)
        await self._announcer.changed([stored])
        await self._statuses.tell(tenant_id, [stored.job])
        await self._cache.notify(CANCELS)
        return stored.job

    async def RetryJob(self, request: pb.RetryJobRequest, context: Any) -> pb.Job:
        """Submit a job's content again."""
        who = self._identify(context)
        job_id = _job_id(request.id)
        if again := await self._jobs.get_retry(who.tenant_id, job_id):
            return again
        job = await self._jobs.get(who.tenant_id, job_id)
        if job.state not in (pb.Job.FAILED, pb.Job.CANCELLED):
            raise WrongState(
                f"job {job_id} is {pb.Job.State.Name(job.state)}; only FAILED and CANCELLED jobs are retried"
            )
        if set(job.omitted) - {FILES}:
            raise WrongState(f"job {job_id} has parts that this release can't read: {', '.join(job.omitted)}")
        job.ClearField("deadline")  # it would have passed
        if sealed := await self._jobs.sealed(who.tenant_id, job_id):
            del job.inputs[:], job.outputs[:]
            job.inputs.extend(sealed.inputs)
            job.outputs.extend(sealed.outputs)
        if found := self._submitter.checks.of(who.tenant_id).job(client_fields(job), "job"):
            raise InvalidRequest(found)
        submission = Submission(job=job, retry_of=job_id, traceparent=_traceparent(context))
        owner = replace(who, user_id=await self._jobs.owner(who.tenant_id, job_id) or who.user_id)  # whoever retries it
        try:
            [answer] = await self._submitter.store(owner, [self._submitter.prepare(owner, submission)])
        except asyncpg.UniqueViolationError:  # another call came first
            again = await self._jobs.get_retry(who.tenant_id, job_id)
            assert again
            return again
        assert not isinstance(answer, Exception)
        return answer.job

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Any) -> pb.DeleteJobResponse:
        """Delete a final job."""
        tenant_id, job_id = self._identify(context).tenant_id, _job_id(request.id)
        await self._jobs.delete(tenant_id, job_id, own_storage=self._submitter.own_storage)
        await self._statuses.forget(tenant_id, [job_id])
        log.info("job deleted", job_id=str(job_id))
        return pb.DeleteJobResponse()

    async def DeleteJobs(self, request: pb.DeleteJobsRequest, context: Any) -> pb.DeleteJobsResponse:
        """Delete final jobs that a filter names."""
        tenant_id, wanted = self._identify(context).tenant_id, parse_filter(request.filter)
        if wanted == JobFilter():
            raise InvalidRequest([Violation("filter", "names all jobs: say which, by state, labels or create_time")])
        own, limit = self._submitter.own_storage, _DELETED_AT_ONCE
        gone = await self._jobs.delete_some(tenant_id, wanted, own_storage=own, limit=limit)
        await self._statuses.forget(tenant_id, gone)
        log.info("jobs deleted", count=len(gone), filter=request.filter)
        return pb.DeleteJobsResponse(deleted=len(gone), more=len(gone) == limit)

    def WatchJob(self, request: pb.WatchJobRequest, context: Any) -> AsyncGenerator[pb.JobEvent]:
        """Stream events until the final one."""
        return self._watches.watch(self._identify(context).tenant_id, _job_id(request.id), request.after_sequence)

    async def ListJobEvents(self, request: pb.ListJobEventsRequest, context: Any) -> pb.ListJobEventsResponse:
        """Answer a page of events."""
        tenant_id = self._identify(context).tenant_id
        job_id, size = _job_id(request.id), request.page_size or _HISTORY_PAGE
        events = await self._jobs.events(tenant_id, job_id, after=request.after_sequence, limit=size)
        if not events:
            await self._jobs.get(tenant_id, job_id)
        more = events[-1].sequence if events.more else 0
        return pb.ListJobEventsResponse(events=events, next_after_sequence=more)

    async def ListJobLogs(self, request: pb.ListJobLogsRequest, context: Any) -> pb.ListJobLogsResponse:
        """Answer a page of the processing log."""
        tenant_id = self._identify(context).tenant_id
        job_id, size = _job_id(request.id), request.page_size or _HISTORY_PAGE
        logs = await self._jobs.logs(tenant_id, job_id, after=request.after_sequence, limit=size)
        if not logs:
            await self._jobs.get(tenant_id, job_id)
        more = logs[-1].sequence if logs.more else 0
        return pb.ListJobLogsResponse(logs=logs, next_after_sequence=more)

    async def ListOutputFiles(self, request: pb.ListOutputFilesRequest, context: Any) -> pb.ListOutputFilesResponse:
        """Answer a page of an output's files, or the one at a path."""
        tenant_id = self._identify(context).tenant_id
        job_id, size, more = _job_id(request.id), request.page_size or _HISTORY_PAGE, ""
        if request.path:
            found = await self._jobs.output_file(tenant_id, job_id, request.output, request.path)
            files = [found.file] if found else []
        else:
            after = parse_position_token(request.page_token)
            page = await self._jobs.output_files(tenant_id, job_id, request.output, after=after, limit=size)
            files = [made.file for made in page]
            more = position_token(page[-1].position) if page.more else ""
        if not files:
            names = [output.name for output in (await self._statuses.get(tenant_id, job_id)).outputs]
            if request.output not in names:
                listed = ", ".join(names)
                raise NotFound(f"job {job_id} has no output {request.output!r}; its outputs: {listed}")
        if request.signed_urls_seconds and self._addresses:
            await self._addresses.put(files, seconds=request.signed_urls_seconds)
        return pb.ListOutputFilesResponse(files=files, next_page_token=more)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        """Answer a page of a job's tasks."""
        tenant_id = self._identify(context).tenant_id
        return await list_tasks(self._jobs, self._cache, tenant_id, _job_id(request.id), request, self._silent_after)


def _results(answers: Sequence[pb.Job | InvalidRequest | Conflict]) -> pb.BatchCreateJobsResponse:
    response = pb.BatchCreateJobsResponse()
    for answer in answers:
        if isinstance(answer, pb.Job):
            response.results.add(job=answer)
        else:
            response.results.add(error=to_status(answer))
    return response


def _job_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(f"there is no job {text!r}: a job's id is a UUID") from error


def _traceparent(context: Any) -> str:
    return traces.traceparent(traces.received(context.invocation_metadata() or ()))
