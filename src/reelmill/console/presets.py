"""/presets: what outputs can be asked for by name; one's own are made here, tried on a sample, and saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console import recipes
from reelmill.console.callers import Caller
from reelmill.console.pages import Room, text
from reelmill.console.rendering import to
from reelmill.gateway.problems import Problem
from reelmill.gateway.routing import Endpoint
from reelmill.jobs.errors import Violation
from reelmill.v1 import jobs_pb2, media_pb2

_NEW = '{\n  "transcode": {}\n}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A preset on its page."""

    preset: media_pb2.Preset
    makes: tuple[str, ...]
    """Its operations, each with the name that it adds to the output's."""
    document: str
    """Its settings, as JSON."""

    @property
    def own(self) -> bool:
        """Whether it was saved here, and did not come with Reelmill."""
        return self.preset.version > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A preset as it was typed, and what is wrong with it."""

    name: str
    description: str = ""
    written: str = _NEW
    uri: str = recipes.SAMPLE
    preset: media_pb2.Preset
    violations: tuple[Violation, ...] = ()


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The list, the form of one, and what becomes of that."""

    async def show(_request: Request, caller: Caller) -> Response:
        return room.show("presets.html", caller, presets=[shown(preset) for preset in await _all(caller)])

    async def edit(request: Request, caller: Caller) -> Response:
        return edited(caller, await _draft(caller, request.query_params.get("of", "")))

    def edited(caller: Caller, draft: Draft, *, checked: bool = False) -> Response:
        status = 400 if draft.violations else 200
        return room.show("preset_edit.html", caller, status=status, draft=draft, checked=checked)

    async def check(_request: Request, caller: Caller, fields: FormData) -> Response:
        return room.templates.answer("preset_checked.html", draft=await checked(caller, fields))

    async def try_it(_request: Request, caller: Caller, fields: FormData) -> Response:
        draft = await checked(caller, fields)
        if draft.violations:
            return edited(caller, draft, checked=True)
        job = recipes.as_job(draft.preset, draft.uri, name="try")
        job.labels["tried-preset"] = draft.name[:63] or "new"
        return to(f"/jobs/{(await caller.ask('CreateJob', jobs_pb2.CreateJobRequest(job=job))).id}")

    async def save(_request: Request, caller: Caller, fields: FormData) -> Response:
        draft = await checked(caller, fields)
        if not draft.violations:
            try:
                saved = await caller.ask("SavePreset", media_pb2.SavePresetRequest(preset=draft.preset))
                return to(f"/presets#preset-{saved.name}")
            except Problem as problem:
                if problem.status != 400 or not problem.violations:
                    raise
                draft = _with(draft, problem.violations)
        return edited(caller, draft, checked=True)

    async def remove(_request: Request, caller: Caller, fields: FormData) -> Response:
        await caller.ask("DeletePreset", media_pb2.DeletePresetRequest(name=text(fields, "name")))
        return to("/presets")

    return [
        room.page("/presets", show),
        room.page("/presets/edit", edit),
        room.action("/presets/check", check),
        room.action("/presets/try", try_it),
        room.action("/presets/remove", remove),
        room.action("/presets", save),
    ]


def shown(preset: media_pb2.Preset) -> Shown:
    """What a page tells of a preset."""
    parts = list(preset.outputs)
    makes = [f"{part.part}: {part.WhichOneof('operation')}" for part in parts] or [str(preset.WhichOneof("operation"))]
    return Shown(preset=preset, makes=tuple(makes), document=recipes.settings(preset))


async def checked(caller: Caller, fields: FormData) -> Draft:
    """The preset of a form, and all that is wrong with it: what is none, and what the api says of its operations."""
    written = text(fields, "json")
    name, description = text(fields, "name"), text(fields, "description")
    uri = text(fields, "uri") or recipes.SAMPLE
    preset, found = recipes.read(name, description, written)
    draft = Draft(name=name, description=description, written=written, uri=uri, preset=preset, violations=tuple(found))
    if found:
        return draft
    try:
        await caller.ask("ValidateJob", jobs_pb2.ValidateJobRequest(job=recipes.as_job(preset, uri, name="try")))
    except Problem as problem:
        if problem.status != 400 or not problem.violations:
            raise
        return _with(draft, problem.violations)
    return draft


def _with(draft: Draft, violations: Sequence[Violation]) -> Draft:
    return replace(draft, violations=tuple(recipes.told_of_preset(one, draft.preset) for one in violations))


async def _draft(caller: Caller, of: str) -> Draft:
    """A copy of a preset; one's own becomes its next version. Raises Problem."""
    if not of:
        return Draft(name="", preset=media_pb2.Preset())
    presets = await _all(caller)
    for preset in presets:
        if preset.name == of:
            name = of if preset.version else recipes.another_name(of, (one.name for one in presets))
            written = recipes.settings(preset)
            return Draft(name=name, description=preset.description, written=written, preset=preset)
    raise Problem(404, "NOT_FOUND", f"there is no preset {of[:80]!r}")


async def _all(caller: Caller) -> Sequence[media_pb2.Preset]:
    found: media_pb2.ListPresetsResponse = await caller.ask("ListPresets", media_pb2.ListPresetsRequest())
    return found.presets
