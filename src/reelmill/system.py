"""The kinds of process: what runs in each, from its start to SIGTERM."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from reelmill.app import (
    make_worker,
    run_scheduler,
    running_api,
    running_gateway,
    running_health,
)
from reelmill.jobs.errors import Stopped
from reelmill.media.launcher import Launcher
from reelmill.media.packager import packager_lacking
from reelmill.parts import Parts, open_parts
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.supervise import end, stop_on_signals, supervised
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import expose

_MAX_ENDS = 5  # of a whole worker or scheduler, within 3 s; then the process ends, for others to start anew


@dataclass(frozen=True, kw_only=True, slots=True)
class Alone:
    """A system that nobody shares and that lives for some jobs: it has no pages."""

    waits: bool = True
    """Whether its end waits for that of its PostgreSQL, which comes either way."""
    launcher: Launcher | None = None
    """Runs what reads files, started before the rest; None: it is started with the rest."""
    webhooks: bool = False
    """Whether its jobs tell others of themselves."""
    sweeps_after_seconds: float = 0.0
    """When its scheduler begins: what is over by then does not wait for its first look at everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where a running system listens; `http` is empty where nobody asked for pages."""

    http: str
    grpc: str


@asynccontextmanager
async def running_system(settings: Settings, *, alone: Alone | None = None) -> AsyncIterator[Addresses]:
    """All processes in this one, for `reelmill up`, `run` and `demo`; `alone`: nobody shares its database."""
    expose("up")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(traces.exporting("up", settings.otlp_endpoint))
        waits = alone is None or alone.waits
        parts = await stack.enter_async_context(
            open_parts(settings, process="up", wait=waits, launching=alone.launcher if alone else None)
        )
        grpc_port = await stack.enter_async_context(running_api(parts, settings.http_host))
        target = f"{settings.grpc_host}:{grpc_port}"
        http = ""
        if not alone:
            http_port = await stack.enter_async_context(running_gateway(settings, parts.storage, target))
            http = f"http{'s' if settings.http_certificate else ''}://{settings.http_host}:{http_port}"
        stop = asyncio.Event()
        webhooks = alone is None or alone.webhooks
        after_seconds = alone.sweeps_after_seconds if alone else 0.0
        running = [
            _worker(parts, stop, alone=alone is not None),
            _scheduler(parts, webhooks=webhooks, after_seconds=after_seconds),
        ]
        for task in running:
            task.add_done_callback(lambda task: _ended_early(task, stop))
        try:
            yield Addresses(http=http, grpc=target)
        finally:
            stop.set()
            await asyncio.gather(running[0], return_exceptions=True)
            await end(running[1])


async def run_process(process: str, settings: Settings) -> None:
    """One of api, gateway, worker, scheduler, until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    expose(process)
    async with traces.exporting(process, settings.otlp_endpoint):
        with suppress(Stopped):
            await _run(process, settings, stop)


async def _run(process: str, settings: Settings, stop: asyncio.Event) -> None:
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
            await _worker(parts, stop)
        else:
            scheduler, stopping = _scheduler(parts), asyncio.create_task(stop.wait())
            await asyncio.wait([scheduler, stopping], return_when=asyncio.FIRST_COMPLETED)
            if scheduler.done():
                await scheduler
            await end(scheduler, stopping)


def _worker(parts: Parts, stop: asyncio.Event, *, alone: bool = False) -> asyncio.Task[None]:
    if lacking := packager_lacking():
        get_logger("worker").warning("this worker can't make packages", reason=lacking)
    return supervised("worker", make_worker(parts, stop, alone=alone), until=stop, max_ends=_MAX_ENDS)


def _scheduler(parts: Parts, *, webhooks: bool = True, after_seconds: float = 0.0) -> asyncio.Task[None]:
    async def run() -> None:
        await asyncio.sleep(after_seconds)
        await run_scheduler(parts, webhooks=webhooks)

    return supervised("scheduler", run, max_ends=_MAX_ENDS)


def _ended_early(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """End the whole as SIGTERM does: to go on without a worker would look well and do nothing."""
    if not stop.is_set() and not task.cancelled():
        os.kill(os.getpid(), signal.SIGTERM)
