"""Presets as somebody would write one, and as a job that makes what they do. Pure."""

import re
from collections.abc import Iterable

from google.protobuf import json_format

from reelmill.gateway import documents, json_text
from reelmill.jobs.errors import Violation
from reelmill.v1 import jobs_pb2, media_pb2

SAMPLE = "example:clip"
"""An input that every server has."""
_SAID = ("name", "description", "version", "create_time")  # beside the settings, or by the server
_LONGEST_NAME = 48
_OUTPUT = re.compile(r"^job\.outputs\[(\d+)\](\.|$)")


def settings(preset: media_pb2.Preset) -> str:
    """What a preset does, as JSON."""
    copy = media_pb2.Preset()
    copy.CopyFrom(preset)
    for name in _SAID:
        copy.ClearField(name)
    return json_format.MessageToJson(copy, preserving_proto_field_name=True, indent=2, ensure_ascii=False)


def another_name(name: str, taken: Iterable[str]) -> str:
    """A name for a copy that no preset has."""
    names = set(taken)
    endings = ("-copy", *(f"-copy-{number}" for number in range(2, len(names) + 3)))
    return next(made for end in endings if (made := name[: _LONGEST_NAME - len(end)] + end) not in names)


def read(name: str, description: str, written: str) -> tuple[media_pb2.Preset, list[Violation]]:
    """The preset of a form, and what is wrong with its settings' JSON."""
    preset = media_pb2.Preset()
    try:
        document = json_text.load(written.encode())
    except ValueError as error:
        return preset, [Violation("preset", str(error))]
    found = documents.fill(preset, document, "preset", without=_SAID)
    preset.name, preset.description = name, description
    return preset, found


def as_job(preset: media_pb2.Preset, uri: str, *, name: str) -> jobs_pb2.Job:
    """A job that makes what a preset does, each setting written out."""
    job = jobs_pb2.Job(inputs=[jobs_pb2.Input(uri=uri)])
    for part in preset.outputs or [preset]:
        behind = getattr(part, "part", "")
        output = job.outputs.add(name=f"{name}-{behind}"[:64] if behind else name[:64])
        if kind := part.WhichOneof("operation"):
            getattr(output, kind).CopyFrom(getattr(part, kind))
        if part.HasField("contract"):
            output.contract.CopyFrom(part.contract)
        output.optional = getattr(part, "optional", False)
    return job


def told_of_preset(violation: Violation, preset: media_pb2.Preset) -> Violation:
    """What was said of such a job, said of the preset."""
    several = bool(preset.outputs)

    def place(found: re.Match[str]) -> str:
        return (f"preset.outputs[{found[1]}]" if several else "preset") + found[2]

    return Violation(_OUTPUT.sub(place, violation.field), violation.description)
