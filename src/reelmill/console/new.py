"""/new: a form made of the operations' own descriptions, checked while somebody types."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console import again, draft, recipes
from reelmill.console.callers import Caller
from reelmill.console.pages import Room, text
from reelmill.console.rendering import to
from reelmill.gateway import documents, json_text
from reelmill.gateway.problems import Problem, also
from reelmill.gateway.routing import Endpoint
from reelmill.jobs.errors import Violation
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import media_pb2


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What an output can be made by."""

    operations: Mapping[str, media_pb2.Operation]
    presets: Sequence[media_pb2.Preset]

    @classmethod
    async def of(cls, caller: Caller) -> "Choices":
        """As the api tells them."""
        operations, presets = await asyncio.gather(
            caller.ask("ListOperations", media_pb2.ListOperationsRequest()),
            caller.ask("ListPresets", media_pb2.ListPresetsRequest()),
        )
        return cls(operations={one.name: one for one in operations.operations}, presets=presets.presets)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A job that was typed, and what is wrong with it."""

    job: pb.Job
    document: str
    violations: tuple[Violation, ...]


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The form, its parts, and what becomes of it."""

    async def show(request: Request, caller: Caller) -> Response:
        asked, written = request.query_params, ""
        if job_id := asked.get("job", ""):
            job = await caller.ask("GetJob", pb.GetJobRequest(id=job_id, view=pb.FULL))
            written = again.document(job)
        elif name := asked.get("like", ""):
            written = _like(await Choices.of(caller), name)
        made = draft.new(f"preset:{asked['preset']}" if "preset" in asked else "", asked.get("uri", ""))
        return await form(caller, made, written=written, as_json=bool(written) or "json" in asked)

    async def form(
        caller: Caller, made: draft.Draft, *, written: str = "", as_json: bool = False, checked: Checked | None = None
    ) -> Response:
        return room.show(
            "new.html",
            caller,
            status=400 if checked else 200,
            choices=await Choices.of(caller),
            draft=made,
            as_json=as_json,
            written=written,
            checked=checked,
            shown=draft.shown,
            request_id=str(uuid4()),
        )

    async def output(request: Request, caller: Caller) -> Response:
        number, make = request.query_params.get("n", "0"), request.query_params.get("make", "preset:web-mp4")
        for name, value in request.query_params.items():  # a choice is told under its own name
            if name.endswith(".make"):
                number, make = name[1:-5], value
        number = number if number.isdecimal() and int(number) < draft.MOST_OUTPUTS else "0"
        name = request.query_params.get(f"o{number}.name", "") or make.partition(":")[2]
        one = draft.DraftOutput(name=name, make=make, values={})
        choices = await Choices.of(caller)
        return room.templates.answer("new_output.html", choices=choices, one=one, n=int(number), shown=draft.shown)

    async def check(_request: Request, caller: Caller, fields: FormData) -> Response:
        found = await checked(caller, fields)
        return room.templates.answer("new_checked.html", checked=found)

    async def plan(_request: Request, caller: Caller, fields: FormData) -> Response:
        found = await checked(caller, fields)
        if found.violations:
            return room.templates.answer("new_checked.html", checked=found)
        told, estimate = await asyncio.gather(
            caller.ask("ValidateJob", pb.ValidateJobRequest(job=found.job, view=pb.FULL)),
            caller.ask("EstimateJob", pb.EstimateJobRequest(job=found.job)),
        )
        return room.templates.answer("new_plan.html", job=told, estimate=estimate)

    async def submit(_request: Request, caller: Caller, fields: FormData) -> Response:
        found = await checked(caller, fields)
        if not found.violations:
            request = pb.CreateJobRequest(job=found.job, request_id=text(fields, "request_id"))
            return to(f"/jobs/{(await caller.ask('CreateJob', request)).id}")
        written = text(fields, "json")
        return await form(caller, draft.read(_pairs(fields)), written=written, as_json=bool(written), checked=found)

    return [
        room.page("/new", show),
        room.page("/new/output", output),
        room.action("/new/check", check),
        room.action("/new/plan", plan),
        room.action("/new", submit),
    ]


async def checked(caller: Caller, fields: FormData) -> Checked:
    """The job of a form, and all that is wrong with it: what is no job, and what the api says of the rest."""
    job, written = pb.Job(), text(fields, "json")
    if not written:
        made = draft.read(_pairs(fields))
        told = draft.document(made, (await Choices.of(caller)).operations)
        written = json.dumps(told, indent=2, ensure_ascii=False)
    try:
        document = json_text.load(written.encode())
    except ValueError as error:
        return Checked(job=job, document=written, violations=(Violation("job", str(error)),))
    found = tuple(documents.fill(job, document, "job"))
    try:
        await caller.ask("ValidateJob", pb.ValidateJobRequest(job=job))
    except Problem as problem:
        if problem.status != 400 or not problem.violations:
            raise
        found = also(found, problem.violations)
    return Checked(job=job, document=written, violations=found)


def _like(choices: Choices, name: str) -> str:
    """A job that makes what a preset does, each setting written out."""
    for preset in choices.presets:
        if preset.name == name:
            job = recipes.as_job(preset, "https://example.org/talk.mov", name=name)
            return again.document(job)
    raise Problem(404, "NOT_FOUND", f"there is no preset {name[:80]!r}")


def _pairs(fields: FormData) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in fields.multi_items()]
