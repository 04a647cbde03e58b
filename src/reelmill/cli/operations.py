"""`reelmill operations`: what an output can ask for, and how."""

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from reelmill.v1.media_pb2 import Operation, Parameter


def operations(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one with all that it takes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what an output can ask for, or all that one operation takes."""
    from google.protobuf.json_format import MessageToDict

    from reelmill.cli.display import out
    from reelmill.media.describing import operations as described

    found = [one for one in described() if name in (None, one.name)]
    if not found:
        known = ", ".join(one.name for one in described())
        raise Problem(f"there is no operation {name!r}; there are {known}", exit_code=USAGE)
    if as_json:
        for one in found:
            typer.echo(json.dumps(MessageToDict(one, preserving_proto_field_name=True), ensure_ascii=False))
    else:
        out().print(view(found[0]) if name else table(found))


def table(found: Sequence["Operation"]) -> "Table":
    """Operations, a line for each."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False)
    for heading in ("OPERATION", "WHAT IT DOES", "FILES"):
        made.add_column(heading)
    for one in found:
        made.add_row(Text(one.name), Text(one.description), Text(" ".join(one.extensions)))
    return made


def view(one: "Operation") -> "Group":
    """One operation: what it takes, and an example."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    fields = Table(box=None, pad_edge=False)
    for heading in ("FIELD", "TYPE", "RANGE", "DEFAULT", "WHAT IT MEANS"):
        fields.add_column(heading)
    for parameter in one.parameters:
        kind = f"{parameter.type}[]" if parameter.repeated else parameter.type
        fields.add_row(
            Text(parameter.path),
            Text(kind),
            Text(_range(parameter)),
            Text(parameter.default),
            Text(_meaning(parameter)),
        )
    return Group(Text(one.description), Text(), fields, Text(), Text(example(one)))


def example(one: "Operation") -> str:
    """A job with it: its file, the commands, and the request."""
    job = body(one, "example:clip")
    return "\n".join(
        (
            "For example, as job.json:",
            json.dumps(job, indent=2, ensure_ascii=False),
            "",
            "reelmill run --job job.json -o out/",
            "reelmill submit job.json --watch",
            f"curl --json {shlex.quote(json.dumps(job, ensure_ascii=False))} http://localhost:8080/v1/jobs",
        )
    )


def body(one: "Operation", uri: str) -> dict[str, Any]:
    """An operation's example as a job, in JSON, all of whose inputs lie at `uri`."""
    output = json.loads(one.example)
    reads = [name for name in (output.get("input"), *_named(output[one.name])) if name]
    return {"inputs": [{"name": name, "uri": uri} for name in reads] or [{"uri": uri}], "outputs": [output]}


def _named(settings: object) -> list[str]:
    """The inputs that an operation's settings name beside the output's own."""
    return [settings["reference"]] if isinstance(settings, dict) and "reference" in settings else []


def _range(parameter: "Parameter") -> str:
    if parameter.values:
        return ", ".join(value.name for value in parameter.values)
    least = f"{parameter.min:.15g}" if parameter.HasField("min") else ""
    most = f"{parameter.max:.15g}" if parameter.HasField("max") else ""
    return f"{least} to {most}" if least or most else ""


def _meaning(parameter: "Parameter") -> str:
    return f"{parameter.description} Required." if parameter.required else parameter.description
