"""How far a job of several tasks is: by what each of them told last."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from reelmill.jobs.measures import Range
from reelmill.v1.jobs_pb2 import Progress, Queue

MOST_SECONDS = 1e9
"""The longest that is told."""
_UNEVEN = 1.5
"""Times what a task that waits is reckoned to take, within which it is taken to lie."""


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

    Speeds add up, for tasks run side by side. The time to go is the longest that one of them tells; or, where others
    wait, what is left of all by the pace of those that run. An output is as far as the task that makes it; one that
    several make, as the job.
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
    job.percent = round(min(100.0, max(done, known)), 2)
    outputs = {one.output: one for _, progress in told for one in progress.outputs}
    for name in sorted(outputs):
        job.outputs.add().CopyFrom(outputs[name])
        if outputs[name].in_pieces:
            job.outputs[-1].percent = job.percent
    _tell_eta(job, [(part.share * (1 - one.percent / 100), one) for part, one in told])
    return job


def tell_range(message: Progress | Queue, name: str, seconds: Range) -> None:
    """Set the three Durations of a message: `name`, with _earliest and with _latest."""
    for field, value in ((f"{name}_earliest", seconds.least), (name, seconds.likely), (f"{name}_latest", seconds.most)):
        getattr(message, field).FromMilliseconds(round(min(value, MOST_SECONDS) * 1000))


def aged(progress: Progress, seconds: float) -> None:
    """So much time has passed since a progress was told."""
    for field in ("eta_earliest", "eta", "eta_latest"):
        if progress.HasField(field):
            left = _seconds(getattr(progress, field)) - seconds
            getattr(progress, field).FromMilliseconds(max(0, round(left * 1000)))


def _tell_eta(job: Progress, running: list[tuple[float, Progress]]) -> None:
    """Tell a job's time to go; `running`: the share of the job that each task has left, and what it told."""
    running = [(left, progress) for left, progress in running if progress.HasField("eta")]
    if not running:
        return
    waits = max(0.0, 1 - job.percent / 100 - sum(left for left, _ in running))
    least, likely, most = (
        _longest(running, field, waits * factor)
        for field, factor in (("eta_earliest", 1 / _UNEVEN), ("eta", 1.0), ("eta_latest", _UNEVEN))
    )
    # A worker of a release before tells no range.
    tell_range(job, "eta", Range(least=min(least, likely), likely=likely, most=max(likely, most)))


def _longest(running: list[tuple[float, Progress]], field: str, waits: float) -> float:
    """Seconds until all is done, where tasks take over from those that run, at the same pace."""
    times = [(left, _seconds(getattr(progress, field)) or _seconds(progress.eta)) for left, progress in running]
    longest = max(seconds for _, seconds in times)
    pace = sum(left / seconds for left, seconds in times if seconds > 0)
    return max(longest, (sum(left for left, _ in times) + waits) / pace) if waits > 1e-6 and pace > 0 else longest


def _seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9
