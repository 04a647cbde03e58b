"""The cache port. It fails open: where the cache is away, reads miss and writes do nothing.

Nothing here is the truth, so no method raises for a cache that is away; `check` tells health.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from reelmill.jobs.errors import FULL_ONLY
from reelmill.jobs.progress import Part
from reelmill.jobs.states import FINAL_JOB_STATES
from reelmill.v1.jobs_pb2 import Job, JobError

_FINAL = frozenset(Job.State.Value(state) for state in FINAL_JOB_STATES)
CANCELS = "cancels"  # channel on which workers hear that a cancellation was accepted


def job_channel(tenant_id: UUID, job_id: UUID) -> str:
    """The channel that is notified at each new status and progress of a tenant's job."""
    return f"job:{tenant_id}:{job_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A job as the BASIC view shows it, without progress."""

    tenant_id: UUID
    job_id: UUID
    version: int
    final: bool
    job: bytes
    """A serialized reelmill.v1.Job."""
    known_us: int = field(default=0, compare=False)
    """Of a QUEUED job: when this was its status, by the database's clock, in microseconds since 1970; 0: not known.

    Such a status may live long, where somebody looks after it (see Watermark).
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """Up to where somebody has compared a cache with the database. While it lives, long lives are believed.

    A QUEUED job may wait for hours. Its status lives as long, but only where whatever changes the job is certain to
    reach the cache: not by who changes it, for he may die before he tells, but by who compares. He reads what has
    changed since the last time and, in one step, removes what is older and sets the next watermark. Nothing that a
    change went by is told for longer than `status_ttl_seconds`: a watermark lives half of that, and is replaced only
    while it lives, by one whose reading began after it was set. Times are the database's, in microseconds since 1970.
    """

    since_us: int = 0
    """Since when this goes on without a gap: of what was known before, nothing is believed. 0: it only begins."""
    accepts_us: int = 0
    """What was known at this time or later may live long: the next comparison has all that changed after it."""
    state: str = ""
    """What the next comparison needs. It is not read here."""
    token: str = ""
    """Which watermark of the cache this is."""
    age_seconds: float = 0.0
    """For how long it has been there."""


class CacheUnavailable(Exception):
    """The cache can't be reached now; statuses come from the database."""


class Subscription(Protocol):
    """A subscription to a channel."""

    async def wait(self, timeout_seconds: float) -> bool:
        """True as soon as the channel was notified since the last call; False at the timeout."""
        ...


class Cache(Protocol):
    """Statuses, progress and wake-ups. What is kept of a job is its tenant's: under another's id there is nothing."""

    async def start(self) -> None:
        """Connect in the background; returns at once even where the cache is away."""
        ...

    async def stop(self) -> None:
        """Disconnect. Bears being called twice."""
        ...

    async def put(self, statuses: Sequence[Status]) -> None:
        """Keep each status unless one of the same or a later version is there; notify its channel.

        Statuses that are not final live `status_ttl_seconds`, final ones `final_ttl_seconds`; so does that of a job
        that is QUEUED, where the watermark accepts it.
        """
        ...

    async def get(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        """The status, or None where there is none or the cache is away."""
        ...

    async def put_progress(
        self, tenant_id: UUID, job_id: UUID, fence: int, progress: bytes, part: Part | None = None
    ) -> None:
        """Keep a running attempt's serialized reelmill.v1.Progress (briefly) and notify its channel.

        `part`: the task's place in a job of several; None: it is the whole. Of each task a lower fence never replaces
        a higher one.
        """
        ...

    async def get_progress(self, tenant_id: UUID, job_id: UUID) -> bytes | None:
        """The newest progress of the job, or None."""
        ...

    async def watermark(self) -> Watermark | None:
        """The watermark, begun where there was none. None: the cache is away, or keeps nothing unfinished for long."""
        ...

    async def advance(self, before: Watermark, now: Watermark, changed: Sequence[tuple[UUID, UUID, int]]) -> bool:
        """Remove statuses of `changed` (tenant, job, version) that are older, and replace the watermark `before`.

        Answers False, and nothing happened, where another is there by now, or the cache is away.
        """
        ...

    async def get_task_progress(self, tenant_id: UUID, job_id: UUID) -> dict[UUID | None, bytes]:
        """The newest progress of each of the job's tasks; under None that of the only one."""
        ...

    async def notify(self, channel: str) -> None:
        """Wake the subscribers of a channel, in all processes."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a channel while the context is open."""
        ...

    async def check(self) -> None:
        """Raise CacheUnavailable unless the cache answers now."""
        ...


GONE_VERSION = 2**52
"""Of a job that was deleted: above all that a job ever has, and a number that Lua knows exactly."""


def gone(tenant_id: UUID, job_id: UUID) -> Status:
    """What the cache keeps of a job that was deleted: an older status that comes late does not bring it back."""
    job = Job(id=str(job_id)).SerializeToString()
    return Status(tenant_id=tenant_id, job_id=job_id, version=GONE_VERSION, final=True, job=job)


def status_of(tenant_id: UUID, job: Job, *, known_us: int = 0) -> Status:
    """What the cache keeps of a job: the BASIC view, without progress. `known_us`: when it was read (see Status)."""
    if any(error.command or error.stderr_tail or error.reproduction for error in _errors(job)):
        copy = Job()
        copy.CopyFrom(job)
        for error in _errors(copy):
            for name in FULL_ONLY:
                error.ClearField(name)
        job = copy
    if job.state != Job.QUEUED:
        known_us = 0
    elif job.version == 1:  # which it was when it was made, whenever it was read
        known_us = max(known_us, job.create_time.ToMicroseconds())
    return Status(
        tenant_id=tenant_id,
        job_id=UUID(job.id),
        version=job.version,
        final=job.state in _FINAL,
        job=job.SerializeToString(),
        known_us=known_us,
    )


def _errors(job: Job) -> list[JobError]:
    """Those that it has: its own, and those of its outputs."""
    own = [job.error] if job.HasField("error") else []
    return own + [output.error for output in job.outputs if output.HasField("error")]
