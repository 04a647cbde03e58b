"""Submission of durable jobs: one by one, by many at once, in batches; beside Celery's delay()."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import redis

from benchmarks import system
from benchmarks.peers.celery_peer import app, nothing
from benchmarks.peers.reelmill_peer import tiny_job
from benchmarks.report import Report
from benchmarks.rounds import alternate, ratios
from benchmarks.servers import Servers, check_redis, cpu_seconds
from reelmill.client import AsyncClient, Client
from reelmill.v1.jobs_pb2 import Job

_TOGETHER = 32
_BATCH = 1000
_KEY = " with a key"
OURS = ("one-by-one", "together", "batches")


def run(servers: Servers, report: Report) -> None:
    """Jobs a second. The api and the scheduler run, and no worker takes CPU from anyone."""
    one, many = (50, 1000) if report.quick else (500, 5000)
    with (
        system.full(servers, workers=0) as running,
        Client(running.target, token="") as client,
        Client(running.target, token=client.create_key("bench", "submitter").token) as known,
        _celery(servers) as persist,
    ):
        contestants: dict[str, tuple[int, Callable[[int], None]]] = {
            "one-by-one": (one, partial(_one_by_one, client)),
            "together": (many, partial(_together, running.target)),
            "batches": (many, partial(_batches, client)),
            # On loopback a key that is sent is checked, as each is elsewhere; and what was done is recorded.
            f"one-by-one{_KEY}": (one, partial(_one_by_one, known)),
            f"batches{_KEY}": (many, partial(_batches, known)),
            "celery-delay": (one, partial(_delay, persist, "no")),
            "celery-delay-fsync": (one, partial(_delay, persist, "always")),
        }
        cpu: dict[str, str] = {}

        def contestant(name: str) -> float:
            count, submit = contestants[name]
            submit(10)  # connected and warm
            before, started = _cpu(servers, running), time.monotonic()
            submit(count)
            seconds = time.monotonic() - started
            spent = {p: (used - before[p]) / count for p, used in _cpu(servers, running).items()}
            cpu[name] = ", ".join(f"{process} {1000 * used:.2f}" for process, used in spent.items())
            return count / seconds

        chosen = [name for name in contestants if report.wants(name)]
        rates = alternate({name: partial(contestant, name) for name in chosen}, report.rounds, report.round)
    report.head(f"submission ({_TOGETHER} together, batches of {_BATCH}): jobs/s, CPU ms a job by process")
    for name in chosen:
        report.line(name, f"{statistics.median(rates[name]):8.0f}", cpu[name])
    plain = {name: values for name, values in rates.items() if not name.endswith(_KEY)}
    report.ratios(plain, OURS)
    for name in (name for name in plain if f"{name}{_KEY}" in rates):
        found = ratios(rates[f"{name}{_KEY}"], rates[name])
        told = f"{min(found):.2f} to {max(found):.2f}"
        report.line(f"{name}{_KEY} / {name}", f"{statistics.median(found):8.2f} ×", told)


def _one_by_one(client: Client, count: int) -> None:
    for _ in range(count):
        client.create_job(tiny_job())


def _together(target: str, count: int) -> None:
    async def submit() -> None:
        left = iter(range(count))
        async with AsyncClient(target) as client:

            async def one_after_another() -> None:
                for _ in left:
                    await client.create_job(tiny_job())

            await asyncio.gather(*(one_after_another() for _ in range(_TOGETHER)))

    asyncio.run(submit())


def _batches(client: Client, count: int) -> None:
    for first in range(0, count, _BATCH):
        made = client.batch_create_jobs([tiny_job() for _ in range(min(_BATCH, count - first))])
        assert all(isinstance(job, Job) for job in made)


@contextlib.contextmanager
def _celery(servers: Servers) -> Iterator[Callable[[str], None]]:
    """Celery's producer; answers what chooses how durable its Redis is."""
    check_redis(servers.peers_redis)
    client = redis.Redis.from_url(servers.peers_redis.url)
    app.conf.broker_url = servers.peers_redis.url

    def persist(how: str) -> None:
        client.flushdb()
        client.config_set("appendfsync", "always" if how == "always" else "no")
        client.config_set("appendonly", "yes" if how == "always" else "no")

    try:
        yield persist
    finally:
        app.close()
        persist("no")
        client.close()


def _delay(persist: Callable[[str], None], how: str, count: int) -> None:
    if count <= 10:  # the warm-up
        persist(how)
    for _ in range(count):
        nothing.delay()


def _cpu(servers: Servers, running: system.System) -> dict[str, float]:
    api, scheduler = running.pids
    pids = {"api": api, "scheduler": scheduler, "postgres": servers.postgres.pid, "kafka": servers.kafka.pid}
    return {name: cpu_seconds(pid) for name, pid in pids.items()} | {"client": time.process_time()}
