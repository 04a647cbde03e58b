"""One process of its kind, from its start to SIGTERM."""

import asyncio
from contextlib import suppress

from reelmill.jobs.errors import Stopped
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.supervise import end, stop_on_signals
from reelmill.telemetry import traces
from reelmill.telemetry.metrics import expose


async def run_process(process: str, settings: Settings) -> None:
    """One of api, gateway, worker, scheduler, until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    expose(process)
    async with traces.exporting(process, settings.otlp_endpoint):
        with suppress(Stopped):
            await _run(process, settings, stop)


async def _run(process: str, settings: Settings, stop: asyncio.Event) -> None:
    # Late: of what the four import, each needs about half.
    if process == "gateway":
        from reelmill.app.gateway import running_gateway

        target = settings.api_target or f"{settings.grpc_host}:{settings.grpc_port}"
        async with running_gateway(settings, Storage.from_settings(settings), target):
            await stop.wait()
        return
    from reelmill.app.health import running_health
    from reelmill.parts import open_parts

    async with open_parts(settings, process=process, stop=stop) as parts, running_health(parts):
        if process == "api":
            from reelmill.app.api import running_api

            async with running_api(parts):
                await stop.wait()
        elif process == "worker":
            from reelmill.app.worker import running_worker

            await running_worker(parts, stop)
        else:
            from reelmill.app.scheduler import running_scheduler

            scheduler, stopping = running_scheduler(parts), asyncio.create_task(stop.wait())
            await asyncio.wait([scheduler, stopping], return_when=asyncio.FIRST_COMPLETED)
            if scheduler.done():
                await scheduler
            await end(scheduler, stopping)
