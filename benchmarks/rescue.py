"""A worker is killed with -9 in the middle of a job: how long until another runs it."""

import os
import signal
import time
from functools import partial

from benchmarks.peers.reelmill_peer import ReelmillPeer
from benchmarks.report import Report
from benchmarks.rounds import alternate, percentile
from benchmarks.servers import Servers


class HoldingPeer(ReelmillPeer):
    """Its tasks begin and never end."""

    def environment(self) -> dict[str, str]:
        """The executor waits."""
        return super().environment() | {"BENCHMARK_HOLD": "1"}

    def rescue_seconds(self) -> float:
        """From the kill of the worker that runs a task to its next start, elsewhere."""
        self.load(1)
        self.wait_for_runs(1)
        (worker,) = {int(path.name.split("-")[0]) for path in self.counters.iterdir() if any(path.read_bytes())}
        started = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        self.wait_for_runs(2)
        return time.monotonic() - started


def run(servers: Servers, report: Report) -> None:
    """Seconds with default settings, in both set-ups."""

    def contestant(full: bool) -> float:
        with HoldingPeer(servers, full=full) as peer:
            return peer.rescue_seconds()

    contestants = {"full": partial(contestant, True), "postgres": partial(contestant, False)}
    seconds = alternate(contestants, report.rounds, report.round)
    report.head("worker killed with -9: seconds until its job runs again")
    for name, values in seconds.items():
        report.line(name, f"{percentile(values, 50):8.2f}", f"worst {max(values):.2f}")
