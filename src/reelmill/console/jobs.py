"""/: jobs, live; what can be done with many of them; and a file that becomes one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console import search
from reelmill.console.again import again
from reelmill.console.callers import Caller, as_theirs
from reelmill.console.pages import Room, own_path, text
from reelmill.console.rendering import to
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.jobs.states import JobState
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import media_pb2

PAGE_JOBS = 25
MOST_AT_ONCE = 100
_LOOK_SECONDS = 2.0
_STATES = tuple(state.lower() for state in JobState)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a reader wants to see."""

    text: str
    filter: str
    state: str
    page: str

    @classmethod
    def of(cls, request: Request) -> "Asked":
        """What a request asks for. Raises Unreadable."""
        typed = request.query_params.get("q", "")
        found = search.read(typed)
        page = request.query_params.get("page", "")[:1024]
        return cls(text=typed.strip(), filter=found.filter, state=found.state.lower(), page=page)

    @property
    def message(self) -> pb.ListJobsRequest:
        """The api's question."""
        return pb.ListJobsRequest(page_size=PAGE_JOBS, page_token=self.page, filter=self.filter)


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The list, its live part, and its forms."""

    async def show(request: Request, caller: Caller) -> Response:
        typed, wrong = request.query_params.get("q", ""), ""
        try:
            if job_id := search.read(typed).job_id:
                return to(f"/jobs/{job_id}")
            asked = Asked.of(request)
            found = await listed(caller, asked)
        except (search.Unreadable, Problem) as error:
            if isinstance(error, Problem) and error.status != 400:
                raise
            wrong = str(error) if isinstance(error, search.Unreadable) else error.detail
            asked, found = Asked(text=typed, filter="", state="", page=""), pb.ListJobsResponse()
        presets = await caller.ask("ListPresets", media_pb2.ListPresetsRequest())
        values = {"asked": asked, "found": found, "wrong": wrong, "states": _STATES, "presets": presets.presets}
        return room.show("jobs.html", caller, request_id=str(uuid4()), **values)

    async def live(request: Request, caller: Caller) -> Response:
        try:
            asked = Asked.of(request)
        except search.Unreadable as error:
            raise Problem(400, "INVALID_REQUEST", str(error)) from error

        async def rows() -> AsyncGenerator[str]:
            while True:
                found = await listed(caller, asked)
                yield room.templates.text("jobs_rows.html", found=found, asked=asked)
                await asyncio.sleep(_LOOK_SECONDS)

        return await room.live(caller, ("jobs", asked.filter, asked.page), rows)

    async def upload(request: Request, caller: Caller) -> Response:
        return await room.inside.files.upload(as_theirs(request, caller))

    return [
        room.page("/", show),
        room.stream("/live/jobs", live),
        room.own("/uploads", upload),
        room.action("/run", run),
        room.action("/jobs", many),
    ]


async def listed(caller: Caller, asked: Asked) -> pb.ListJobsResponse:
    """A page of jobs, with the progress of those that run. Raises Problem."""
    found: pb.ListJobsResponse = await caller.ask("ListJobs", asked.message)
    running = [job for job in found.jobs if job.state == pb.Job.PROCESSING]
    answers = await asyncio.gather(*(_newest(caller, job) for job in running))
    for job, newest in zip(running, answers, strict=True):
        if newest.state == pb.Job.PROCESSING:
            job.progress.CopyFrom(newest.progress)
            job.attempt, job.phase = newest.attempt, newest.phase
    return found


async def _newest(caller: Caller, job: pb.Job) -> pb.Job:
    try:
        newest: pb.Job = await caller.ask("GetJob", pb.GetJobRequest(id=job.id))
    except Problem as problem:
        if problem.status != 404:  # deleted meanwhile
            raise
        return job
    return newest


async def run(_request: Request, caller: Caller, fields: FormData) -> Response:
    """A file and a preset become a job."""
    uri, preset = text(fields, "uri"), text(fields, "preset")
    job = pb.Job(inputs=[pb.Input(uri=uri)], outputs=[pb.Output(name=preset[:64], preset=preset)])
    made = await caller.ask("CreateJob", pb.CreateJobRequest(job=job, request_id=text(fields, "request_id")))
    return to(f"/jobs/{made.id}")


async def many(_request: Request, caller: Caller, fields: FormData) -> Response:
    """Cancel, retry or replay the jobs that were chosen; what can't be done with one is told, the others are done."""
    chosen, what, back = fields.getlist("id"), text(fields, "do"), own_path(text(fields, "back") or "/")
    if not chosen:
        raise Problem(400, "INVALID_REQUEST", "no job is chosen: tick one or more")
    if len(chosen) > MOST_AT_ONCE:
        raise Problem(400, "INVALID_REQUEST", f"at most {MOST_AT_ONCE} jobs at once")
    refused = []
    for job_id in chosen:
        try:
            await act(caller, what, str(job_id))
        except Problem as problem:
            if len(chosen) == 1 or problem.status in (401, 403):
                raise
            refused.append(problem.detail)
    if refused:
        told = "; ".join(refused[:10])
        raise Problem(409, "NOT_ALL_DONE", f"{len(chosen) - len(refused)} of {len(chosen)} done; the others: {told}")
    return to(back)


async def act(caller: Caller, what: str, job_id: str) -> pb.Job:
    """The job that is cancelled, or the new one. Raises Problem."""
    answer: pb.Job
    if what == "cancel":
        answer = await caller.ask("CancelJob", pb.CancelJobRequest(id=job_id, reason="cancelled in the console"))
    elif what == "retry":
        answer = await caller.ask("RetryJob", pb.RetryJobRequest(id=job_id))
    elif what == "replay":
        job = await caller.ask("GetJob", pb.GetJobRequest(id=_id(job_id), view=pb.FULL))
        answer = await caller.ask("CreateJob", pb.CreateJobRequest(job=again(job)))
    else:
        raise Problem(400, "INVALID_REQUEST", f"{what[:40]!r} is nothing to do with jobs: cancel, retry, replay")
    return answer


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise Problem(404, "NOT_FOUND", f"there is no job {text[:80]!r}: a job's id is a UUID") from error
