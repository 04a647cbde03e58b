"""How long calls of the api take while pages of the console are open, among many jobs."""

import asyncio
import contextlib
import itertools
import json
import resource
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import system
from benchmarks.peers.base import spawn, stop
from benchmarks.peers.reelmill_peer import tiny_job
from benchmarks.report import Report
from benchmarks.rounds import alternate, percentile
from benchmarks.servers import Servers
from benchmarks.watchers import gateway
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_BATCH = 1000
_START_SECONDS = 120
_CALLS = ("GetJob", "ListJobs", "CreateJob")


def run(servers: Servers, report: Report) -> None:
    """With no page open; with as many of the list and of one job each, all live. A job is submitted now and then."""
    jobs, pages, asked = (500, 20, 20) if report.quick else (10_000, 200, 200)
    times: dict[str, dict[str, list[float]]] = {}
    with system.full(servers, workers=0) as running, gateway(running) as address, Client(running.target) as client:
        batches = [client.batch_create_jobs([tiny_job() for _ in range(_BATCH)]) for _ in range(max(1, jobs // _BATCH))]
        ids = [job.id for batch in batches for job in batch if isinstance(job, Job)]
        assert len(ids) == len(batches) * _BATCH
        each = pages // 2
        open_pages = ["/live/jobs"] * each + [f"/jobs/{job_id}/live" for job_id in ids[-each:]]

        def contestant(name: str, paths: list[str]) -> float:
            with _open(paths, address, running.folder):
                found = _ask(client, ids, asked)
            for call, taken in found.items():
                times.setdefault(call, {}).setdefault(name, []).append(percentile(taken, 50))
                times.setdefault(f"{call} p95", {}).setdefault(name, []).append(percentile(taken, 95))
            return sum(map(sum, found.values())) / asked

        names = ("no page", f"{pages} pages")
        contestants = {names[0]: partial(contestant, names[0], []), names[1]: partial(contestant, names[1], open_pages)}
        whole = alternate(contestants, report.rounds, report.round)
    report.head(f"calls of the api among {len(ids)} jobs, {pages} pages of the console open: milliseconds")
    for call, by_name in times.items():
        shown = (f"{name} {1000 * percentile(values, 50):.2f}" for name, values in by_name.items())
        report.line(call, *shown)
    for call, by_name in times.items():
        report.ratios({f"{call}, {name}": values for name, values in by_name.items()}, [f"{call}, {names[1]}"])
    report.ratios(whole, names[1:])


def _ask(client: Client, ids: list[str], count: int) -> dict[str, list[float]]:
    """Seconds of each call."""
    times: dict[str, list[float]] = {call: [] for call in _CALLS}
    step = len(ids) // count
    client.get_job(ids[0])  # connected
    for number in range(count):
        marks = [time.monotonic()]
        client.get_job(ids[number * step])
        marks.append(time.monotonic())
        next(iter(client.list_jobs()))
        marks.append(time.monotonic())
        client.create_job(tiny_job())
        marks.append(time.monotonic())
        for call, (before, after) in zip(_CALLS, itertools.pairwise(marks), strict=True):
            times[call].append(after - before)
        time.sleep(0.05)  # over many drawings of pages
    return times


@contextlib.contextmanager
def _open(paths: list[str], address: str, folder: Path) -> Iterator[None]:
    """A process of its own holds the pages' live parts; returns once all have drawn."""
    if not paths:
        yield
        return
    plan, log = folder / "pages.json", folder / "pages.log"
    log.unlink(missing_ok=True)
    plan.write_text(json.dumps({"address": address, "paths": paths}))
    process = spawn((sys.executable, "-m", "benchmarks.pages", str(plan)), {}, log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while "all are drawn" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the pages did not open:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the pages ended:\n{log.read_text()[-3000:]}")
    finally:
        stop([process])


async def _read_all(address: str, paths: list[str]) -> None:
    host, _, port = address.removeprefix("http://").partition(":")
    drawn, left = asyncio.Event(), len(paths)

    async def read(path: str) -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
        try:
            await reader.readuntil(b"data: ")
        except asyncio.IncompleteReadError as error:
            raise RuntimeError(f"{path} is refused: {error.partial.decode()[:1000]}") from None
        left -= 1
        if left == 0:
            drawn.set()
        while await reader.read(2**20):
            pass
        raise RuntimeError(f"{path} ended")

    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(read(path))
        await drawn.wait()
        print("all are drawn", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    chosen = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(_read_all(chosen["address"], chosen["paths"]))
