"""How long a page of the job list takes over REST while thousands watch jobs over REST."""

import asyncio
import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
from services.process import free_port

from benchmarks import system
from benchmarks.peers.base import spawn, stop
from benchmarks.peers.reelmill_peer import tiny_job
from benchmarks.report import Report
from benchmarks.rounds import percentile
from benchmarks.servers import Servers
from reelmill.cache.redis import RedisCache
from reelmill.client import Client
from reelmill.store.database import Database
from reelmill.store.leases import LeaseStore
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job, Progress

_PROGRESS_SECONDS = 0.5  # as ffmpeg tells it


def run(servers: Servers, report: Report) -> None:
    """With nobody watching; with watchers of as many jobs that wait; with watchers of one job that makes progress."""
    watchers, asked = (200, 20) if report.quick else (2000, 100)
    kinds = ("nobody", "many waiting jobs", "one running job")
    medians: dict[str, list[float]] = {kind: [] for kind in kinds}
    worst: dict[str, float] = dict.fromkeys(kinds, 0.0)
    for _ in range(report.rounds):
        with system.full(servers, workers=0) as running, gateway(running) as address, Client(running.target) as client:
            batches = [client.batch_create_jobs([tiny_job() for _ in range(200)]) for _ in range(watchers // 200)]
            ids = [job.id for batch in batches for job in batch if isinstance(job, Job)]
            for kind, watched in zip(kinds, ([], ids, [ids[0]] * watchers), strict=True):
                with _watching(kind, watched, address, running, servers.redis.url):
                    times = _list(address, asked)
                medians[kind].append(percentile(times, 50))
                worst[kind] = max(worst[kind], *times)
                report.round(kind, medians[kind][-1])
    report.head(f"GET /v1/jobs, {watchers} watchers over Server-Sent Events: milliseconds")
    for kind in kinds:
        report.line(kind, f"p50 {1000 * percentile(medians[kind], 50):.1f}", f"worst {1000 * worst[kind]:.0f}")
    report.ratios(medians, kinds[1:])


def _list(address: str, count: int) -> list[float]:
    times = []
    with httpx.Client(base_url=address, timeout=60) as client:
        client.get("/v1/jobs").raise_for_status()  # connected
        for _ in range(count):
            began = time.monotonic()
            client.get("/v1/jobs").raise_for_status()
            times.append(time.monotonic() - began)
            time.sleep(0.05)  # over many polls and changes
    return times


@contextlib.contextmanager
def gateway(running: system.System) -> Iterator[str]:
    """The address of a gateway of a system's own."""
    port = free_port()
    variables = {"REELMILL_API_TARGET": running.target, "REELMILL_HTTP_PORT": str(port)}
    process = spawn((sys.executable, "-m", "reelmill", "gateway"), variables, running.folder / "gateway.log")
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                    break
            if time.monotonic() > deadline:
                raise RuntimeError((running.folder / "gateway.log").read_text()[-3000:])
            time.sleep(0.05)
        yield address
    finally:
        stop([process])


@contextlib.contextmanager
def _watching(kind: str, ids: list[str], address: str, running: system.System, redis_url: str) -> Iterator[None]:
    """A process of its own watches, and where the job is to run makes its progress; returns once all have an event."""
    if not ids:
        yield
        return
    plan, log = running.folder / "watchers.json", running.folder / "watchers.log"
    log.unlink(missing_ok=True)
    runs = {"database": running.database_url, "redis": redis_url} if kind.startswith("one") else {}
    plan.write_text(json.dumps({"address": address, "ids": ids, **runs}))
    process = spawn((sys.executable, "-m", "benchmarks.watchers", str(plan)), {}, log)
    try:
        deadline = time.monotonic() + 120
        while "all watch" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the watchers did not begin:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the watchers ended:\n{log.read_text()[-3000:]}")
    finally:
        stop([process])


async def _watch_all(plan: dict[str, str], ids: list[str]) -> None:
    host, _, port = plan["address"].removeprefix("http://").partition(":")
    first, left = asyncio.Event(), len(ids)

    async def watch(job_id: str) -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v1/jobs/{job_id}/watch HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        try:
            await reader.readuntil(b"event: state")
        except asyncio.IncompleteReadError as error:
            raise RuntimeError(f"refused: {error.partial.decode()}") from None
        left -= 1
        if left == 0:
            first.set()
        while await reader.read(65536):
            pass
        raise RuntimeError("a watch ended")

    async with asyncio.TaskGroup() as group:
        for job_id in ids:
            group.create_task(watch(job_id))
        await first.wait()
        if "database" in plan:
            group.create_task(_make_progress(plan, UUID(ids[0])))
        print("all watch", flush=True)


async def _make_progress(plan: dict[str, str], job_id: UUID) -> None:
    database = Database(plan["database"], pool_size=2, publish_events=False, application="benchmark")
    await database.start()
    leases = LeaseStore(database, lease_seconds=3600)
    cache = RedisCache(plan["redis"], status_ttl_seconds=10, final_ttl_seconds=10)
    await cache.start()
    claimed = await leases.claim("benchmark", limit=5000)
    fence = next(task.fence for task in claimed if UUID(task.job.id) == job_id)
    for tenth in range(1, 1000):
        await cache.put_progress(
            DEFAULT_IDENTITY.tenant_id, job_id, fence, Progress(percent=tenth / 10).SerializeToString()
        )
        await asyncio.sleep(_PROGRESS_SECONDS)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    chosen = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(_watch_all(chosen, chosen["ids"]))
