"""From a submitted job to a stored one: check, fill in, store in batches, announce."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat as uuid_utils
from google.api import field_behavior_pb2
from google.protobuf.message import Message

from reelmill.api.validation import violations
from reelmill.batching import Batcher
from reelmill.cache.port import Cache, status_of
from reelmill.jobs.errors import Conflict, InvalidRequest, Violation
from reelmill.jobs.operations import operation_of
from reelmill.media.validate import job_violations, with_defaults
from reelmill.points import reach
from reelmill.relay import Relay
from reelmill.storage.storage import Storage
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.records import StoredJob
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import SUBMITTED
from reelmill.v1.jobs_pb2 import CreateJobRequest, Job

log = get_logger(__name__)
_DEFAULT_PRIORITY = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A job on its way in."""

    job: Job
    key: str = ""
    traceparent: str = ""
    retry_of: UUID | None = None


class Submitter:
    """Takes jobs in. Once `submit` returns, the job is durable."""

    def __init__(self, jobs: JobStore, cache: Cache, storage: Storage, relay: Relay) -> None:
        self._jobs = jobs
        self._cache = cache
        self._storage = storage
        self._relay = relay
        self._batcher: Batcher[NewJob, StoredJob | Conflict] = Batcher(self.store)

    async def submit(self, submission: Submission) -> Job:
        """Check and store one job. Raises InvalidRequest, Conflict, Unavailable."""
        answer = await self._batcher.submit(self.prepare(submission, "job"))
        if isinstance(answer, Conflict):
            raise answer
        return answer.job

    async def submit_batch(
        self, requests: Sequence[CreateJobRequest], traceparent: str
    ) -> list[Job | InvalidRequest | Conflict]:
        """Check each job by itself and store the good ones together. Raises Unavailable."""
        answers: list[Job | InvalidRequest | Conflict | None] = []
        new: list[NewJob] = []
        for i, request in enumerate(requests):
            try:
                submission = Submission(job=request.job, key=request.request_id, traceparent=traceparent)
                if found := violations(request, f"requests[{i}]"):
                    raise InvalidRequest(found)
                new.append(self.prepare(submission, f"requests[{i}].job"))
                answers.append(None)
            except InvalidRequest as error:
                answers.append(error)
        stored = iter(await self.store(new) if new else [])
        return [_unpack(next(stored)) if answer is None else answer for answer in answers]

    def check(self, job: Job, path: str) -> Job:
        """The job with its defaults filled in. Raises InvalidRequest with all violations."""
        found = [*job_violations(job, path), *self._uri_violations(job, path)]
        if job.HasField("deadline") and job.deadline.ToDatetime(tzinfo=UTC) <= datetime.now(UTC):
            found.append(Violation(f"{path}.deadline", "lies in the past"))
        if found:
            raise InvalidRequest(found)
        job = with_defaults(job)
        if not job.HasField("priority"):
            job.priority = _DEFAULT_PRIORITY
        return job

    def prepare(self, submission: Submission, path: str) -> NewJob:
        """Check a job and give it its ids. Its rules were checked before. Raises InvalidRequest."""
        submitted = client_fields(submission.job)
        # Before the defaults: a new default must not turn a repeated request into a conflict.
        fingerprint = (
            hashlib.sha256(submitted.SerializeToString(deterministic=True)).digest() if submission.key else b""
        )
        job = self.check(submitted, path)
        job_id = uuid_utils.uuid7()
        folder = job.destination or self._storage.own("outputs")
        return NewJob(
            id=job_id,
            task_id=uuid_utils.uuid7(),
            job=job,
            output_prefix=f"{folder.rstrip('/')}/{job_id}-",
            key=submission.key,
            fingerprint=fingerprint,
            retry_of=submission.retry_of,
            traceparent=submission.traceparent,
        )

    async def store(self, new: Sequence[NewJob]) -> list[StoredJob | Conflict]:
        """Store jobs in one transaction, then set their status and wake the relay."""
        who = DEFAULT_IDENTITY
        answers = await self._jobs.create(who.tenant_id, who.user_id, new)
        self._relay.nudge()
        await reach("jobs.answering")
        await self._cache.put([status_of(a.tenant_id, a.job) for a in answers if isinstance(a, StoredJob)])
        for item, answer in zip(new, answers, strict=True):
            if isinstance(answer, StoredJob) and answer.job.id == str(item.id):  # not one that its key had made before
                SUBMITTED[operation_of(answer.job)].inc()
                log.info("job accepted", job_id=answer.job.id, trace_id=traces.trace_id(item.traceparent))
        return answers

    def _uri_violations(self, job: Job, path: str) -> list[Violation]:
        found = []
        for i, item in enumerate(job.inputs):
            if problem := self._storage.input_violation(item.uri):
                found.append(Violation(f"{path}.inputs[{i}].uri", problem))
        if job.destination and (problem := self._storage.destination_violation(job.destination)):
            found.append(Violation(f"{path}.destination", problem))
        return found


def client_fields(job: Job) -> Job:
    """A copy without the fields that only the server sets: they are ignored in requests (AIP-203)."""
    copy = Job()
    copy.CopyFrom(job)
    for message in (copy, *copy.outputs):
        for name in _output_only(type(message)):
            message.ClearField(name)
    return copy


def _output_only(kind: type[Message]) -> list[str]:
    if kind not in _OUTPUT_ONLY:
        _OUTPUT_ONLY[kind] = [
            field.name
            for field in kind.DESCRIPTOR.fields
            if field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        ]
    return _OUTPUT_ONLY[kind]


_OUTPUT_ONLY: dict[type[Message], list[str]] = {}


def _unpack(answer: StoredJob | Conflict) -> Job | Conflict:
    return answer if isinstance(answer, Conflict) else answer.job
