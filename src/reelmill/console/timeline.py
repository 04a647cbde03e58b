"""A job's events → what happened when, attempt by attempt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.console.views import FINAL, seconds_of
from reelmill.v1 import jobs_pb2 as pb

WIDTH = 1000
"""Of a row, in units of the drawing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """From one event to the next."""

    name: str
    """What went on: queued, or a phase."""
    kind: str
    """Chooses its colour."""
    x: float
    width: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """An attempt; 0 is what was before the first."""

    attempt: int
    stretches: tuple[Stretch, ...]
    seconds: float
    error: pb.JobError | None


def rows(events: Sequence[pb.JobEvent], now: float) -> list[Row]:
    """The attempts, in their order, over the time from the first event to the last, or until `now`."""
    if not events:
        return []
    times = [seconds_of(event.time) for event in events]
    end = times[-1] if events[-1].state in FINAL else max(now, times[-1])
    begin, whole = times[0], max(end - times[0], 1e-3)
    by_attempt: dict[int, list[Stretch]] = {}
    errors: dict[int, pb.JobError] = {}
    for i, event in enumerate(events):
        if event.HasField("error"):
            errors[event.attempt] = event.error
        until = times[i + 1] if i + 1 < len(events) else end
        if event.state in FINAL:
            continue
        name, kind = _name(event)
        seconds = max(0.0, until - times[i])
        stretch = Stretch(
            name=name,
            kind=kind,
            x=round((times[i] - begin) / whole * WIDTH, 2),
            width=round(max(seconds / whole * WIDTH, 1.5), 2),
            seconds=seconds,
        )
        by_attempt.setdefault(event.attempt, []).append(stretch)
    attempts = sorted(by_attempt.keys() | errors.keys())
    return [
        Row(
            attempt=attempt,
            stretches=tuple(by_attempt.get(attempt, ())),
            seconds=sum(stretch.seconds for stretch in by_attempt.get(attempt, ())),
            error=errors.get(attempt),
        )
        for attempt in attempts
    ]


def _name(event: pb.JobEvent) -> tuple[str, str]:
    if event.state == pb.Job.QUEUED:
        return "waits for its next attempt" if event.HasField("next_attempt_time") else "waits for a worker", "queued"
    if event.phase == pb.Job.PHASE_UNSPECIFIED:
        return "processing", "processing"
    phase = pb.Job.Phase.Name(event.phase).lower()
    return phase, phase
