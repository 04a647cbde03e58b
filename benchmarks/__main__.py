"""`make bench`, or `make bench ARGS="drain --rounds 5"`: run benchmarks by name; all without one."""

import argparse
import signal

from benchmarks import (
    analysis,
    besides,
    chunks,
    command,
    day,
    drain,
    efficiency,
    eta,
    files,
    idle,
    images,
    ladder,
    latency,
    pages,
    per_title,
    probing,
    reads,
    rescue,
    resubmission,
    retention,
    servers,
    sheets,
    start,
    submission,
    watchers,
)
from benchmarks.capacity import tables
from benchmarks.report import Report
from reelmill.telemetry import logs

BENCHMARKS = {
    "drain": drain.run,
    "submission": submission.run,
    "reads": reads.run,
    "idle": idle.run,
    "thumbnails": besides.thumbnails,
    "transcodes": besides.transcodes,
    "files": files.run,
    "latency": latency.run,
    "watchers": watchers.run,
    "pages": pages.run,
    "probing": probing.run,
    "eta": eta.run,
    "chunks": chunks.run,
    "resubmission": resubmission.run,
    "efficiency": efficiency.run,
    "sheets": sheets.run,
    "images": images.run,
    "analysis": analysis.run,
    "ladder": ladder.run,
    "per_title": per_title.run,
    "start": start.run,
    "command": command.run,
    "rescue": rescue.run,
    "retention": retention.run,
    "day": day.run,
    "capacity": tables.run,
}


def main() -> None:
    """Start the servers, run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: shows only that all runs")
    parser.add_argument("--only", nargs="+", default=[], metavar="CONTESTANT", help="leave the others out")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(BENCHMARKS)}")
    report = Report(
        rounds=1 if arguments.quick else arguments.rounds, quick=arguments.quick, only=frozenset(arguments.only)
    )
    logs.configure(service="benchmark", format="text", level="warning")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops in order, as Ctrl-C does
    with servers.running() as started:
        for name in arguments.names or BENCHMARKS:
            BENCHMARKS[name](started, report)


if __name__ == "__main__":
    main()
