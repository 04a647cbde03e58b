"""The states of jobs and tasks, and which may follow which.

The database's triggers enforce the same tables (store/migrations); tests hold the two together.
"""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Phase(StrEnum):
    """What a worker is doing with a PROCESSING job."""

    PROBING = "PROBING"
    TRANSCODING = "TRANSCODING"
    PACKAGING = "PACKAGING"
    UPLOADING = "UPLOADING"


class TaskState(StrEnum):
    """Where a task is in its life."""

    WAITING = "WAITING"  # for tasks it depends on
    DELAYED = "DELAYED"  # until run_at, after a failed attempt
    READY = "READY"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_JOB_STATES = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})

JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.FAILED, JobState.CANCELLED}),
    JobState.PROCESSING: frozenset(JobState),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

_UNSUCCESSFUL = frozenset({TaskState.FAILED, TaskState.CANCELLED})
TASK_TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.WAITING, TaskState.READY}) | _UNSUCCESSFUL,
    TaskState.DELAYED: frozenset({TaskState.DELAYED, TaskState.READY}) | _UNSUCCESSFUL,
    TaskState.READY: frozenset({TaskState.READY, TaskState.RUNNING}) | _UNSUCCESSFUL,
    TaskState.RUNNING: frozenset({TaskState.RUNNING, TaskState.READY, TaskState.DELAYED, TaskState.COMPLETED})
    | _UNSUCCESSFUL,
    TaskState.COMPLETED: frozenset(),
    TaskState.FAILED: frozenset(),
    TaskState.CANCELLED: frozenset(),
}
