"""/jobs/ID: all of a job."""

import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import grpc
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console import again, failures, graph, players, timeline
from reelmill.console.callers import Caller, as_theirs
from reelmill.console.jobs import act
from reelmill.console.pages import Room, text
from reelmill.console.policy import HEADERS
from reelmill.console.rendering import to
from reelmill.console.views import final
from reelmill.gateway.problems import from_rpc
from reelmill.gateway.routing import Endpoint
from reelmill.gateway.transcoding import to_json
from reelmill.v1 import jobs_pb2 as pb

PAGE_TASKS, PAGE_EVENTS, PAGE_LOGS = 100, 200, 200
_BETWEEN_SECONDS = 0.25  # two drawings


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The page, its live part, its forms and its files."""

    async def show(request: Request, caller: Caller) -> Response:
        seen = await look(caller, request.path_params["id"])
        job = seen["job"]
        logs = await caller.ask("ListJobLogs", pb.ListJobLogsRequest(id=job.id, page_size=PAGE_LOGS))
        written = {
            "curl": again.curl(job, _base(request), with_key=bool(caller.name)),
            "python": again.python(job),
            "command": again.command(job),
            "json": again.document(job),
        }
        return room.show("job.html", caller, logs=logs, written=written, **seen)

    async def live(request: Request, caller: Caller) -> Response:
        job_id = request.path_params["id"]

        async def drawings() -> AsyncGenerator[str]:
            async for seen in changes(caller, job_id):
                yield room.templates.text("job_live.html", **seen)

        return await room.live(caller, ("job", job_id), drawings)

    async def more_log(request: Request, caller: Caller) -> Response:
        after = request.query_params.get("after", "0")
        asked = pb.ListJobLogsRequest(
            id=request.path_params["id"], page_size=PAGE_LOGS, after_sequence=int(after) if after.isdecimal() else 0
        )
        logs = await caller.ask("ListJobLogs", asked)
        return room.templates.answer("job_log.html", logs=logs, job_id=asked.id)

    async def download(request: Request, caller: Caller) -> Response:
        return await room.inside.files.download(as_theirs(request, caller))

    return [
        room.page("/jobs/{id}", show),
        room.stream("/jobs/{id}/live", live),
        room.page("/jobs/{id}/log", more_log),
        room.page("/jobs/{id}/json", as_json),
        room.page("/jobs/{id}/files/{output}/{path=**}", download),
        room.action("/jobs/{id}", do),
    ]


async def look(caller: Caller, job_id: str) -> dict[str, Any]:
    """What the live part shows. Raises Problem."""
    job = await caller.ask("GetJob", pb.GetJobRequest(id=job_id, view=pb.FULL))
    tasks = await caller.ask("ListTasks", pb.ListTasksRequest(id=job_id, page_size=PAGE_TASKS))
    events = await caller.ask("ListJobEvents", pb.ListJobEventsRequest(id=job_id, page_size=PAGE_EVENTS))
    return _drawn(job, tasks, events)


def _drawn(job: pb.Job, tasks: pb.ListTasksResponse, events: pb.ListJobEventsResponse) -> dict[str, Any]:
    return {
        "job": job,
        "tasks": tasks,
        "graph": graph.drawn(tasks.tasks),
        "events": events,
        "rows": timeline.rows(events.events, time.time()),
        "failure": failures.explain(job.error) if job.HasField("error") else None,
        "outputs": [players.shown(output) for output in job.outputs],
        "address": players.address,
    }


async def changes(caller: Caller, job_id: str) -> AsyncGenerator[dict[str, Any]]:
    """The job whenever it changed, until its end: anew after an event that is kept, with new progress after others."""
    seen = await look(caller, job_id)
    yield seen
    if final(seen["job"]):
        return
    call = caller.follow("WatchJob", pb.WatchJobRequest(id=job_id, after_sequence=seen["job"].version))
    drawn = time.monotonic()
    try:
        while (event := await call.read()) is not grpc.aio.EOF:
            job = seen["job"]
            if event.sequence:
                seen = await look(caller, job_id)
            elif time.monotonic() - drawn < _BETWEEN_SECONDS:
                continue
            else:
                job.progress.CopyFrom(event.progress)
                job.queue.CopyFrom(event.queue)
                if not event.HasField("queue"):
                    job.ClearField("queue")
            drawn = time.monotonic()
            yield seen
    except grpc.aio.AioRpcError as error:
        raise from_rpc(error) from error
    finally:
        call.cancel()


async def as_json(request: Request, caller: Caller) -> Response:
    """The job as the REST form tells it, all of it."""
    job = await caller.ask("GetJob", pb.GetJobRequest(id=request.path_params["id"], view=pb.FULL))
    return Response(to_json(job), headers={**HEADERS, "Cache-Control": "no-store"}, media_type="application/json")


async def do(request: Request, caller: Caller, fields: FormData) -> Response:
    """Cancel it, or make it again."""
    job = await act(caller, text(fields, "do"), request.path_params["id"])
    return to(f"/jobs/{job.id}")


def _base(request: Request) -> str:
    """Where the reader finds us: for examples alone."""
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else request.url.scheme
    return f"{scheme}://{request.headers.get('host', 'localhost')}"
