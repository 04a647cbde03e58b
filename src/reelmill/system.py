"""All kinds of process in one, for `reelmill up`, `run` and `demo`."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from reelmill.app.api import running_api
from reelmill.app.gateway import running_gateway
from reelmill.app.scheduler import running_scheduler
from reelmill.app.worker import running_worker
from reelmill.media.launcher import Launcher
from reelmill.parts import open_parts
from reelmill.settings import Settings
from reelmill.supervise import end
from reelmill.telemetry import traces
from reelmill.telemetry.metrics import expose


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
            running_worker(parts, stop, alone=alone is not None),
            running_scheduler(parts, webhooks=webhooks, after_seconds=after_seconds),
        ]
        for task in running:
            task.add_done_callback(lambda task: _ended_early(task, stop))
        try:
            yield Addresses(http=http, grpc=target)
        finally:
            stop.set()
            await asyncio.gather(running[0], return_exceptions=True)
            await end(running[1])


def _ended_early(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    """End the whole as SIGTERM does: to go on without a worker would look well and do nothing."""
    if not stop.is_set() and not task.cancelled():
        os.kill(os.getpid(), signal.SIGTERM)
