"""What a person waits for at the command line: help, TAB, and `run` of a sound extraction.

REELMILL_BENCH_BEFORE names a tree of an older commit (`git worktree add --detach ../before COMMIT`), whose `run` takes
turns with this one's.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.storage.uris import EXAMPLES

_HERE = Path(__file__).resolve().parents[1]
_TAB = {"_REELMILL_COMPLETE": "complete_bash", "COMP_WORDS": "reelmill\nrun\n-p\nweb", "COMP_CWORD": "3"}


def run(_servers: Servers, report: Report) -> None:
    """Seconds, and ratios within a round."""
    _names(report)
    before = os.environ.get("REELMILL_BENCH_BEFORE")
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-", ignore_cleanup_errors=True) as folder:
        trees = {"run": _HERE} | ({"run before": Path(before)} if before else {})
        contestants = {name: partial(_run, tree, Path(folder) / name.replace(" ", "-")) for name, tree in trees.items()}
        for contestant in contestants.values():
            contestant()  # an empty data folder: its database is made
        seconds = alternate(contestants, report.rounds, report.round)
    report.head("reelmill run talk.mp4 --preset podcast-audio, of a clip of 5 s: seconds")
    for name, values in seconds.items():
        report.line(name, f"{statistics.median(values):8.2f}", f"worst {max(values):.2f}")
    report.ratios(seconds, ["run"])


def _names(report: Report) -> None:
    argv = [sys.executable, "-m", "reelmill"]
    contestants = {
        "python -c pass": partial(_command, [sys.executable, "-c", "pass"]),
        "--help": partial(_command, [*argv, "--help"]),
        "a typo": partial(_command, [*argv, "jbos"]),
        "TAB after --preset web": partial(_command, argv, _TAB),
    }
    seconds = alternate(contestants, 4 * report.rounds, lambda *_: None)
    report.head("names at the command line: milliseconds")
    for name, values in seconds.items():
        report.line(name, f"{1000 * statistics.median(values):8.1f}", f"worst {1000 * max(values):.1f}")
    report.ratios(seconds, [name for name in seconds if name != "python -c pass"])


def _command(argv: list[str], variables: dict[str, str] | None = None) -> float:
    began = time.monotonic()
    subprocess.run(argv, env={**os.environ, **(variables or {})}, capture_output=True, check=False)
    return time.monotonic() - began


def _run(tree: Path, folder: Path) -> float:
    """A tree's `run`, with a data folder of its own, of which nothing is reused."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(EXAMPLES["clip"], folder / "talk.mp4")
    variables = {"PYTHONPATH": str(tree / "src"), "REELMILL_DATA_DIR": str(folder / "data"), "REELMILL_REUSE_DAYS": "0"}
    argv = [sys.executable, "-m", "reelmill", "run", "talk.mp4", "--preset", "podcast-audio", "-o", "out"]
    began = time.monotonic()
    subprocess.run(argv, cwd=folder, env={**os.environ, **variables}, capture_output=True, check=True)
    return time.monotonic() - began
