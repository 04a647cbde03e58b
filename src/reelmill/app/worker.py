"""The parts of a worker."""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from reelmill.embedded import data_dir
from reelmill.jobs.places import ENGINE
from reelmill.media.abilities import lacking
from reelmill.media.ffmpeg import capabilities, find_ffmpeg
from reelmill.media.packager import packager_lacking
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.media.warm import WarmChildren
from reelmill.parts import Parts
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.storage.workdir import WorkRoot
from reelmill.store.leases import KINDS
from reelmill.store.measures import MeasureStore
from reelmill.store.switches import GRAPHS, is_on
from reelmill.store.workers import WorkerStore
from reelmill.supervise import MAX_ENDS, end, supervised
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


def running_worker(parts: Parts, stop: asyncio.Event, *, alone: bool = False) -> asyncio.Task[None]:
    """A worker as a supervised task, until `stop` and its drain."""
    if lacking := packager_lacking():
        log.warning("this worker can't make packages", reason=lacking)
    return supervised("worker", make_worker(parts, stop, alone=alone), until=stop, max_ends=MAX_ENDS)
