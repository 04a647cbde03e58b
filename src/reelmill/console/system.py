"""/system: who works, what waits, what is wrong; each two seconds."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from reelmill import __version__
from reelmill.console import findings
from reelmill.console.callers import Caller
from reelmill.console.pages import Room
from reelmill.gateway.routing import Endpoint
from reelmill.jobs.errors import Unavailable
from reelmill.v1 import workers_pb2 as pb

PAGE_WORKERS = 200
_LOOK_SECONDS = 2.0
_KEPT = 150
"""Points of a chart: five minutes."""
_TOLD = (
    *("reelmill_tasks", "reelmill_queue_lag_messages", "reelmill_worker_disk_free_bytes"),
    *("reelmill_worker_disk_reserve_bytes", "reelmill_tasks_oldest_ready_seconds", "reelmill_tasks_unserved"),
)
Points = deque[tuple[float, int, int, float]]


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The page and its live part."""

    async def look(caller: Caller, points: Points) -> dict[str, Any]:
        found = await caller.ask("ListWorkers", pb.ListWorkersRequest(page_size=PAGE_WORKERS))
        try:
            await room.inside.upstream.check()
            api = ""
        except Unavailable as error:
            api = str(error)
        measured = measurements()
        live = [worker for worker in found.workers if not worker.silent]
        slots, running = sum(worker.slots for worker in live), sum(worker.running for worker in live)
        points.append((round(time.time(), 1), slots, running, measured.get("waiting", 0.0)))
        told = findings.of(found.workers, api=api, version=__version__, measured=measured, now=time.time())
        return {
            "workers": found.workers,
            "more": bool(found.next_page_token),
            "measured": measured,
            "slots": slots,
            "running": running,
            "findings": told,
            "version": __version__,
            "points": json.dumps([list(line) for line in zip(*points, strict=True)]),
        }

    async def show(_request: Request, caller: Caller) -> Response:
        return room.show("system.html", caller, **await look(caller, deque(maxlen=_KEPT)))

    async def live(_request: Request, caller: Caller) -> Response:
        async def drawings() -> AsyncGenerator[str]:
            points: Points = deque(maxlen=_KEPT)
            while True:
                yield room.templates.text("system_live.html", **await look(caller, points))
                await asyncio.sleep(_LOOK_SECONDS)

        return await room.live(caller, ("system",), drawings)

    return [room.page("/system", show), room.stream("/live/system", live)]


def measurements() -> Mapping[str, float]:
    """What this process itself has measured: all of it where everything is one process, else what Prometheus has."""
    found: dict[str, float] = {}
    for family in REGISTRY.restricted_registry(_TOLD).collect():
        for sample in family.samples:
            name, value = _name(sample.name, sample.labels), float(sample.value)
            if name and value == value:  # no NaN: it could not be asked
                largest = sample.name.endswith("oldest_ready_seconds")
                found[name] = max(found.get(name, 0.0), value) if largest else found.get(name, 0.0) + value
    return found


def _name(name: str, labels: Mapping[str, str]) -> str:
    if name == "reelmill_tasks":
        return {"READY": "waiting", "RUNNING": "working", "DELAYED": "delayed"}.get(labels.get("state", ""), "")
    return {
        "reelmill_queue_lag_messages": "lag",
        "reelmill_worker_disk_free_bytes": "disk_free",
        "reelmill_worker_disk_reserve_bytes": "disk_reserve",
        "reelmill_tasks_oldest_ready_seconds": "oldest",
        "reelmill_tasks_unserved": "unserved",
    }.get(name, "")
