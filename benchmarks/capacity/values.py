"""What is simulated, and what came of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """A system and its load. Times in seconds."""

    workers: int
    slots: int = 2
    partitions: int = 12
    heartbeat_seconds: float = 2.5
    sweep_seconds: float = 5.0
    relay_seconds: float = 1.0
    schedulers: int = 2
    database_cores: int = 16
    connections: int = 200
    """Of PostgreSQL; a statement waits where all are busy."""
    media: bool = True
    """Whether a job reports its phases; a task that only waits does not."""
    kafka_cores: int = 12
    one_machine: bool = False
    """Whether workers run on PostgreSQL's own cores."""
    job_seconds: float = 10.0
    spread: float = 0.5
    """Jobs take `job_seconds` × (1 ± spread), evenly."""
    queued_seconds: float = math.inf
    """How long jobs that are there at the start have been READY; sweeps leave alone what is young."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of it. Times in seconds, use as a share of the whole."""

    jobs: int
    seconds: float
    """Until the last job's end was recorded."""
    ends: Sequence[int]
    """How often each job ended."""
    waits: Sequence[float]
    """Of each job from its arrival to its claim's answer."""
    mean_running: float
    mean_open: float
    """Jobs that waited or ran."""
    mean_run: float
    """From a claim's answer to the end's record."""
    statement_wait: float
    """Of a statement for a connection and a core, on average."""
    stale_messages: int
    """Messages of tasks that a sweep had taken before."""
    use: Mapping[str, float]
    """By resource: slots, and what may be the bottleneck."""
    outbox: int
    """The most rows that waited for the relay."""

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds

    @property
    def bottleneck(self) -> str:
        """What holds the rate down: slots, where they are busy; else what is busiest; else waits between jobs."""
        others = {name: used for name, used in self.use.items() if name != "slots"}
        busiest = max(others, key=others.__getitem__)
        if others[busiest] >= 0.8:
            return busiest
        return "slots" if self.use["slots"] >= 0.8 else "waits for a sweep"
