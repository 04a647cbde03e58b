"""What each step of the pipeline costs, in seconds. How they were measured is in measuring.py."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A cost that grows with the number of rows: `base` + `each` × rows."""

    base: float
    each: float

    def __call__(self, rows: int) -> float:
        return self.base + self.each * rows

    @classmethod
    def through(cls, few: tuple[int, float], many: tuple[int, float]) -> "Line":
        """The line through two points (rows, seconds); never one that falls or begins below 0."""
        each = max(0.0, (many[1] - few[1]) / (many[0] - few[0]))
        return cls(max(0.0, few[1] - each * few[0]), each)


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """CPU seconds, but for those that are called waits."""

    claim: Line
    """PostgreSQL's, of a claim by ids: rows that were claimed."""
    sweep: Line
    """PostgreSQL's, of a sweep over a deep queue: rows that were claimed."""
    empty_sweep: float
    """PostgreSQL's, of a sweep that finds nothing."""
    heartbeat: Line
    """PostgreSQL's: leases."""
    report: float
    """PostgreSQL's, of a phase with one line of log."""
    complete: Line
    """PostgreSQL's: tasks, each with one file."""
    commit_wait: float
    """From a statement's CPU time to its answer: the disk, the network, the client. Holds a connection."""
    relay: Line
    """PostgreSQL's, of a batch of the relay: rows."""
    relay_wait: Line
    """Of a batch of the relay, beyond PostgreSQL's CPU time: Kafka's answer, Python."""
    kafka_message: float
    """The broker's, of a message that comes in by the relay."""
    kafka_member: float
    """The broker's, a second, of a worker that waits: its three group members."""
    status: float
    """Redis', of a status."""
    progress: float
    """Redis', of a progress tick."""
    worker: float
    """A worker process' own, of a job: claim, statuses, phases, completion, start of ffmpeg."""


# 2026-11-24, 2 cores of an Intel Xeon on which nothing else ran: make bench ARGS="capacity"
MEASURED = Costs(
    claim=Line(0.00046, 0.000043),
    sweep=Line(0.00076, 0.00004),
    empty_sweep=0.000125,
    heartbeat=Line(0.00036, 0.000015),
    report=0.0004,
    complete=Line(0.00079, 0.000038),
    commit_wait=0.00033,
    relay=Line(0.00033, 0.0000017),
    relay_wait=Line(0.013, 0.0000037),
    kafka_message=0.0000095,
    kafka_member=0.0014,
    status=0.000031,
    progress=0.000027,
    worker=0.012,
)
