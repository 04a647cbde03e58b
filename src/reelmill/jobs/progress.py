"""How far a job of several tasks is: by what each of them told last."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from reelmill.v1.jobs_pb2 import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A task's place in its job, in shares of the job's work from 0 to 1."""

    task_id: UUID
    share: float
    """Of this task."""
    before: float
    """Of what was done when the task began."""


def combined(told: Iterable[tuple[Part, Progress]]) -> Progress:
    """A job's progress: the sum of its tasks', and no less than one of them knows of what was done before it.

    Speeds add up, for tasks run side by side. The time to go is the longest that one of them tells. An output is as far
    as the task that makes it; one that several make, as the job.
    """
    job, told = Progress(), list(told)
    # What was done before the first of them began; whatever ended since has told so itself, unless that was forgotten.
    done, known = 100 * min((part.before for part, _ in told), default=0.0), 0.0
    for part, progress in told:
        own = part.share * progress.percent
        done += own
        known = max(known, 100 * part.before + own)
        if progress.percent < 100:
            job.fps += progress.fps
            job.speed += progress.speed
            if progress.HasField("eta") and progress.eta.ToNanoseconds() > job.eta.ToNanoseconds():
                job.eta.CopyFrom(progress.eta)
    job.percent = round(min(100.0, max(done, known)), 2)
    outputs = {one.output: one for _, progress in told for one in progress.outputs}
    for name in sorted(outputs):
        job.outputs.add().CopyFrom(outputs[name])
        if outputs[name].in_pieces:
            job.outputs[-1].percent = job.percent
    return job
