"""The model beside the real system: workers' processes whose tasks only wait, on the same machine."""

import os
import statistics
from dataclasses import dataclass, replace

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.model import Simulation
from benchmarks.capacity.values import Setup
from benchmarks.peers.base import WARM_UP
from benchmarks.peers.reelmill_peer import ReelmillPeer
from benchmarks.report import Report
from benchmarks.rounds import percentile
from benchmarks.servers import Servers


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """So many jobs, all queued at the start."""

    workers: int
    slots: int = 4
    seconds: float = 0.2
    partitions: int = 12
    jobs: int

    @property
    def name(self) -> str:
        """For a table."""
        each = f"{self.workers} × {self.slots} slots, {self.seconds:g} s"
        return f"{each}, {self.partitions} partition{'s' * (self.partitions > 1)}"


TRIALS = (
    Trial(workers=1, jobs=200),
    Trial(workers=2, jobs=400),
    Trial(workers=4, jobs=800),
    Trial(workers=4, partitions=1, jobs=400),
    Trial(workers=2, slots=200, seconds=0, jobs=5000),
)


class WaitingPeer(ReelmillPeer):
    """The full set-up, with tasks that wait."""

    def __init__(self, servers: Servers, trial: Trial) -> None:
        self._trial = trial
        super().__init__(servers, full=True, slots=trial.slots, workers=trial.workers, partitions=trial.partitions)

    def environment(self) -> dict[str, str]:
        """How long each waits; sweeps as in the model."""
        waits, sweeps = self._trial.seconds, _setup(self._trial).sweep_seconds
        return super().environment() | {"BENCHMARK_SECONDS": str(waits), "REELMILL_SWEEP_SECONDS": str(sweeps)}

    def waits(self, rate: float, jobs: int) -> list[float]:
        """Seconds from the submission to the claim, of jobs that come at random, `rate` a second."""
        self.load(WARM_UP)
        self.finish(WARM_UP)
        self.settle()
        self.arrive(rate, jobs)
        self.finish(WARM_UP + jobs)
        return self.claim_waits()[WARM_UP:]


def run(servers: Servers, report: Report, costs: Costs) -> None:
    """The seconds that each takes, the model's and the real ones, and their ratio."""
    # A worker's own work here is that of the last trial, whose tasks do nothing.
    real = {trial: [_real(servers, report, trial) for _ in range(report.rounds)] for trial in TRIALS}
    own = percentile([cpu for _, cpu in real[TRIALS[-1]]], 50)
    report.head("the model beside the real system: seconds, model's and real, ratio")
    for trial, found in real.items():
        seconds = percentile([s for s, _ in found], 50)
        expected = modelled(trial, replace(costs, worker=own))
        report.line(trial.name, f"{expected:7.2f}", f"{seconds:7.2f}", f"{expected / seconds:6.2f} ×")

    arrivals(servers, report, costs)


def arrivals(servers: Servers, report: Report, costs: Costs) -> None:
    """Jobs that come at random, for 60% of the slots: their waits, the model's and the real ones."""
    trial = Trial(workers=4, slots=1, seconds=1, partitions=4, jobs=20 if report.quick else 200)
    rate = 0.6 * trial.workers * trial.slots / trial.seconds
    with WaitingPeer(servers, trial) as peer:
        real = peer.waits(rate, trial.jobs)
    expected = Simulation(_setup(trial), costs, 20_000, rate=rate).run().waits
    report.head(f"{trial.name}, 60% busy: waits, the model's and the real ones, in seconds")
    for percent in (50, 90):
        ours, theirs = percentile(expected, percent), percentile(real, percent)
        report.line(f"p{percent}", f"{ours:7.2f}", f"{theirs:7.2f}")
    report.line("mean", f"{statistics.fmean(expected):7.2f}", f"{statistics.fmean(real):7.2f}")


def _real(servers: Servers, report: Report, trial: Trial) -> tuple[float, float]:
    """Seconds of a drain, and a worker's CPU seconds a job."""
    with WaitingPeer(servers, trial) as peer:
        seconds, cpu = peer.drain(trial.jobs)
    report.round(trial.name, seconds)
    return seconds, cpu["workers"] / trial.jobs


def modelled(trial: Trial, costs: Costs) -> float:
    """Seconds of the same drain by the model."""
    return Simulation(_setup(trial), costs, trial.jobs).run().seconds


def _setup(trial: Trial) -> Setup:
    """All on one machine like this one."""
    return Setup(
        workers=trial.workers,
        slots=trial.slots,
        partitions=trial.partitions,
        schedulers=1,
        database_cores=os.cpu_count() or 1,
        media=False,
        one_machine=True,
        job_seconds=trial.seconds,
        queued_seconds=0,
    )
