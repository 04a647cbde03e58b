"""`reelmill presets`: shipped ones and those of one's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.jobs import Api, AsJson, connected, print_json
from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Job, Output
    from reelmill.v1.media_pb2 import Preset


def presets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME | save NAME FILE | rm NAME]", help="A preset, mine or mine@3.")
    ] = None,
    target: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    file: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    description: Annotated[str, typer.Option("--description", help="What it is good for, with save.")] = "",
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """List presets, show one, save one of a job's JSON file, or remove it.

    `reelmill presets save mine job.json` makes a preset of the outputs of a job, or a new version of it; `-` reads
    standard input. `reelmill presets rm mine` removes it with all its versions.
    """
    if name == "save":
        if target is None or file is None:
            raise Problem("give a name and a job's JSON file: reelmill presets save NAME FILE.json", exit_code=USAGE)
        _save(target, file, description, as_json, api)
    elif name == "rm":
        if target is None or file is not None:
            raise Problem("give a name: reelmill presets rm NAME", exit_code=USAGE)
        with connected(api) as client:
            gone = client.delete_preset(target)
        print_json(gone) if as_json else typer.echo(f"{gone.name}: removed, with {gone.version} as its newest version")
    elif target is not None:
        raise Problem(f"presets {name}: there are presets, presets NAME, presets save, presets rm", exit_code=USAGE)
    elif name is not None:
        _show(name, as_json, api)
    else:
        _list(as_json, api)


def _list(as_json: bool, api: str | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from reelmill.cli.display import out

    with connected(api) as client:
        found = client.presets()
    if as_json:
        for preset in found:
            print_json(preset)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("PRESET", "MAKES", "WHAT IT IS FOR"):
        table.add_column(heading, no_wrap=heading != "WHAT IT IS FOR")
    for preset in found:
        makes = [str(one.WhichOneof("operation")) for one in preset.outputs or [preset]]
        own = f"@{preset.version}" if preset.version else ""
        table.add_row(Text(f"{preset.name}{own}"), Text(", ".join(dict.fromkeys(makes))), Text(preset.description))
    console = out()
    console.soft_wrap = False
    console.print(table)


def _show(name: str, as_json: bool, api: str | None) -> None:
    import json

    from google.protobuf.json_format import MessageToDict

    with connected(api) as client:
        preset = client.get_preset(name)
    if as_json:
        print_json(preset)
        return
    typer.echo(json.dumps(MessageToDict(preset, preserving_proto_field_name=True), indent=2, ensure_ascii=False))
    typer.echo(f"\nreelmill run talk.mov --preset {name} -o out/", err=True)


def _save(name: str, file: str, description: str, as_json: bool, api: str | None) -> None:
    from reelmill.cli.flags import told_in_flags
    from reelmill.cli.specification import job_from_json, read_json

    job = job_from_json(read_json(file), source=file)
    with connected(api) as client:
        known = {one.preset: client.get_preset(one.preset) for one in job.outputs if one.preset}
        with told_in_flags(source=file):
            saved = client.save_preset(preset_of(job, name, description, known))
    print_json(saved) if as_json else typer.echo(f"{saved.name}@{saved.version}")


def preset_of(job: "Job", name: str, description: str, known: "dict[str, Preset]") -> "Preset":
    """A preset that makes a job's outputs; those of presets say what these do. Raises Problem."""
    from reelmill.v1.media_pb2 import Preset

    preset = Preset(name=name, description=description or f"Makes {', '.join(o.name for o in job.outputs)}.")
    if not job.outputs:
        raise Problem("the job has no outputs: there is nothing to save", exit_code=USAGE)
    parts = [part for output in job.outputs for part in _parts(output, known)]
    if len(parts) > 1:
        preset.outputs.extend(parts)
        return preset
    operation = parts[0].WhichOneof("operation")
    if operation is None:
        raise Problem(f"output {job.outputs[0].name} says nothing to make", exit_code=USAGE)
    getattr(preset, operation).CopyFrom(getattr(parts[0], operation))
    if parts[0].HasField("contract"):
        preset.contract.CopyFrom(parts[0].contract)
    return preset


def _parts(output: "Output", known: "dict[str, Preset]") -> "list[Preset.Part]":
    from reelmill.v1.media_pb2 import Preset

    source = known.get(output.preset)
    several: Sequence[Preset | Preset.Part | Output] = source.outputs if source else []
    found = []
    for one in several or [source or output]:
        part = Preset.Part(part=f"{output.name}-{one.part}" if isinstance(one, Preset.Part) else output.name)
        operation = one.WhichOneof("operation")
        if operation and operation != "preset":
            getattr(part, operation).CopyFrom(getattr(one, operation))
        contract = output if output.HasField("contract") else one
        if contract.HasField("contract"):
            part.contract.CopyFrom(contract.contract)
        part.optional = output.optional or (isinstance(one, Preset.Part) and one.optional)
        found.append(part)
    return found
