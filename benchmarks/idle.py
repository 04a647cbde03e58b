"""What a worker on Kafka costs that has nothing to do: CPU of a core, and by which of its threads."""

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks import system
from benchmarks.report import Report
from benchmarks.servers import Servers, cpu_seconds

_WORKERS = 3
_SHOWN = 8
_QUIET_SECONDS = 15.0  # after which members have joined, and pools closed what the start opened


def run(servers: Servers, report: Report) -> None:
    """Percent of a core that an idle worker takes, each round over 20 s."""
    seconds = 3.0 if report.quick else 20.0
    percents: list[float] = []
    with system.full(servers, workers=_WORKERS) as running:
        workers = running.pids[2:]
        time.sleep(_QUIET_SECONDS)
        threads: dict[str, float] = {}
        for _ in range(report.rounds):
            used, by_thread, began = sum(map(cpu_seconds, workers)), _threads(workers), time.monotonic()
            time.sleep(seconds)
            passed = (time.monotonic() - began) * len(workers)
            percents.append(100 * (sum(map(cpu_seconds, workers)) - used) / passed)
            threads = {
                name: 100 * (after - by_thread.get(name, 0)) / passed for name, after in _threads(workers).items()
            }
            report.round("idle", percents[-1])
    report.head(f"{_WORKERS} idle workers on Kafka: percent of a core that one takes")
    report.line("a worker", f"{statistics.median(percents):.2f}", f"{min(percents):.2f} to {max(percents):.2f}")
    for name, percent in sorted(threads.items(), key=lambda item: -item[1])[:_SHOWN]:
        report.line(f"  thread {name}", f"{percent:.2f}")


def _threads(pids: Sequence[int]) -> dict[str, float]:
    """CPU seconds of all threads by their names in the kernel, to the nanosecond; those of children left out."""
    used: dict[str, float] = defaultdict(float)
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            kind = "main" if task.name == str(pid) else "others"
            name = (task / "comm").read_text().strip()
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            used[f"{name} ({kind})" if name == "python" else name] += nanoseconds / 1e9
    return used
