"""From a submitted job to a stored one: check, fill in, store in batches, announce."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from uuid import UUID

import uuid_utils.compat as uuid_utils
from google.protobuf.descriptor import Descriptor

from reelmill.announce import Announcer
from reelmill.api.checks import Checks
from reelmill.api.presets import known
from reelmill.batching import Batcher
from reelmill.cache.port import Cache
from reelmill.capacity import off_loop
from reelmill.jobs import secrets
from reelmill.jobs.errors import Conflict, InvalidRequest
from reelmill.jobs.operations import operation_of
from reelmill.jobs.rules import output_only
from reelmill.media.validate import with_defaults
from reelmill.points import reach
from reelmill.relay import Relay
from reelmill.sealing import Keys
from reelmill.storage.storage import Storage
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.records import StoredJob
from reelmill.store.tenancy import Identity
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import SUBMITTED
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest, Job

log = get_logger(__name__)
_DEFAULT_PRIORITY = 50
_MOST_BATCHERS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A job on its way in."""

    job: Job
    key: str = ""
    traceparent: str = ""
    retry_of: UUID | None = None


class Submitter:
    """Takes jobs in. Once `submit` returns, the job is durable."""

    def __init__(
        self, jobs: JobStore, cache: Cache, storage: Storage, relay: Relay, *, keys: Keys | None = None
    ) -> None:
        """`keys` seal jobs' secrets, and those of their webhooks; None: jobs have none."""
        self.checks = Checks(storage, seals=keys is not None)
        self._keys = keys
        self._jobs = jobs
        self._announcer = Announcer(cache)
        self._storage = storage
        self._relay = relay
        # One for each who calls: a batch is one transaction, and keys of two tenants never meet in it.
        self._batchers: OrderedDict[Identity, Batcher[NewJob, StoredJob | Conflict]] = OrderedDict()

    @property
    def own_storage(self) -> str:
        """URI of our own storage."""
        return self._storage.own("")

    async def submit(self, who: Identity, submission: Submission) -> Job:
        """Store one job, which was checked. Raises Conflict, Unavailable."""
        size = submission.job.ByteSize()
        new = await off_loop(size, self.prepare, who, submission)
        answer = await self._batcher(who).submit(new)
        if isinstance(answer, Conflict):
            raise answer
        return answer.job

    async def submit_batch(
        self, who: Identity, request: BatchCreateJobsRequest, traceparent: str
    ) -> list[Job | InvalidRequest | Conflict]:
        """Check each job by itself and store the good ones together. Raises Unavailable."""
        prepared = await off_loop(request.ByteSize(), self._prepare_all, who, request, traceparent)
        new = [item for item in prepared if isinstance(item, NewJob)]
        stored = iter(await self.store(who, new) if new else [])
        return [_unpack(next(stored)) if isinstance(item, NewJob) else item for item in prepared]

    def _batcher(self, who: Identity) -> Batcher[NewJob, StoredJob | Conflict]:
        if who not in self._batchers:
            self._batchers[who] = Batcher(partial(self.store, who))
            if len(self._batchers) > _MOST_BATCHERS:
                self._batchers.popitem(last=False)  # who waits in it has it, too
        return self._batchers[who]

    def _prepare_all(
        self, who: Identity, request: BatchCreateJobsRequest, traceparent: str
    ) -> list[NewJob | InvalidRequest]:
        prepared: list[NewJob | InvalidRequest] = []
        for item, found in zip(request.requests, self.checks.of(who.tenant_id).items(request.requests), strict=True):
            if found:
                prepared.append(InvalidRequest(found))
            else:
                submission = Submission(job=item.job, key=item.request_id, traceparent=traceparent)
                prepared.append(self.prepare(who, submission))
        return prepared

    def prepare(self, who: Identity, submission: Submission) -> NewJob:
        """Give a job, which was checked, its defaults and its ids."""
        submitted = client_fields(submission.job)
        # Before the defaults: a new default must not turn a repeated request into a conflict.
        fingerprint = self._fingerprint(submitted) if submission.key else b""
        job = filled(submitted)
        if submission.retry_of:  # what it tries again was asked for by them
            for output, before in zip(job.outputs, submission.job.outputs, strict=True):
                output.from_preset = before.from_preset
        else:  # what is tried again has them sealed
            self._seal(who, job)
        job_id = uuid_utils.uuid7()
        folder = job.destination or self._storage.of(who.tenant_id).outputs()
        return NewJob(
            id=job_id,
            task_id=uuid_utils.uuid7(),
            job=job,
            output_prefix=f"{folder.rstrip('/')}/{job_id}-",
            key=submission.key,
            key_user=who.user_id if who.own_only else None,
            fingerprint=fingerprint,
            retry_of=submission.retry_of,
            traceparent=submission.traceparent,
        )

    def _fingerprint(self, submitted: Job) -> bytes:
        """By which a request is known again. Where it has secrets nobody can try out what they are."""
        data = submitted.SerializeToString(deterministic=True)
        if self._keys is None or not secrets.are_in(submitted):
            return hashlib.sha256(data).digest()
        *_, oldest = self._keys.derived("fingerprints").values()  # a new key comes before it
        return hmac.digest(oldest, data, "sha256")

    def _seal(self, who: Identity, job: Job) -> None:
        if secrets.are_in(job):
            assert self._keys is not None, "the checks refuse secrets that nobody can seal"
            secrets.seal(job, partial(self._keys.seal, purpose=secrets.purpose(who.tenant_id)))

    async def store(self, who: Identity, new: Sequence[NewJob]) -> list[StoredJob | Conflict]:
        """Store somebody's jobs in one transaction, then set their status and wake the relay."""
        answers = await self._jobs.create(who.tenant_id, who.user_id, new)
        self._relay.nudge()
        await reach("jobs.answering")
        await self._announcer.changed([answer for answer in answers if isinstance(answer, StoredJob)])
        for item, answer in zip(new, answers, strict=True):
            if isinstance(answer, StoredJob) and not answer.already:  # one that its key had made before
                SUBMITTED[operation_of(answer.job)].inc()
                log.info("job accepted", job_id=answer.job.id, trace_id=traces.trace_id(item.traceparent))
        return answers


def filled(job: Job) -> Job:
    """A job with its defaults."""
    job = with_defaults(job, known().by_reference)
    if not job.HasField("priority"):
        job.priority = _DEFAULT_PRIORITY
    return job


def client_fields(job: Job) -> Job:
    """A copy without the fields that only the server sets: they are ignored in requests (AIP-203)."""
    copy = Job()
    copy.CopyFrom(job)
    for message in (copy, *copy.outputs):
        for name in _output_only(message.DESCRIPTOR):
            message.ClearField(name)
    return copy


@cache
def _output_only(descriptor: Descriptor) -> tuple[str, ...]:
    return tuple(field.name for field in descriptor.fields if output_only(field))


def _unpack(answer: StoredJob | Conflict) -> Job | Conflict:
    return answer if isinstance(answer, Conflict) else answer.job
