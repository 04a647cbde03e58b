"""GET of a queued job, one by one over gRPC: with Redis, without, a server that does nothing, and PgQueuer's SQL."""

import asyncio
import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import asyncpg
import redis
from pgqueuer import AsyncpgDriver, Queries
from services.databases import Databases
from services.process import free_port

from benchmarks import system
from benchmarks.peers.base import spawn, stop
from benchmarks.peers.reelmill_peer import tiny_job
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers, check_postgres, cpu_seconds
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_LONG_SECONDS = 12.0  # that the jobs have been queued for: longer than `status_ttl_seconds`
OURS = ("redis", "redis-again", "without")


def run(servers: Servers, report: Report) -> None:
    """Reads a second. Each turn has jobs of its own: `redis` reads them first, `redis-again` once more."""
    count = 50 if report.quick else 100  # short turns in many rounds: neighbours disturb some, and not the median
    with contextlib.ExitStack() as stack:
        cpu: dict[str, Counter[str]] = defaultdict(Counter)
        systems: dict[str, system.System] = {}
        found: dict[str, list[float]] = {"redis": [], "redis-again": []}
        readers: dict[str, Callable[[int], None]] = {}
        processes = {"postgres": servers.postgres.pid, "redis": servers.redis.pid}
        for name, options in (("redis", {}), ("without", {"REELMILL_CACHE_URL": "memory:"})):
            running = stack.enter_context(system.full(servers, workers=0, options=options))
            systems[name] = running
            client = stack.enter_context(Client(running.target))
            if name == "redis":
                _wait_for_watermark(servers)
            rounds = [_queue(client, count) for _ in range(2 * report.rounds + 1)]
            readers[name] = partial(_read, client, rounds)
            processes[f"api {name}"] = running.pids[0]
        readers["redis-again"] = readers["redis"]
        readers["echo"], processes["echo"] = stack.enter_context(_echo(count))
        readers["pgqueuer"] = stack.enter_context(_pgqueuer(servers, count))
        time.sleep(_LONG_SECONDS)
        turns = dict.fromkeys(readers, 0)
        for read in readers.values():
            read(-1)  # connected and warm

        def contestant(name: str) -> float:
            turn, turns[name] = turns[name], turns[name] + 1
            if name == "redis-again":
                turn += report.rounds
                readers[name](turn)
            hits = _hits(systems) if name in found else 0.0
            before, started = _cpu(processes), time.monotonic()
            readers[name](turn)
            seconds = time.monotonic() - started
            cpu[name].update({p: used - before[p] for p, used in _cpu(processes).items()})
            if name in found:
                found[name].append((_hits(systems) - hits) / count)
            return count / seconds

        names = [name for name in (*OURS, "echo", "pgqueuer") if report.wants(name)]
        rates = alternate({name: partial(contestant, name) for name in names}, report.rounds, report.round)
    report.head("GET of a queued job, one by one: reads/s, CPU ms a read by process")
    for name in names:
        per_read = {p: 1000 * seconds / (count * report.rounds) for p, seconds in cpu[name].items()}
        spent = ", ".join(f"{p} {ms:.2f}" for p, ms in per_read.items() if ms >= 0.01)
        hit = (f"found in Redis {statistics.mean(found[name]):.0%}",) if name in found else ()
        report.line(name, f"{statistics.median(rates[name]):8.0f}", spent, *hit)
    report.ratios({n: r for n, r in rates.items() if n in OURS}, [n for n in OURS if n != "without"])
    report.ratios({n: r for n, r in rates.items() if n in ("without", "echo", "pgqueuer")}, ["without"])
    report.ratios({n: r for n, r in rates.items() if n in ("echo", "pgqueuer")}, ["echo"])


def _wait_for_watermark(servers: Servers) -> None:
    """Until the scheduler looks after statuses, as one that runs for more than some seconds does."""
    deadline = time.monotonic() + 60
    with redis.Redis.from_url(servers.redis.url) as client:
        # A scheduler's first look is slow, and the next one late: jobs that come before it would be read once more.
        while not any(_looked_again(client.get(key) or b"") for key in client.scan_iter("reelmill:watermark:*")):
            if time.monotonic() > deadline:
                raise RuntimeError("no scheduler looks after statuses")
            time.sleep(0.1)


def _looked_again(watermark: object) -> bool:
    since, _, rest = bytes(watermark).partition(b":")
    return bool(rest) and int(rest.partition(b":")[0]) > int(since)


def _hits(systems: dict[str, system.System]) -> float:
    return systems["redis"].counted("reelmill_cache_reads_total", result="hit")


def _queue(client: Client, count: int) -> list[str]:
    made = client.batch_create_jobs([tiny_job() for _ in range(count)])
    return [job.id for job in made if isinstance(job, Job)]


def _read(client: Client, rounds: list[list[str]], turn: int) -> None:
    for job_id in rounds[turn]:
        job = client.get_job(job_id)
        assert job.state == Job.QUEUED, job


@contextlib.contextmanager
def _echo(count: int) -> Iterator[tuple[Callable[[int], None], int]]:
    """The same client and a server that does nothing; answers its process too."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="reelmill-bench-"))
    process = spawn((sys.executable, "-m", "benchmarks.echo", str(port)), {}, folder / "echo.log")
    try:
        with Client(f"127.0.0.1:{port}") as client:

            def read(_turn: int) -> None:
                for _ in range(count):
                    assert client.get_job("any").state == Job.QUEUED

            yield read, process.pid
    finally:
        stop([process])
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _pgqueuer(servers: Servers, count: int) -> Iterator[Callable[[int], None]]:
    """Its own question for the status of a job, by asyncpg on one connection."""
    databases = Databases(servers.postgres.url)
    with asyncio.Runner() as runner:
        url = runner.run(databases.create(migrated=False))
        runner.run(check_postgres(url, servers.postgres))
        connection = runner.run(asyncpg.connect(url))
        queries = Queries(AsyncpgDriver(connection))
        runner.run(queries.install())
        ids = runner.run(queries.enqueue(["nothing"] * count, [None] * count, [0] * count))
        query = queries.qbq.build_job_status_query()

        async def read(_turn: int) -> None:
            for job_id in ids:
                [row] = await connection.fetch(query, [job_id])
                assert row["status"] == "queued"

        yield lambda turn: runner.run(read(turn))
        runner.run(connection.close())
        runner.run(databases.drop_all())


def _cpu(processes: dict[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in processes.items()} | {"client": time.process_time()}
