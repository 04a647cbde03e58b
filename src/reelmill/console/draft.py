"""What a form says of a job, as the JSON that a client would send. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reelmill.v1 import media_pb2

MOST_OUTPUTS = 16
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,12})?")
_WHOLE = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftOutput:
    """An output as it was typed."""

    name: str
    make: str
    """`preset:NAME` or `operation:NAME`."""
    values: Mapping[str, str]
    """By the parameters' paths."""

    @property
    def operation(self) -> str:
        """The operation's name; empty for a preset."""
        kind, _, name = self.make.partition(":")
        return name if kind == "operation" else ""

    @property
    def preset(self) -> str:
        """The preset's name; empty for an operation."""
        kind, _, name = self.make.partition(":")
        return name if kind == "preset" else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A job as it was typed."""

    uri: str
    priority: str
    labels: str
    outputs: tuple[DraftOutput, ...]


def new(make: str, uri: str = "") -> Draft:
    """A form that nobody has filled in."""
    name = make.partition(":")[2] or "web"
    output = DraftOutput(name=name, make=make or "preset:web-mp4", values={})
    return Draft(uri=uri, priority="", labels="", outputs=(output,))


def read(fields: Sequence[tuple[str, str]]) -> Draft:
    """The draft of a form's fields: outputs are o0.name, o0.make, o0.p.video.width…"""
    given = {name: value.strip() for name, value in fields}
    numbers = sorted({int(m[1]) for name in given if (m := re.match(r"o(\d{1,3})\.", name))})
    outputs = [_output(given, number) for number in numbers[:MOST_OUTPUTS]]
    return Draft(
        uri=given.get("uri", ""),
        priority=given.get("priority", ""),
        labels=given.get("labels", ""),
        outputs=tuple(outputs),
    )


def _output(given: Mapping[str, str], number: int) -> DraftOutput:
    head = f"o{number}.p."
    return DraftOutput(
        name=given.get(f"o{number}.name", ""),
        make=given.get(f"o{number}.make", ""),
        values={name.removeprefix(head): value for name, value in given.items() if name.startswith(head) and value},
    )


def shown(operation: media_pb2.Operation) -> list[media_pb2.Parameter]:
    """The parameters that have a field in the form: not those of lists of messages, which JSON says better."""
    return [p for p in operation.parameters if p.type != "message" and "[]" not in p.path]


def document(draft: Draft, operations: Mapping[str, media_pb2.Operation]) -> dict[str, Any]:
    """The job. What can't be read as a number goes on as text: the check names the field, and says what it must be."""
    made: dict[str, Any] = {"inputs": [{"uri": draft.uri}] if draft.uri else [], "outputs": []}
    for output in draft.outputs:
        one: dict[str, Any] = {"name": output.name}
        if output.operation in operations:
            types = {p.path: p for p in shown(operations[output.operation])}
            body: dict[str, Any] = {}
            for path, text in output.values.items():
                if path in types:
                    _put(body, path.split("."), _value(types[path], text))
            one[output.operation] = body
        else:
            one["preset"] = output.preset
        made["outputs"].append(one)
    if draft.priority:
        made["priority"] = _number(draft.priority)
    if pairs := [part.partition("=") for part in draft.labels.split(",") if part.strip()]:
        made["labels"] = {name.strip(): value.strip() for name, _, value in pairs}
    return made


def _put(body: dict[str, Any], path: Sequence[str], value: object) -> None:
    for name in path[:-1]:
        body = body.setdefault(name, {})
    body[path[-1]] = value


def _value(parameter: media_pb2.Parameter, text: str) -> object:
    if parameter.repeated:
        return [_single(parameter.type, part.strip()) for part in text.split(",") if part.strip()]
    return _single(parameter.type, text)


def _single(kind: str, text: str) -> object:
    if kind == "bool":
        return {"true": True, "false": False}.get(text, text)
    return _number(text) if kind in ("int32", "int64", "double") else text


def _number(text: str) -> object:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
