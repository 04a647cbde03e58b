"""The capacity model keeps its jobs, and agrees with what queueing theory knows. Nothing here is timed."""

import math
import statistics
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from effort import some_or_all

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no part of the package

from benchmarks.capacity.costs import MEASURED, Costs, Line
from benchmarks.capacity.model import Simulation
from benchmarks.capacity.values import Outcome, Setup

NONE = Line(0, 0)
FREE = Costs(
    claim=NONE,
    sweep=NONE,
    empty_sweep=0,
    heartbeat=NONE,
    report=0,
    complete=NONE,
    commit_wait=0,
    relay=NONE,
    relay_wait=NONE,
    kafka_message=0,
    kafka_member=0,
    status=0,
    progress=0,
    worker=0,
)
BARE = Setup(workers=1, slots=1, media=False, job_seconds=1, spread=0)
SMALL = Setup(workers=20, job_seconds=0.5)


def outcome(setup: Setup, costs: Costs = MEASURED, jobs: int = 2000, rate: float | None = None) -> Outcome:
    return Simulation(setup, costs, jobs, rate=rate).run()


@pytest.mark.parametrize("rate", [None, 40.0])
@pytest.mark.parametrize("partitions", [1, 20, 50])
def test_every_job_ends_once(partitions: int, rate: float | None) -> None:
    found = outcome(replace(SMALL, partitions=partitions), rate=rate)
    assert Counter(found.ends) == {1: 2000}
    assert min(found.waits) >= 0


@pytest.mark.parametrize("rate", [None, 30.0, 70.0])
def test_littles_law_holds(rate: float | None) -> None:
    found = outcome(SMALL, rate=rate)
    assert found.mean_open == pytest.approx(found.rate * (statistics.fmean(found.waits) + found.mean_run))
    assert found.mean_running == pytest.approx(found.rate * found.mean_run)


@pytest.mark.parametrize("load", some_or_all([0.3, 0.6, 0.8], 0.8))
def test_one_slot_waits_as_an_m_d_1_queue(load: float) -> None:
    found = outcome(BARE, FREE, jobs=20_000, rate=load)
    assert statistics.fmean(found.waits) == pytest.approx(load / (2 * (1 - load)), rel=0.07)


@pytest.mark.parametrize("slots", some_or_all([3, 8], 3))
def test_the_slots_of_one_worker_wait_as_an_m_d_c_queue(slots: int) -> None:
    load = 0.8
    offered = load * slots
    blocked = 1.0  # Erlang B, by its recursion
    for n in range(1, slots + 1):
        blocked = offered * blocked / (n + offered * blocked)
    exponential = blocked / (1 - load * (1 - blocked)) / (slots * (1 - load))  # Erlang C: the wait of M/M/c
    # Cosmetatos' approximation of M/D/c, good to about 2%.
    more = (1 - load) * (slots - 1) * (math.sqrt(4 + 5 * slots) - 2) / (16 * load * slots)
    found = outcome(replace(BARE, slots=slots), FREE, jobs=60_000, rate=offered)
    assert statistics.fmean(found.waits) == pytest.approx(exponential / 2 * (1 + more), rel=0.12)


@pytest.mark.parametrize("workers", [1, 7, 100])
def test_without_costs_every_slot_is_busy_all_the_time(workers: int) -> None:
    setup = replace(BARE, workers=workers, slots=2, partitions=workers)
    found = outcome(setup, FREE, jobs=200 * workers)
    assert found.rate == pytest.approx(2 * workers, rel=0.1)
    assert found.bottleneck == "slots"


def test_workers_without_a_partition_live_by_sweeps() -> None:
    found = outcome(replace(BARE, workers=50, partitions=5), FREE, jobs=2000)
    assert found.rate > 0.8 * 50  # a sweep that filled all slots is followed by the next


def test_short_jobs_come_no_faster_than_the_databases_cores_let_them() -> None:
    setup = replace(SMALL, workers=400, partitions=400, job_seconds=0.01, database_cores=2)
    found = outcome(setup, jobs=5000)
    each = MEASURED.claim.each + MEASURED.complete.each + 3 * MEASURED.report  # and the bases, shared by few
    assert found.rate < 2 / each
    assert found.use["PostgreSQL"] == pytest.approx(1, abs=0.1)
    assert found.bottleneck == "PostgreSQL"


def test_a_single_connection_lets_one_statement_at_a_time_through() -> None:
    costs = replace(FREE, claim=Line(0.01, 0), sweep=Line(0.01, 0), complete=Line(0.01, 0), commit_wait=0.04)
    setup = replace(BARE, workers=10, partitions=10, job_seconds=0.001, connections=1)
    found = outcome(setup, costs, jobs=500)
    assert found.rate < 1 / 0.1
    assert found.use["connections"] == pytest.approx(1, rel=0.02)
    assert found.bottleneck == "connections"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (replace(SMALL, workers=40), SMALL),
        (replace(SMALL, slots=4), SMALL),
        (replace(SMALL, job_seconds=0.1), SMALL),
        (replace(SMALL, job_seconds=0.01, database_cores=4), replace(SMALL, job_seconds=0.01, database_cores=1)),
        (replace(SMALL, job_seconds=0.01, connections=50), replace(SMALL, job_seconds=0.01, connections=2)),
    ],
)
def test_more_of_anything_is_never_slower(better: Setup, worse: Setup) -> None:
    assert outcome(better).rate > outcome(worse).rate


def test_dearer_statements_are_never_faster() -> None:
    setup = replace(SMALL, workers=100, partitions=100, job_seconds=0.01, database_cores=2)
    dear = replace(MEASURED, report=2 * MEASURED.report)
    assert outcome(setup, dear).rate < outcome(setup).rate


def test_heartbeats_that_take_half_of_the_cores_halve_the_rest() -> None:
    costs = replace(FREE, complete=Line(0.05, 0))
    setup = replace(BARE, workers=100, partitions=100, job_seconds=0.1, database_cores=1, heartbeat_seconds=1)
    beats = replace(costs, heartbeat=Line(0.005, 0))  # 100 workers, each once a second
    assert outcome(setup, beats).rate == pytest.approx(outcome(setup, costs).rate / 2, rel=0.1)


def test_a_line_goes_through_its_points_and_never_falls() -> None:
    line = Line.through((1, 3.0), (11, 8.0))
    assert (line(1), line(11)) == (3.0, 8.0)
    assert Line.through((1, 3.0), (11, 2.0)) == Line(3.0, 0.0)
