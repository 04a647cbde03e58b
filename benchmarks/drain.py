"""Drain of tasks that do nothing: what a queue costs by itself, at two worker processes each."""

import statistics
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.peers.base import Peer
from benchmarks.peers.celery_peer import CeleryPeer
from benchmarks.peers.dramatiq_peer import DramatiqPeer
from benchmarks.peers.pgqueuer_peer import PgQueuerPeer
from benchmarks.peers.reelmill_peer import SLOTS, ReelmillPeer
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers

OURS = ("reelmill-full", "reelmill-postgres")
KEYS = "reelmill-full-keys"
PEERS: Mapping[str, Callable[[Servers], Peer]] = {
    "reelmill-full": partial(ReelmillPeer, full=True),
    "reelmill-postgres": partial(ReelmillPeer, full=False),
    KEYS: partial(ReelmillPeer, full=True, keys=True),
    "celery": CeleryPeer,
    "dramatiq": DramatiqPeer,
    "pgqueuer": PgQueuerPeer,
    "pgqueuer-large": partial(PgQueuerPeer, batch_size=SLOTS),
}


def run(servers: Servers, report: Report) -> None:
    """Tasks a second of each, and how many times as many ours do."""
    count = 500 if report.quick else 5000
    cpu: dict[str, dict[str, float]] = {}

    def contestant(name: str) -> float:
        with PEERS[name](servers) as peer:
            seconds, cpu[name] = peer.drain(count)
        return count / seconds

    chosen = [name for name in PEERS if report.wants(name)]
    rates = alternate({name: partial(contestant, name) for name in chosen}, report.rounds, report.round)
    report.head(f"drain of {count} tasks: tasks/s, CPU ms a task by process")
    for name in chosen:
        spent = ", ".join(f"{process} {1000 * used / count:.2f}" for process, used in cpu[name].items())
        report.line(name, f"{statistics.median(rates[name]):8.0f}", spent)
    report.ratios({name: values for name, values in rates.items() if name != KEYS}, OURS)
    if KEYS in rates and "reelmill-full" in rates:
        report.ratios({name: rates[name] for name in (KEYS, "reelmill-full")}, [KEYS])
