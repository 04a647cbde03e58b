"""The composition root: settings → parts → processes, started in order and stopped in reverse."""

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn

from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.api.server import Server
from reelmill.api.submission import Submitter
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Cache
from reelmill.capacity import Limits
from reelmill.embedded import EmbeddedPostgres
from reelmill.gateway.app import build as build_gateway
from reelmill.gateway.connections import ConnectionLimits, allow_files, protocol
from reelmill.jobs.errors import Unavailable
from reelmill.media.ffmpeg import find_ffmpeg
from reelmill.media.probe import Prober
from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import Queue
from reelmill.queue.postgres import PostgresQueue
from reelmill.redaction import redacted
from reelmill.relay import Relay
from reelmill.scheduler.sampler import Sampler
from reelmill.scheduler.scheduler import Scheduler, SchedulerConfig
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import WorkRoot
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.leases import LeaseStore
from reelmill.store.migrate import migrate, missing
from reelmill.store.outbox import OutboxStore
from reelmill.store.retention import RetentionStore
from reelmill.store.statistics import StatisticsStore
from reelmill.supervise import supervised
from reelmill.telemetry import health, traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import expose
from reelmill.worker.attempt import Executor
from reelmill.worker.machine import available_bytes
from reelmill.worker.media_executor import MediaExecutor, MediaLimits
from reelmill.worker.worker import Worker, WorkerConfig

log = get_logger(__name__)
_HEALTH_CONNECTIONS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the processes are made of; open while `open_parts` is."""

    settings: Settings
    database: Database
    queue: Queue
    cache: Cache
    storage: Storage
    relay: Relay

    @property
    def jobs(self) -> JobStore:
        """Jobs, for clients."""
        return JobStore(self.database)

    @property
    def leases(self) -> LeaseStore:
        """Tasks, for workers and schedulers."""
        return LeaseStore(self.database, lease_seconds=self.settings.lease_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where a running system listens; empty for what it does not run."""

    http: str = ""
    grpc: str = ""
    health: str = ""


def make_database(settings: Settings, url: str, process: str) -> Database:
    """The database at `url`; `process` names us to its administrators."""
    return Database(
        url,
        pool_size=settings.database_pool_size,
        publish_events=settings.queue_url.startswith("kafka:"),
        application=process,
    )


def make_queue(settings: Settings, database: Database) -> Queue:
    """The queue that `queue_url` names. Raises ValueError, naming the setting."""
    if settings.queue_url.startswith("kafka://"):
        return KafkaQueue(
            settings.queue_url,
            topic_prefix=settings.kafka_topic_prefix,
            partitions=settings.kafka_partitions,
            replication=settings.kafka_replication,
        )
    if settings.queue_url.startswith("postgres:"):
        return PostgresQueue(database)
    raise ValueError(f"REELMILL_QUEUE_URL: {redacted(settings.queue_url)!r} is neither kafka://… nor postgres:")


def make_cache(settings: Settings, *, alone: bool) -> Cache:
    """The cache that `cache_url` names; `alone`: for a process that is the whole system.

    Raises ValueError, naming the setting.
    """
    ttl, final_ttl = settings.status_ttl_seconds, settings.final_ttl_seconds
    if settings.cache_url.startswith(("redis://", "rediss://")):
        from reelmill.cache.redis import RedisCache  # late: a seventh of a start's time, for those who use it

        return RedisCache(settings.cache_url, status_ttl_seconds=ttl, final_ttl_seconds=final_ttl)
    if settings.cache_url.startswith("memory:"):
        # What other processes change would grow old here: then only what never changes is kept.
        return MemoryCache(status_ttl_seconds=ttl if alone else 0.0, final_ttl_seconds=final_ttl)
    raise ValueError(f"REELMILL_CACHE_URL: {redacted(settings.cache_url)!r} is neither redis://… nor memory:")


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The database's URL; an embedded one runs, migrated, while the context is open."""
    if settings.database_url != "embedded:":
        yield settings.database_url
        return
    embedded = EmbeddedPostgres.of(settings)
    url = await embedded.start()
    watching = supervised("embedded PostgreSQL", embedded.watch)
    try:
        await migrate(url)
        yield url
    finally:
        await _cancel(watching)
        await embedded.stop()


@asynccontextmanager
async def open_parts(settings: Settings, *, process: str, stop: asyncio.Event | None = None) -> AsyncIterator[Parts]:
    """Connect to everything that `process` needs; waits for a database that is away or not migrated.

    Raises StoppedWaiting where `stop` is set meanwhile.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database_url(settings))
        database = make_database(settings, url, process)
        queue, storage = make_queue(settings, database), Storage.from_settings(settings)
        cache = make_cache(settings, alone=process == "up")
        await _patiently(database.start, stop)
        stack.push_async_callback(database.stop)
        await _patiently(lambda: _check_schema(database), stop)
        await queue.start()
        stack.push_async_callback(queue.stop)
        await cache.start()
        stack.push_async_callback(cache.stop)
        relay = Relay(OutboxStore(database), queue, interval_seconds=settings.relay_sweep_seconds)
        yield Parts(settings=settings, database=database, queue=queue, cache=cache, storage=storage, relay=relay)


@asynccontextmanager
async def running_api(parts: Parts) -> AsyncIterator[int]:
    """The gRPC service; answers its port."""
    settings = parts.settings
    submitter = Submitter(parts.jobs, parts.cache, parts.storage, parts.relay)
    prober = Prober()
    server = Server(
        JobService(parts.jobs, parts.cache, submitter),
        MediaService(parts.storage, prober, settings.data_dir.expanduser() / "work"),
        ready=parts.database.check,
        checks=submitter.checks,
        limits=Limits(request_max_bytes=settings.request_max_bytes, batch_max_bytes=settings.batch_max_bytes),
    )
    relay = asyncio.create_task(parts.relay.run(), name="relay")
    try:
        port = await server.start(settings.grpc_host, settings.grpc_port)
        log.info("api listens", address=f"{settings.grpc_host}:{port}")
        yield port
    finally:
        await server.stop()
        await prober.close()
        await _cancel(relay)


def work_root(settings: Settings) -> WorkRoot:
    """Where attempts have their working directories."""
    return WorkRoot(data_dir(settings) / "work", reserve_bytes=settings.disk_reserve_bytes)


def make_executor(parts: Parts, prober: Prober) -> tuple[MediaExecutor, WorkRoot]:
    """The executor of media jobs, and the folder of its working directories."""
    settings = parts.settings
    work = work_root(settings)
    cores = settings.worker_cores or os.cpu_count() or 1
    limits = MediaLimits(
        ffmpeg=find_ffmpeg(settings.ffmpeg),
        threads=max(1, cores // settings.worker_slots),
        no_progress_seconds=settings.no_progress_seconds,
        wall_limit_factor=settings.wall_limit_factor,
        wall_limit_seconds=settings.wall_limit_seconds,
        memory_bytes=(settings.worker_memory_bytes or available_bytes() * 3 // 4) // settings.worker_slots,
        output_max_bytes=settings.input_max_bytes,
    )
    return MediaExecutor(parts.storage, work, prober, limits), work


async def run_worker(
    parts: Parts, stop: asyncio.Event, executor: Executor | None = None, *, alone: bool = False
) -> None:
    """A worker, until `stop` and its drain; `alone`: no other one shares its database."""
    settings = parts.settings
    prober = Prober()
    if executor is None:
        executor, work = make_executor(parts, prober)
        if removed := work.clean():
            log.info("removed working directories of dead workers", folders=removed)
    config = WorkerConfig(
        owner=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        slots=settings.worker_slots,
        fetches=settings.worker_fetches,
        heartbeat_seconds=settings.heartbeat_seconds,
        sweep_seconds=settings.sweep_seconds,
        drain_seconds=settings.drain_seconds,
        alone=alone,
    )
    log.info("worker starts", owner=config.owner, slots=config.slots)
    try:
        await Worker(config, parts.leases, parts.queue, parts.cache, executor).run(stop)
    finally:
        await prober.close()


def make_scheduler(parts: Parts) -> Scheduler:
    """A scheduler."""
    settings = parts.settings
    config = SchedulerConfig(
        rescue_seconds=settings.rescue_seconds,
        max_crashes=settings.max_crashes,
        lease_seconds=settings.lease_seconds,
        job_retention=timedelta(days=settings.job_retention_days),
        upload_retention=timedelta(days=settings.upload_retention_days),
        own_storage=parts.storage.own(""),
    )
    retention = RetentionStore(parts.database)
    return Scheduler(config, parts.leases, retention, parts.storage, parts.cache, parts.relay)


async def run_scheduler(parts: Parts) -> None:
    """A scheduler, and what it samples for metrics, until cancelled."""
    checks = {
        "database": parts.database.check,
        "queue": parts.queue.check,
        "cache": parts.cache.check,
        "storage": parts.storage.check,
    }
    sampler = Sampler(
        StatisticsStore(parts.database), parts.queue, checks, interval_seconds=parts.settings.sample_seconds
    )
    async with asyncio.TaskGroup() as loops:
        loops.create_task(make_scheduler(parts).run())
        loops.create_task(sampler.run())


@asynccontextmanager
async def running_http(
    application: Any, host: str, port: int, *, limits: ConnectionLimits, drain_seconds: float = 0
) -> AsyncIterator[int]:
    """Serve an ASGI application; answers its port. Raises OSError where the port is taken.

    At the end it first answers with `Connection: close` for `drain_seconds`: a client that sends on an idle
    connection in the moment in which it is closed would have to guess whether it was heard.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"can't listen on {host}:{port}: {error.strerror}; choose another port") from error
    config = uvicorn.Config(
        application,
        http=protocol(limits),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    # Not serve(): signals are the process's to handle.
    task = asyncio.create_task(server._serve([listener]), name="http")
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        yield int(listener.getsockname()[1])
    finally:
        if drain_seconds:
            config.encoded_headers.append((b"connection", b"close"))  # uvicorn takes them up within a second
            await asyncio.wait([task], timeout=drain_seconds)
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


@asynccontextmanager
async def running_gateway(settings: Settings, storage: Storage, api_target: str) -> AsyncIterator[int]:
    """The REST gateway; answers its port."""
    application = build_gateway(api_target=api_target, storage=storage, settings=settings)
    drain = settings.http_drain_seconds
    allow_files(settings.http_max_connections)
    limits = ConnectionLimits(connections=settings.http_max_connections, head_seconds=settings.http_head_seconds)
    async with running_http(
        application, settings.http_host, settings.http_port, limits=limits, drain_seconds=drain
    ) as port:
        log.info("gateway listens", address=f"http://{settings.http_host}:{port}")
        yield port


@asynccontextmanager
async def running_health(parts: Parts) -> AsyncIterator[int]:
    """/healthz, /readyz and /metrics; answers their port."""
    checks = {"database": parts.database.check, "queue": parts.queue.check}
    settings = parts.settings
    limits = ConnectionLimits(connections=_HEALTH_CONNECTIONS)
    async with running_http(health.build(checks), settings.health_host, settings.health_port, limits=limits) as port:
        log.info("health and metrics", address=f"http://{settings.health_host}:{port}")
        yield port


@asynccontextmanager
async def running_system(settings: Settings, *, alone: bool = False) -> AsyncIterator[Addresses]:
    """All four processes in this one, for `reelmill up`, `run` and `demo`; `alone`: nobody shares its database."""
    expose("up")
    async with (
        traces.exporting("up", settings.otlp_endpoint),
        open_parts(settings, process="up") as parts,
        running_api(parts) as grpc_port,
    ):
        target = f"{settings.grpc_host}:{grpc_port}"
        async with running_gateway(settings, parts.storage, target) as http_port:
            stop = asyncio.Event()
            worker = asyncio.create_task(run_worker(parts, stop, alone=alone), name="worker")
            scheduler = asyncio.create_task(run_scheduler(parts), name="scheduler")
            for task in (worker, scheduler):
                task.add_done_callback(lambda task: _ended_early(task, stop))
            try:
                yield Addresses(http=f"http://{settings.http_host}:{http_port}", grpc=target)
            finally:
                stop.set()
                await asyncio.gather(worker, return_exceptions=True)
                await _cancel(scheduler)


def _ended_early(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """End the whole as SIGTERM does: to go on without a worker would look well and do nothing."""
    if not stop.is_set() and not task.cancelled():
        log.error("a part of the system died; stopping", part=task.get_name(), exc_info=task.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_process(process: str, settings: Settings) -> None:
    """One of api, gateway, worker, scheduler, until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    expose(process)
    async with traces.exporting(process, settings.otlp_endpoint):
        with suppress(StoppedWaiting):
            await _run_process(process, settings, stop)


async def _run_process(process: str, settings: Settings, stop: asyncio.Event) -> None:
    if process == "gateway":
        target = settings.api_target or f"{settings.grpc_host}:{settings.grpc_port}"
        async with running_gateway(settings, Storage.from_settings(settings), target):
            await stop.wait()
        return
    async with open_parts(settings, process=process, stop=stop) as parts, running_health(parts):
        if process == "api":
            async with running_api(parts):
                await stop.wait()
        elif process == "worker":
            await run_worker(parts, stop)
        else:
            scheduler = asyncio.create_task(run_scheduler(parts), name="scheduler")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([scheduler, stopping], return_when=asyncio.FIRST_COMPLETED)
            await _cancel(scheduler)


class StoppedWaiting(Exception):
    """The process was told to stop before it had what it needs."""


async def _check_schema(database: Database) -> None:
    async with database.connection() as connection:
        if lacks := await missing(connection):
            names = ", ".join(migration.name for migration in lacks)
            raise Unavailable(f"the database lacks migrations: {names}; `reelmill migrate` applies them")


async def _patiently(start: Callable[[], Awaitable[None]], stop: asyncio.Event | None) -> None:
    """Start a part that may be away for now; a set-up's processes come up in any order."""
    began = time.monotonic()
    while True:
        try:
            return await start()
        except Unavailable as error:
            log.warning("waiting", reason=str(error), seconds=round(time.monotonic() - began))
        await asyncio.sleep(1)
        if stop and stop.is_set():
            raise StoppedWaiting


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    results = await asyncio.gather(task, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def data_dir(settings: Settings) -> Path:
    """The data folder, made where it is missing. Raises OSError, naming the setting."""
    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"REELMILL_DATA_DIR: {folder} can't be made: {error.strerror}") from error
    return folder
