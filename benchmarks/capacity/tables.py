"""Capacity: costs are measured, the model is checked against the real system, then it is run large."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields

from benchmarks.capacity import trial
from benchmarks.capacity.costs import MEASURED, Costs
from benchmarks.capacity.measuring import measured
from benchmarks.capacity.model import Simulation
from benchmarks.capacity.values import Outcome, Setup
from benchmarks.report import Report
from benchmarks.rounds import percentile
from benchmarks.servers import Servers

_WORKERS = ((10, 2), (100, 2), (1000, 2), (10_000, 2), (1250, 16))  # and slots
_SECONDS = {"thumbnail-like": 0.1, "clip-like": 10.0, "film-like": 600.0}
_SHOWN = ("slots", "PostgreSQL", "connections", "relay", "Redis", "Kafka", "workers' Python")


def run(servers: Servers, report: Report) -> None:
    """With the costs as measured now, but for the tables: they use those of costs.py, as docs/scaling.md does."""
    costs = asyncio.run(measured(servers, times=50 if report.quick else 400))
    show(report, costs)
    trial.run(servers, report, costs)
    backlog(report, MEASURED, 2000 if report.quick else 1_000_000)
    arrivals(report, MEASURED, 2000 if report.quick else 100_000)


def show(report: Report, costs: Costs) -> None:
    """A line for each cost."""
    report.head("costs: seconds, or base and each row")
    for field in fields(costs):
        report.line(field.name, repr(getattr(costs, field.name)))


def backlog(report: Report, costs: Costs, jobs: int, shapes: Sequence[tuple[int, int]] = _WORKERS) -> None:
    """All jobs are queued at the start; as many partitions as workers, or for the shortest the default."""
    report.head(f"{jobs:,} queued jobs: jobs/s, share of the ideal, what is busy, the bottleneck")
    for workers, slots in shapes:
        for name, seconds in _SECONDS.items():
            for partitions in (12, workers) if workers > 12 and seconds < 1 else (max(12, workers),):
                setup = Setup(workers=workers, slots=slots, job_seconds=seconds, partitions=partitions)
                title = f"{workers} × {slots}, {name}, {partitions} partitions"
                _row(report, title, setup, Simulation(setup, costs, jobs).run())


def arrivals(report: Report, costs: Costs, jobs: int) -> None:
    """Jobs of 10 s that come at random, so many that a share of 200 slots is busy: how long each waits."""
    report.head("waits in seconds: median, p90, p99")
    shapes = ((100, 2, 12, 5.0), (100, 2, 100, 5.0), (100, 2, 1000, 5.0), (100, 2, 100, 1.0), (10, 20, 100, 5.0))
    for workers, slots, partitions, sweep in shapes:
        setup = Setup(workers=workers, slots=slots, partitions=partitions, sweep_seconds=sweep)
        for load in (0.5, 0.8, 0.95):
            outcome = Simulation(setup, costs, jobs, rate=load * workers * slots / setup.job_seconds).run()
            waits = [f"{percentile(outcome.waits, p):7.2f}" for p in (50, 90, 99)]
            name = f"{workers} × {slots}, {partitions} partitions, sweep {sweep:g} s"
            report.line(name, f"{100 * load:.0f}% busy", *waits)


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
