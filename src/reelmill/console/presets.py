"""/presets: what outputs can be asked for by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from reelmill.console.callers import Caller
from reelmill.console.pages import Room
from reelmill.gateway.routing import Endpoint
from reelmill.v1 import media_pb2


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A preset on its page."""

    preset: media_pb2.Preset
    makes: tuple[str, ...]
    """Its operations, each with the name that it adds to the output's."""
    document: str
    """Its settings, as JSON."""


def endpoints(room: Room) -> Sequence[Endpoint]:
    """The page."""

    async def show(_request: Request, caller: Caller) -> Response:
        found = await caller.ask("ListPresets", media_pb2.ListPresetsRequest())
        return room.show("presets.html", caller, presets=[shown(preset) for preset in found.presets])

    return [room.page("/presets", show)]


def shown(preset: media_pb2.Preset) -> Shown:
    """What a page tells of a preset."""
    parts = list(preset.outputs)
    makes = [f"{part.part}: {part.WhichOneof('operation')}" for part in parts] or [str(preset.WhichOneof("operation"))]
    return Shown(preset=preset, makes=tuple(makes), document=_settings(preset))


def _settings(message: Message) -> str:
    copy = type(message)()
    copy.CopyFrom(message)
    for name in ("name", "description"):
        copy.ClearField(name)
    return json_format.MessageToJson(copy, preserving_proto_field_name=True, indent=2, ensure_ascii=False)
