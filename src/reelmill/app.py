"""The composition root: settings → parts, started in order and stopped in reverse. What runs them is system.py."""

import asyncio
import hashlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reelmill.api.access_service import AccessService
from reelmill.api.addresses import Addresses
from reelmill.api.door import open_door
from reelmill.api.estimating import Estimator
from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planner
from reelmill.api.server import Server
from reelmill.api.submission import Submitter
from reelmill.api.uploads_service import UploadService
from reelmill.api.webhooks_service import WebhookService
from reelmill.api.workers_service import WorkerService
from reelmill.auth.certificates import grpc_tls, http_tls
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Cache
from reelmill.capacity import Limits, Looks
from reelmill.embedded import EmbeddedPostgres
from reelmill.gateway.app import build as build_gateway
from reelmill.gateway.connections import ConnectionLimits, protocol
from reelmill.jobs.errors import Stopped, Unavailable
from reelmill.jobs.places import ENGINE
from reelmill.media import launcher
from reelmill.media.abilities import lacking
from reelmill.media.ffmpeg import capabilities, find_ffmpeg
from reelmill.media.launcher import Launcher
from reelmill.media.probe import Prober
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.media.warm import WarmChildren
from reelmill.queue.kafka import KafkaQueue
from reelmill.queue.port import Queue
from reelmill.queue.postgres import PostgresQueue
from reelmill.redaction import redacted
from reelmill.relay import Relay
from reelmill.scheduler.sampler import Sampler
from reelmill.scheduler.scheduler import Scheduler, SchedulerConfig
from reelmill.scheduler.status_sweep import StatusSweep
from reelmill.sealing import Keys
from reelmill.serving import allow_files, running_http
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import WorkRoot
from reelmill.store.changes import ChangeStore
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.leases import KINDS, LeaseStore
from reelmill.store.measures import MeasureStore
from reelmill.store.migrate import migrate, missing
from reelmill.store.outbox import OutboxStore
from reelmill.store.retention import RetentionStore
from reelmill.store.statistics import StatisticsStore
from reelmill.store.switches import GRAPHS, is_on
from reelmill.store.unserved import UnservedStore
from reelmill.store.uploads import UploadStore
from reelmill.store.waiting import WaitingStore
from reelmill.store.webhooks import WebhookStore
from reelmill.store.workers import WorkerStore
from reelmill.supervise import end, supervised
from reelmill.telemetry import health
from reelmill.telemetry.logs import get_logger
from reelmill.webhooks.sender import make_sender
from reelmill.worker.attempt import Executor
from reelmill.worker.history import History
from reelmill.worker.intake import Abilities
from reelmill.worker.machine import plan_context, worth
from reelmill.worker.media_executor import MediaExecutor, MediaLimits
from reelmill.worker.reusing import Reuse
from reelmill.worker.worker import Worker, WorkerConfig

log = get_logger(__name__)
_HEALTH_CONNECTIONS = 100
_STATUS_SWEEPS = 6  # in `status_ttl_seconds`: a watermark lives for three
_READ_FILES = ("api", "worker", "up")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What the processes are made of; open while `open_parts` is."""

    settings: Settings
    database: Database
    queue: Queue
    cache: Cache
    storage: Storage
    relay: Relay
    launcher: Launcher
    """Runs in processes that read media files."""

    @property
    def jobs(self) -> JobStore:
        """Jobs, for clients."""
        return JobStore(self.database)

    @property
    def leases(self) -> LeaseStore:
        """Tasks, for workers and schedulers."""
        return LeaseStore(self.database, lease_seconds=self.settings.lease_seconds)


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


def make_cache(settings: Settings, *, alone: bool, database_url: str = "") -> Cache:
    """The cache that `cache_url` names, of the database at that URL; `alone`: for a process that is the whole system.

    Raises ValueError, naming the setting.
    """
    ttl, final_ttl = settings.status_ttl_seconds, settings.final_ttl_seconds
    if settings.cache_url.startswith(("redis://", "rediss://")):
        from reelmill.cache.redis import RedisCache  # late: a seventh of a start's time, for those who use it

        place = urlsplit(database_url)  # without the password, which may change
        scope = hashlib.sha256(f"{place.netloc.rpartition('@')[2]}{place.path}".encode()).hexdigest()[:16]
        return RedisCache(settings.cache_url, status_ttl_seconds=ttl, final_ttl_seconds=final_ttl, scope=scope)
    if settings.cache_url.startswith("memory:"):
        # What other processes change would grow old here: then only what never changes is kept, and may be deleted.
        return MemoryCache(status_ttl_seconds=ttl if alone else 0.0, final_ttl_seconds=final_ttl if alone else ttl)
    raise ValueError(f"REELMILL_CACHE_URL: {redacted(settings.cache_url)!r} is neither redis://… nor memory:")


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The database's URL; an embedded one runs, migrated, while the context is open."""
    if settings.database_url != "embedded:":
        yield settings.database_url
        return
    embedded = EmbeddedPostgres.of(settings)
    url = await embedded.start()
    watching = supervised("embedded_postgres", embedded.watch)
    try:
        await migrate(url, {GRAPHS: True})  # nobody else uses it
        yield url
    finally:
        await end(watching)
        await embedded.stop()


@asynccontextmanager
async def open_parts(settings: Settings, *, process: str, stop: asyncio.Event | None = None) -> AsyncIterator[Parts]:
    """Connect to everything that `process` needs; waits for a database that is away or not migrated.

    Raises Stopped where `stop` is set meanwhile.
    """
    async with AsyncExitStack() as stack:
        starting = launcher.running(settings.sandbox) if process in _READ_FILES else nullcontext(Launcher("off"))
        launching = await stack.enter_async_context(starting)
        url = await stack.enter_async_context(database_url(settings))
        database = make_database(settings, url, process)
        queue, storage = make_queue(settings, database), Storage.from_settings(settings, UploadStore(database))
        cache = make_cache(settings, alone=process == "up", database_url=url)
        await _patiently(database.start, stop)
        stack.push_async_callback(database.stop)
        await _patiently(lambda: _check_schema(database), stop)
        await queue.start()
        stack.push_async_callback(queue.stop)
        await cache.start()
        stack.push_async_callback(cache.stop)
        relay = Relay(OutboxStore(database), queue, interval_seconds=settings.relay_sweep_seconds)
        yield Parts(
            settings=settings,
            database=database,
            queue=queue,
            cache=cache,
            storage=storage,
            relay=relay,
            launcher=launching,
        )


@asynccontextmanager
async def running_api(parts: Parts, *also: str) -> AsyncIterator[int]:
    """The gRPC service; answers its port. `also`: where its process listens besides, and takes calls for it."""
    settings = parts.settings
    door = await open_door(settings, parts.database, (settings.grpc_host, *also))
    keys = Keys.of(settings.secrets_key.get_secret_value(), settings.key_folder)
    submitter = Submitter(parts.jobs, parts.cache, parts.storage, parts.relay, webhooks=keys is not None)
    children = WarmChildren(parts.launcher)
    prober = Prober(children)
    folder, looks, context = settings.data_dir.expanduser() / "work", Looks(), plan_context(settings)
    planner = Planner(parts.storage, prober, folder, context, looks)
    outlook = Outlook(WaitingStore(parts.database), MeasureStore(parts.database), silent_seconds=settings.lease_seconds)
    estimator = Estimator(planner, outlook, threads=context.threads, worth=worth(settings))
    server = Server(
        JobService(
            *(parts.jobs, parts.cache, submitter, planner, estimator, outlook),
            lease_seconds=settings.lease_seconds,
            addresses=Addresses.of(settings, parts.storage, keys),
        ),
        MediaService(parts.storage, prober, folder, looks),
        UploadService(UploadStore(parts.database)),
        WorkerService(WorkerStore(parts.database), lease_seconds=settings.lease_seconds),
        WebhookService(WebhookStore(parts.database), parts.storage, keys),
        AccessService.of(parts.database),
        ready=parts.database.check,
        checks=submitter.checks,
        limits=Limits(request_max_bytes=settings.request_max_bytes, batch_max_bytes=settings.batch_max_bytes),
        door=door,
        credentials=grpc_tls(settings),
    )
    relay = supervised("relay", parts.relay.run)
    try:
        port = await server.start(settings.grpc_host, settings.grpc_port)
        log.info("api listens", address=f"{settings.grpc_host}:{port}")
        yield port
    finally:
        await server.stop()
        await children.close()
        await end(relay)


def work_root(settings: Settings) -> WorkRoot:
    """Where attempts have their working directories."""
    return WorkRoot(data_dir(settings) / "work", reserve_bytes=settings.disk_reserve_bytes)


def make_history(parts: Parts) -> History:
    """What a worker's tasks take; it is to be run, and written once more at the end."""
    return History(MeasureStore(parts.database), capabilities(find_ffmpeg(parts.settings.ffmpeg)).version)


def make_executor(parts: Parts, children: WarmChildren, history: History) -> tuple[MediaExecutor, WorkRoot]:
    """The executor of media jobs, and the folder of its working directories."""
    settings = parts.settings
    work = work_root(settings)
    limits = MediaLimits(
        ffmpeg=find_ffmpeg(settings.ffmpeg),
        no_progress_seconds=settings.no_progress_seconds,
        wall_limit_factor=settings.wall_limit_factor,
        wall_limit_seconds=settings.wall_limit_seconds,
        output_max_bytes=settings.input_max_bytes,
        worth=worth(settings),
        cache_bytes=settings.worker_cache_bytes,
        context=plan_context(settings),
        engine=engine_label(settings),
    )

    async def slots(place: str) -> int:
        async with parts.database.connection() as connection:
            if not await is_on(connection, GRAPHS):
                return 0
        lease = timedelta(seconds=settings.lease_seconds)
        return max(1, await WorkerStore(parts.database).slots(KINDS, place, silent_after=lease))

    reuse = Reuse.of(settings, parts.database, limits.engine)
    return MediaExecutor(parts.storage, work, parts.launcher, children, limits, slots, history, reuse), work


def abilities(settings: Settings) -> Abilities:
    """What a worker with these settings can take; its ffmpeg is told as a label."""
    labels = {*settings.worker_labels, engine_label(settings)}
    return Abilities(pool=settings.worker_pool, labels=tuple(sorted(labels)))


def engine_label(settings: Settings) -> str:
    """The label that names the build of a worker's ffmpeg. Raises RuntimeError where that does not run."""
    return ENGINE + capabilities(find_ffmpeg(settings.ffmpeg)).build


def check_ffmpeg(path: Path) -> None:
    """Raise RuntimeError where an ffmpeg lacks what operations need: a worker must claim nothing that it can't do."""
    able = capabilities(path)
    if missing := lacking(able):
        raise RuntimeError(
            f"{path} ({able.version}) lacks {missing}: unset REELMILL_FFMPEG, or give it the path of a full build"
        )


def make_worker(
    parts: Parts, stop: asyncio.Event, executor: Executor | None = None, *, alone: bool = False
) -> Callable[[], Coroutine[Any, Any, None]]:
    """What runs a worker until `stop` and its drain; it may be run again. Raises what no second try would mend.

    `alone`: no other worker shares its database.
    """
    settings = parts.settings
    # Of each slot one may make stills for seconds; probes shall not wait for it.
    children = WarmChildren(parts.launcher, children=settings.worker_slots + FILES_AT_ONCE)
    ours: MediaExecutor | None = None
    history: History | None = None
    if executor is None:
        check_ffmpeg(find_ffmpeg(settings.ffmpeg))
        history = make_history(parts)
        ours, work = make_executor(parts, children, history)
        executor = ours
        if removed := work.clean():
            log.info("removed working directories of dead workers", folders=removed)
    config = WorkerConfig(
        owner=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        slots=settings.worker_slots,
        fetches=settings.worker_fetches,
        heartbeat_seconds=settings.heartbeat_seconds,
        sweep_seconds=settings.sweep_seconds,
        drain_seconds=settings.drain_seconds,
        abilities=abilities(settings),
        alone=alone,
    )

    async def run() -> None:
        log.info("worker starts", owner=config.owner, slots=config.slots)
        writing = supervised("history", history.run) if history else None
        try:
            await Worker(
                config, parts.leases, WorkerStore(parts.database), parts.queue, parts.cache, parts.relay, executor
            ).run(stop)
        finally:
            if ours is not None:
                ours.close()
            if history and writing:
                await end(writing)
                await history.write()
            await children.close()

    return run


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
    retention = RetentionStore(parts.database, audit_life=timedelta(days=settings.audit_retention_days))
    unserved = UnservedStore(parts.database, silent_after=timedelta(seconds=settings.lease_seconds))
    return Scheduler(config, parts.leases, retention, unserved, parts.storage, parts.cache, parts.relay)


async def run_scheduler(parts: Parts) -> None:
    """A scheduler, and what it samples for metrics, until cancelled."""
    checks = {
        "database": parts.database.check,
        "queue": parts.queue.check,
        "cache": parts.cache.check,
        "storage": parts.storage.check,
    }
    settings, silent_after = parts.settings, timedelta(seconds=parts.settings.lease_seconds)
    statistics = StatisticsStore(parts.database, silent_after=silent_after, pools=settings.metric_pools)
    sampler = Sampler(statistics, parts.queue, checks, interval_seconds=settings.sample_seconds)
    interval_seconds = settings.status_ttl_seconds / _STATUS_SWEEPS
    status_sweep = StatusSweep(ChangeStore(parts.database), parts.cache, interval_seconds=interval_seconds)
    sender = make_sender(settings, parts.database)
    running = {"sampler": sampler.run, "status_sweep": status_sweep.run, "webhooks": sender.run}
    beside = [supervised(name, run) for name, run in running.items()]
    try:
        await make_scheduler(parts).run()
    finally:
        await end(*beside)


@asynccontextmanager
async def running_gateway(settings: Settings, storage: Storage, api_target: str) -> AsyncIterator[int]:
    """The REST gateway; answers its port."""
    application = build_gateway(api_target=api_target, storage=storage, settings=settings)
    allow_files(settings.http_max_connections)
    limits = ConnectionLimits(connections=settings.http_max_connections, head_seconds=settings.http_head_seconds)
    host, port = settings.http_host, settings.http_port
    tls = http_tls(settings)
    async with running_http(
        "gateway_http",
        application,
        host,
        port,
        protocol=protocol(limits),
        drain_seconds=settings.http_drain_seconds,
        tls=tls,
    ) as port:
        log.info("gateway listens", address=f"http{'s' if tls else ''}://{settings.http_host}:{port}")
        yield port


@asynccontextmanager
async def running_health(parts: Parts) -> AsyncIterator[int]:
    """/healthz, /readyz and /metrics; answers their port."""
    checks = {"database": parts.database.check, "queue": parts.queue.check}
    host, port = parts.settings.health_host, parts.settings.health_port
    speaking = protocol(ConnectionLimits(connections=_HEALTH_CONNECTIONS))
    async with running_http("health_http", health.build(checks), host, port, protocol=speaking) as port:
        log.info("health and metrics", address=f"http://{host}:{port}")
        yield port


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
            raise Stopped


def data_dir(settings: Settings) -> Path:
    """The data folder, made where it is missing. Raises OSError, naming the setting."""
    folder = settings.data_dir.expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"REELMILL_DATA_DIR: {folder} can't be made: {error.strerror}") from error
    return folder
