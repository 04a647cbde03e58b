"""Capacity: costs are measured, the model is checked against the real system, then it is run large."""

import asyncio
from dataclasses import fields

from benchmarks.capacity import trial
from benchmarks.capacity.costs import MEASURED, Costs
from benchmarks.capacity.measuring import measured
from benchmarks.capacity.model import Outcome, Setup, Simulation
from benchmarks.report import Report
from benchmarks.rounds import percentile
from benchmarks.servers import Servers

_WORKERS = (10, 100, 1000, 10_000)
_SECONDS = {"thumbnail-like": 0.1, "clip-like": 10.0, "film-like": 600.0}
_SHOWN = ("slots", "PostgreSQL", "connections", "relay", "Redis", "Kafka", "workers' Python")


def run(servers: Servers, report: Report) -> None:
    """With the costs as measured now, but for the tables: they use those of costs.py, as docs/scaling.md does."""
    costs = asyncio.run(measured(servers, times=50 if report.quick else 400))
    show(report, costs)
    trial.run(servers, report, costs)
    backlog(report, MEASURED, 2000 if report.quick else 1_000_000)


def show(report: Report, costs: Costs) -> None:
    """A line for each cost."""
    report.head("costs: seconds, or base and each row")
    for field in fields(costs):
        report.line(field.name, repr(getattr(costs, field.name)))


def backlog(report: Report, costs: Costs, jobs: int) -> None:
    """All jobs are queued at the start; as many partitions as workers, and the default number."""
    report.head(f"{jobs:,} queued jobs: jobs/s, share of the ideal, what is busy, the bottleneck")
    for workers in _WORKERS:
        for name, seconds in _SECONDS.items():
            for partitions in (12, workers) if workers > 12 else (12,):
                setup = Setup(workers=workers, job_seconds=seconds, partitions=partitions)
                _row(report, f"{workers} workers, {name}, {partitions}", setup, Simulation(setup, costs, jobs).run())


def _row(report: Report, name: str, setup: Setup, outcome: Outcome) -> None:
    ideal = setup.workers * setup.slots / setup.job_seconds
    use = ", ".join(f"{name} {100 * outcome.use[name]:.0f}%" for name in _SHOWN)
    report.line(
        name,
        f"{outcome.rate:9.2f}",
        f"{100 * outcome.rate / ideal:4.0f}%",
        f"waits p50 {percentile(outcome.waits, 50):.0f} s, last {max(outcome.waits):.0f} s",
        f"statement waits {1000 * outcome.statement_wait:.1f} ms",
        use,
        f"outbox {outcome.outbox}, stale messages {outcome.stale_messages}",
        outcome.bottleneck,
    )
