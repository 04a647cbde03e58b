"""The composition root: parts → api, worker, scheduler, gateway, stopped in reverse. What runs them is system.py."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from reelmill.api.access_service import AccessService
from reelmill.api.addresses import Addresses
from reelmill.api.door import open_door
from reelmill.api.estimating import Estimator
from reelmill.api.files_service import FileService
from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planner
from reelmill.api.presets import StoredLibrary
from reelmill.api.reusing import Reusing
from reelmill.api.server import Server
from reelmill.api.submission import Submitter
from reelmill.api.uploads_service import UploadService
from reelmill.api.webhooks_service import WebhookService
from reelmill.api.workers_service import WorkerService
from reelmill.auth.certificates import grpc_tls, http_tls
from reelmill.capacity import Limits, Looks
from reelmill.embedded import data_dir
from reelmill.jobs.places import ENGINE
from reelmill.media.abilities import lacking
from reelmill.media.ffmpeg import capabilities, find_ffmpeg
from reelmill.media.probe import Prober
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.media.warm import WarmChildren
from reelmill.parts import Parts
from reelmill.scheduler.sampler import Sampler
from reelmill.scheduler.scheduler import Scheduler, SchedulerConfig
from reelmill.scheduler.status_sweep import StatusSweep
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import WorkRoot
from reelmill.store.changes import ChangeStore
from reelmill.store.leases import KINDS
from reelmill.store.measures import MeasureStore
from reelmill.store.presets import PresetStore
from reelmill.store.retention import RetentionStore
from reelmill.store.statistics import StatisticsStore
from reelmill.store.switches import GRAPHS, is_on
from reelmill.store.unserved import UnservedStore
from reelmill.store.uploads import UploadStore
from reelmill.store.waiting import WaitingStore
from reelmill.store.webhooks import WebhookStore
from reelmill.store.workers import WorkerStore
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger
from reelmill.worker.attempt import Executor
from reelmill.worker.history import History
from reelmill.worker.intake import Abilities
from reelmill.worker.machine import plan_context, worth
from reelmill.worker.media_executor import MediaExecutor
from reelmill.worker.media_limits import MediaLimits
from reelmill.worker.reusing import Reuse
from reelmill.worker.secrets import Secrets
from reelmill.worker.worker import Worker, WorkerConfig

log = get_logger(__name__)
_HEALTH_CONNECTIONS = 100
_STATUS_SWEEPS = 6  # in `status_ttl_seconds`: a watermark lives for three


@asynccontextmanager
async def running_api(parts: Parts, *also: str) -> AsyncIterator[int]:
    """The gRPC service; answers its port. `also`: where its process listens besides, and takes calls for it."""
    settings = parts.settings
    door = await open_door(settings, parts.database, (settings.grpc_host, *also))
    keys = Keys.of(*settings.key_places)
    submitter = Submitter(parts.jobs, parts.cache, parts.storage, parts.relay, keys=keys)
    children = WarmChildren(parts.launcher)
    prober = Prober(children)
    folder, looks, context = settings.data_dir.expanduser() / "work", Looks(), plan_context(settings)
    reusing = Reusing.of(settings, parts.database, context)
    planner = Planner(parts.storage, prober, folder, context, looks, reusing)
    outlook = Outlook(WaitingStore(parts.database), MeasureStore(parts.database), silent_seconds=settings.lease_seconds)
    estimator = Estimator(planner, outlook, threads=context.threads, worth=worth(settings))
    addresses, uploads = Addresses.of(settings, parts.storage, keys), UploadStore(parts.database)
    presets = PresetStore(parts.database)
    server = Server(
        JobService(
            *(parts.jobs, parts.cache, submitter, planner, estimator, outlook),
            lease_seconds=settings.lease_seconds,
            addresses=addresses,
        ),
        MediaService(parts.storage, prober, folder, looks, presets),
        UploadService(uploads),
        FileService(uploads, addresses, most_bytes=settings.upload_max_bytes),
        WorkerService(WorkerStore(parts.database), lease_seconds=settings.lease_seconds),
        WebhookService(WebhookStore(parts.database), parts.storage, keys),
        AccessService.of(parts.database),
        ready=parts.database.check,
        checks=submitter.checks,
        limits=Limits(request_max_bytes=settings.request_max_bytes, batch_max_bytes=settings.batch_max_bytes),
        door=door,
        library=StoredLibrary(presets),
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
        speech_model=settings.speech_model,
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
    secrets = Secrets(Keys.of(*settings.key_places, make=False))
    return MediaExecutor(parts.storage, work, parts.launcher, children, limits, slots, history, reuse, secrets), work


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
    work: WorkRoot | None = None
    if executor is None:
        check_ffmpeg(find_ffmpeg(settings.ffmpeg))
        history = make_history(parts)
        ours, work = make_executor(parts, children, history)
        executor = ours
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
        if work and (removed := await asyncio.to_thread(work.clean)):
            log.info("removed working directories of dead workers", folders=removed)
        log.info("worker starts", owner=config.owner, slots=config.slots)
        writing = supervised("history", history.run) if history else None
        try:
            await Worker(
                config, parts.leases, WorkerStore(parts.database), parts.queue, parts.cache, parts.relay, executor
            ).run(stop)
        finally:
            if ours is not None:
                await asyncio.to_thread(ours.close)
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


async def run_scheduler(parts: Parts, *, webhooks: bool = True) -> None:
    """A scheduler, and what it samples for metrics, until cancelled. `webhooks`: it tells them, too."""
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
    running = {"sampler": sampler.run, "status_sweep": status_sweep.run}
    if webhooks:
        from reelmill.webhooks.sender import make_sender  # late: it takes HTTP's client along

        running["webhooks"] = make_sender(settings, parts.database).run
    beside = [supervised(name, run) for name, run in running.items()]
    try:
        await make_scheduler(parts).run()
    finally:
        await end(*beside)


@asynccontextmanager
async def running_gateway(settings: Settings, storage: Storage, api_target: str) -> AsyncIterator[int]:
    """The REST gateway; answers its port."""
    # Late: what serves HTTP is nothing to processes without pages, and a quarter of what a system imports.
    from reelmill.console import endpoints
    from reelmill.gateway.app import build as build_gateway
    from reelmill.gateway.connections import ConnectionLimits, protocol
    from reelmill.serving import allow_files, running_http

    application = build_gateway(api_target=api_target, storage=storage, settings=settings, pages=endpoints)
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
    from reelmill.gateway.connections import ConnectionLimits, protocol
    from reelmill.serving import running_http
    from reelmill.telemetry import health

    checks = {"database": parts.database.check, "queue": parts.queue.check}
    host, port = parts.settings.health_host, parts.settings.health_port
    speaking = protocol(ConnectionLimits(connections=_HEALTH_CONNECTIONS))
    async with running_http("health_http", health.build(checks), host, port, protocol=speaking) as port:
        log.info("health and metrics", address=f"http://{host}:{port}")
        yield port
