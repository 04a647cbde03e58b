"""Rows as values, and a job's row as the API shows it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote
from uuid import UUID

from asyncpg import Record

from reelmill.jobs import secrets
from reelmill.jobs.errors import FULL_ONLY
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.jobs.progress import Part
from reelmill.jobs.states import JobState
from reelmill.jobs.times import without_broken
from reelmill.v1.jobs_pb2 import Job, JobError, JobEvent, OutputFile
from reelmill.v1.messages_pb2 import TaskResult

UNREADABLE, FILES = "fields of another release", "outputs.files"
"""What `omitted` says of a job that was stored larger than any of ours, and of files that a job does not show."""
FILES_SHOWN = 100
"""Files of each output that a job shows; the others are listed in pages."""
_MAX_SPEC_BYTES = 2 * 2**20
_MAX_FILES_BYTES = 12 * 2**20  # of the 16 MiB of a gRPC message


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredJob:
    """A job as it is in the database, and whose it is."""

    tenant_id: UUID
    job: Job
    already: bool = False
    """Whether it was so before the call that answers it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedTask:
    """A task that this worker holds by its fence until the lease ends."""

    id: UUID
    tenant_id: UUID
    kind: str
    fence: int
    attempt: int
    """Claims of this task, less those that were given back."""
    crashes: int
    traceparent: str
    waited_seconds: float
    """From READY to the claim."""
    deadline: datetime | None
    output_prefix: str
    """URI below which this attempt, and no other, writes its outputs."""
    job: Job
    spec: bytes = b""
    """What to do, as its kind has it; empty where the job says all."""
    place: str = DEFAULT_POOL
    """Which workers may run it; see reelmill.jobs.places."""
    part: Part | None = None
    """Its place in a job of several tasks; None: it is the whole."""
    sealed: Job | None = None
    """What was submitted, with its secrets sealed; None where it has none. `job` shows none."""

    @property
    def lease(self) -> "Lease":
        """What proves that a write comes from this holder."""
        return Lease(task_id=self.id, fence=self.fence)

    @property
    def charged_attempts(self) -> int:
        """Attempts that count against the retry policy: worker deaths are counted apart."""
        return max(1, self.attempt - self.crashes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """What proves that a write comes from the task's present holder."""

    task_id: UUID
    fence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """A line of a job's processing log."""

    time: datetime
    level: str
    message: str
    output: str = ""
    command: str = ""


def job_from_row(row: Record, *, full: bool = True) -> Job:
    """The API's Job of a row of `jobs`, without its files and its secrets."""
    job = Job.FromString(row["spec"])
    if secrets.may_be_in(row["spec"]):
        secrets.redact(job)
    if len(row["spec"]) > _MAX_SPEC_BYTES:
        job.DiscardUnknownFields()
        job.omitted.append(UNREADABLE)
    if job.HasField("retry_policy"):
        job.omitted.extend(f"retry_policy.{name}" for name in without_broken(job.retry_policy))
    job.id = str(row["id"])
    job.state = row["state"]
    if row["phase"]:
        job.phase = row["phase"]
    job.attempt = row["attempt"]
    job.version = row["version"]
    if row["error"]:
        job.error.CopyFrom(error_from_bytes(row["error"], full=full))
    for column in ("create_time", "start_time", "end_time", "next_attempt_time", "cancel_time"):
        if row[column] is not None:
            getattr(job, column).FromDatetime(row[column])
    job.published.extend(row["published"] or ())
    if row["retry_of"]:
        job.retry_of = str(row["retry_of"])
    if row["state"] == JobState.COMPLETED:
        job.progress.percent = 100
    return job


def sealed_from_row(row: Record) -> Job | None:
    """What was submitted, with its secrets sealed; None where it has none."""
    if not secrets.may_be_in(row["spec"]):
        return None
    job = Job.FromString(row["spec"])
    return job if secrets.are_in(job) else None


def file_from_row(row: Record) -> OutputFile:
    """The API's OutputFile of a row of `output_files` with its `path`, which older rows have in their URI alone."""
    file = OutputFile.FromString(row["file"])
    file.path = unquote(row["path"])
    return file


def show_files(job: Job, files: Mapping[str, Sequence[OutputFile]], larger: Mapping[str, tuple[int, int]]) -> None:
    """Put the first FILES_SHOWN files of each output into a job.

    `larger`: count and bytes of the outputs that have more than are in `files`.
    """
    if not files and not larger:
        return
    outputs = [(output, files.get(output.name, ())) for output in job.outputs]
    for output, made in outputs:
        counted = len(made), sum(file.size_bytes for file in made)
        output.file_count, output.total_bytes = larger.get(output.name, counted)
        output.reused = any(file.reused_from for file in made)
    room = sum(file.ByteSize() for _, made in outputs for file in made) <= _MAX_FILES_BYTES
    for output, made in outputs if room else ():
        output.files.extend(made[:FILES_SHOWN])
    if any(output.file_count > len(output.files) for output in job.outputs):
        job.omitted.append(FILES)


def show_results(job: Job, results: Iterable[bytes]) -> None:
    """Put what tasks told of outputs into a COMPLETED job: why optional ones are not there, what others found out."""
    outputs = {output.name: output for output in job.outputs}
    for result in results:
        told = TaskResult.FromString(result)
        for error in told.output_errors:
            if error.output in outputs:
                outputs[error.output].error.CopyFrom(error)
        for found in told.findings:
            if (output := outputs.get(found.output)) is not None:
                if found.HasField("result"):
                    output.result.CopyFrom(found.result)
                if found.HasField("measured"):
                    output.measured.CopyFrom(found.measured)


def error_from_bytes(data: bytes, *, full: bool) -> JobError:
    """A stored error; the BASIC view leaves out what is long."""
    error = JobError.FromString(data)
    if not full:
        for name in FULL_ONLY:
            error.ClearField(name)
    return error


def event_from_row(row: Record) -> JobEvent:
    """The API's JobEvent of a row of `job_events`."""
    event = JobEvent(
        sequence=row["seq"],
        job_id=str(row["job_id"]),
        state=row["state"],
        attempt=row["attempt"],
        cancel_requested=row["cancel_requested"],
    )
    if row["phase"]:
        event.phase = row["phase"]
    if row["error"]:
        event.error.CopyFrom(error_from_bytes(row["error"], full=False))
    event.time.FromDatetime(row["time"])
    event.published.extend(row["published"] or ())
    if row["next_attempt_time"]:
        event.next_attempt_time.FromDatetime(row["next_attempt_time"])
    return event
