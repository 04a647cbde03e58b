"""Reelmill with an executor that does nothing: the full set-up, or PostgreSQL alone."""

import asyncio
import json
import os
import random
import secrets
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import asyncpg
from confluent_kafka.admin import AdminClient
from services.databases import Databases

from benchmarks import counting
from benchmarks.peers.base import WORKERS, Peer
from benchmarks.servers import Servers, check_listener, check_postgres, check_redis
from reelmill.api.submission import Submitter
from reelmill.app.worker import make_worker
from reelmill.jobs.errors import Stopped
from reelmill.parts import open_parts
from reelmill.queue.port import TASK_TOPICS
from reelmill.settings import Settings
from reelmill.store.leases import MadeFile
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.supervise import stop_on_signals
from reelmill.telemetry import logs
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest, CreateJobRequest, Job
from reelmill.worker.attempt import Attempt

SLOTS = 200  # of a worker: what a user sets for tasks that wait more than they compute
_BATCH = 1000


class ReelmillPeer(Peer):
    """Workers, two unless it is told, and a scheduler; the jobs come in through the api's own code."""

    def __init__(
        self,
        servers: Servers,
        *,
        full: bool,
        slots: int = SLOTS,
        workers: int = WORKERS,
        partitions: int = 12,
        keys: bool = False,
    ) -> None:
        """`keys`: authentication is on; workers and scheduler are asked for none, and that is to cost nothing."""
        self.name = ("reelmill-full" if full else "reelmill-postgres") + ("-keys" if keys else "")
        self._keys = keys
        super().__init__()
        self._servers = servers
        self._full = full
        self._slots = slots
        self._workers = workers
        self._partitions = partitions
        self._databases = Databases(servers.postgres.url)
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()

    def prepare(self) -> None:
        """A new database, and topics of our own."""
        self._runner.run(self._prepare())

    async def _prepare(self) -> None:
        url = await self._databases.create()
        await check_postgres(url, self._servers.postgres)
        check_listener(self._servers.kafka)
        check_redis(self._servers.redis)
        self._variables = variables(self._servers, url, full=self._full, folder=str(self.folder))
        self._variables["REELMILL_WORKER_SLOTS"] = str(self._slots)
        if self._keys:
            self._variables["REELMILL_AUTHENTICATION"] = "keys"
        self._variables["REELMILL_KAFKA_PARTITIONS"] = str(self._partitions)
        self._parts_context = open_parts(settings(self._variables), process="benchmark")
        self._parts = await self._parts_context.__aenter__()
        self._submitter = Submitter(self._parts.jobs, self._parts.cache, self._parts.storage, self._parts.relay)
        self._connection = await asyncpg.connect(url)

    def close(self) -> None:
        """Drop the database."""
        self._runner.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        await self._parts_context.__aexit__(None, None, None)
        await self._connection.close()
        await self._databases.drop_all()

    def environment(self) -> dict[str, str]:
        """Our settings."""
        return super().environment() | self._variables

    def commands(self) -> Sequence[Sequence[str]]:
        """The workers, and a scheduler, which relays what completions tell the world."""
        worker = (sys.executable, "-m", "benchmarks.peers.reelmill_peer")
        return [*[worker] * self._workers, (sys.executable, "-m", "reelmill", "scheduler")]

    def load(self, count: int) -> None:
        """By BatchCreateJobs' code, and relayed until the outbox is the queue's."""
        self._runner.run(self._load(count))

    async def _load(self, count: int) -> None:
        for first in range(0, count, _BATCH):
            requests = [CreateJobRequest(job=tiny_job()) for _ in range(min(_BATCH, count - first))]
            answers = await self._submitter.submit_batch(
                DEFAULT_IDENTITY, BatchCreateJobsRequest(requests=requests), ""
            )
            assert all(isinstance(answer, Job) for answer in answers), answers[0]
        if self._parts.queue.outbox_is_queue:
            await self._parts.queue.wake()
        else:
            while await self._parts.relay.run_once():
                pass

    def arrive(self, rate: float, count: int) -> None:
        """Submit `count` jobs one by one at random, `rate` a second, and relay each at once, as an api does."""
        self._runner.run(self._arrive(rate, count))

    async def _arrive(self, rate: float, count: int) -> None:
        due = time.monotonic()
        for _ in range(count):
            due += random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._load(1)

    def claim_waits(self) -> list[float]:
        """Seconds from each job's submission to its first claim, in the order of submission."""
        query = "SELECT extract(epoch FROM start_time - create_time)::float8 AS wait FROM jobs ORDER BY id"
        return [row["wait"] for row in self._runner.run(self._connection.fetch(query))]

    def settle(self) -> None:
        """With Kafka: every worker holds its share of the partitions."""
        if self._full:
            group = f"{self._parts.settings.kafka_topic_prefix}workers"
            wait_for_shares(self._servers.kafka.url, group, self._workers, self._partitions)

    def unfinished(self) -> int:
        """Jobs that are not COMPLETED in the database."""
        query = "SELECT count(*) FROM jobs WHERE end_time IS NULL"
        return int(self._runner.run(self._connection.fetchval(query)))

    def server_pids(self) -> dict[str, int]:
        """What the set-up uses."""
        servers = self._servers
        full = {"kafka": servers.kafka.pid, "redis": servers.redis.pid} if self._full else {}
        return {"postgres": servers.postgres.pid} | full


def wait_for_shares(queue_url: str, group: str, workers: int, partitions: int) -> None:
    """Return once `workers` share the `partitions` of each topic of tasks evenly. Raises TimeoutError."""
    admin = AdminClient({"bootstrap.servers": urlsplit(queue_url).netloc})
    even = [partitions // workers + (i < partitions % workers) for i in range(workers)]
    goal = sorted(even * len(TASK_TOPICS))
    shares: list[int] = []
    deadline = time.monotonic() + 60
    while shares != goal:
        if time.monotonic() > deadline:
            raise TimeoutError(f"group {group} has shares of {shares} partitions, not {goal}")
        time.sleep(0.1)
        described = admin.describe_consumer_groups([group])[group].result()
        shares = sorted(len(member.assignment.topic_partitions) for member in described.members)


def variables(servers: Servers, database_url: str, *, full: bool, folder: str) -> dict[str, str]:
    """REELMILL_* for a set-up; `folder` holds its files."""
    chosen = {
        "REELMILL_DATABASE_URL": database_url,
        "REELMILL_DATA_DIR": f"{folder}/data",
        "REELMILL_READ_ROOTS": f'["{folder}"]',
        "REELMILL_WRITE_ROOTS": f'["{folder}"]',
        "REELMILL_LOG_LEVEL": "warning",
        "REELMILL_GRPC_PORT": "0",
        "REELMILL_REUSE_DAYS": "0",  # the same jobs are done again and again here
    }
    if full:
        chosen["REELMILL_QUEUE_URL"] = servers.kafka.url
        chosen["REELMILL_CACHE_URL"] = servers.redis.url
        chosen["REELMILL_KAFKA_TOPIC_PREFIX"] = f"bench-{secrets.token_hex(4)}."
    return chosen


def settings(chosen: dict[str, str]) -> Settings:
    """The settings that these variables, and no others, make."""
    names = {name.removeprefix("REELMILL_").lower(): value for name, value in chosen.items()}
    return Settings(**{n: json.loads(v) if n.endswith("_roots") else v for n, v in names.items()})


def tiny_job() -> Job:
    """A job of one input and one output."""
    job = Job()
    job.inputs.add(uri="https://media.example/clip.mp4")
    job.outputs.add(name="still").thumbnail.count = 1
    return job


class Nothing:
    """An executor that counts, and else does nothing.

    With BENCHMARK_HOLD it waits to be stopped, with BENCHMARK_SECONDS for so long, half more or less.
    """

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        """No files."""
        counting.count()
        if "BENCHMARK_HOLD" in os.environ:
            await attempt.stop.wait()
            raise Stopped
        if seconds := os.environ.get("BENCHMARK_SECONDS"):
            await attempt.unless_stopped(asyncio.sleep(float(seconds) * random.uniform(0.5, 1.5)))
        return ()

    async def discard(self, attempt: Attempt) -> None:
        """Nothing was written."""


async def work() -> None:
    """A worker's process."""
    stop, chosen = stop_on_signals(), Settings()
    logs.configure(service="worker", format=chosen.log_format, level=chosen.log_level)
    async with open_parts(chosen, process="worker") as parts:
        await make_worker(parts, stop, executor=Nothing())()


if __name__ == "__main__":
    if folder := os.environ.get("BENCHMARK_PROFILE"):
        import cProfile

        with cProfile.Profile() as profile:
            asyncio.run(work())
        profile.dump_stats(f"{folder}/worker-{os.getpid()}.prof")
    else:
        asyncio.run(work())
