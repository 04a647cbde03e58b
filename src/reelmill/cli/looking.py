"""Commands that look before, or after: validate, probe, explain, replay, download."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.ids import full_id
from reelmill.cli.jobs import Api, AsJson, Gateway, Id, Watching, connected, follow, print_document, print_json
from reelmill.cli.problems import FAILED, USAGE, Problem

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Job


def validate(
    file: Annotated[str, typer.Argument(metavar="FILE.json|-", help="A job as JSON.")],
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Check a job as submit does, and store nothing; exit code 2 where a rule is broken."""
    from reelmill.cli.flags import told_in_flags
    from reelmill.cli.specification import job_from_json, read_json

    job = job_from_json(read_json(file), source=file)
    with connected(api) as client, told_in_flags(source=file):
        checked = client.validate_job(job)
    if as_json:
        print_json(checked)
    else:
        typer.echo(f"{file}: good; it makes {', '.join(output.name for output in checked.outputs)}")


def probe(
    file: Annotated[str, typer.Argument(metavar="FILE|URI", help="A local path, or a URI that the server reads.")],
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Say what a media file contains."""
    from reelmill.cli.display import out
    from reelmill.cli.flags import problem_of_fields
    from reelmill.cli.probing import media_view
    from reelmill.cli.specification import to_uri
    from reelmill.client import InvalidRequest

    with connected(api) as client:
        try:
            info = client.probe(to_uri(file))
        except InvalidRequest as error:
            raise problem_of_fields([(file, v.description) for v in error.violations], None) from error
    if as_json:
        print_json(info)
    else:
        out().print(media_view(info))


def explain(
    job_id: Id,
    reproduce: Annotated[
        Path | None,
        typer.Option("--reproduce", metavar="DIR", help="Write a script there that runs the command again."),
    ] = None,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Say why a job, or its last attempt, failed: the cause, the line that tells it, and what to do."""
    from reelmill.cli.explaining import explained, write_script

    with connected(api) as client:
        job = client.get_job(full_id(client, job_id), full=True)
    if not job.HasField("error"):
        raise Problem(f"job {job.id} is {job.State.Name(job.state)}: nothing of it failed")
    if as_json:
        print_json(job.error)
    else:
        for line in explained(job):
            typer.echo(line)
    if reproduce is not None:
        typer.echo(f"sh {write_script(job, reproduce)}")


def replay(
    job_id: Id,
    presets: Annotated[
        list[str] | None, typer.Option("--preset", "-p", help="Make this of its input instead; may be repeated.")
    ] = None,
    watch: Watching = False,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Submit a job's content again, whatever became of it, and print the new job's id."""
    from reelmill.cli.flags import told_in_flags

    with connected(api) as client:
        job = again(client.get_job(full_id(client, job_id), full=True), presets or [])
        with told_in_flags(job):
            made = client.create_job(job)
        print_json(made) if as_json else typer.echo(made.id)
        if watch:
            follow(client, made.id, after_sequence=0, as_json=as_json)


def again(job: "Job", presets: list[str]) -> "Job":
    """What a job asks for, without what became of it; with presets, these in the place of its outputs."""
    from reelmill.v1.jobs_pb2 import Job, Output

    made = Job(inputs=job.inputs, destination=job.destination, labels=job.labels, pool=job.pool, requires=job.requires)
    for name in ("priority", "retry_policy", "reuse", "webhook"):
        if job.HasField(name):
            value = getattr(job, name)
            getattr(made, name).CopyFrom(value) if hasattr(value, "CopyFrom") else setattr(made, name, value)
    made.publish = job.publish
    if presets:
        made.outputs.extend(Output(name=preset.replace("@", "-"), preset=preset) for preset in presets)
        return made
    for output in job.outputs:
        one = made.outputs.add()
        one.CopyFrom(output)
        for name in ("files", "file_count", "total_bytes", "error", "result", "measured", "reused", "from_preset"):
            one.ClearField(name)
    return made


def download(
    job_id: Id,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write to. Default: here.")
    ] = Path(),
    outputs: Annotated[list[str] | None, typer.Option("--output", metavar="NAME", help="These outputs alone.")] = None,
    gateway: Gateway = None,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Fetch a job's files to DIR/<output>/<file>; what is there with the same bytes is left."""
    from reelmill.cli.downloading import fetch

    with connected(api) as client:
        found = full_id(client, job_id)
        job = client.get_job(found, full=True)
        names = [output.name for output in job.outputs]
        if missing := [name for name in outputs or [] if name not in names]:
            raise Problem(f"--output {missing[0]}: the job's outputs are {', '.join(names)}", exit_code=USAGE)
        every = {name: list(client.output_files(found, name)) for name in outputs or names}
    if not any(every.values()):
        raise Problem(f"job {found} is {job.State.Name(job.state)}: it has no files", exit_code=FAILED)
    for path in fetch(found, every, out, gateway):
        print_document({"file": str(path)}) if as_json else typer.echo(path)
