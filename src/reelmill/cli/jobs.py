"""Commands that talk to an api: submit, jobs, job, watch, cancel, retry, delete, logs, workers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.configuration import api_target, gateway_address, load
from reelmill.cli.ids import full_id
from reelmill.cli.problems import FAILED, USAGE, Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from reelmill.client import Client, Tls
    from reelmill.settings import Settings
    from reelmill.v1.jobs_pb2 import EstimateJobResponse, Job, Task

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The job's id, its beginning or its last letters; @last is the newest.")
]
Api = Annotated[
    str | None, typer.Option("--api", metavar="HOST:PORT", help="Where the api is. Default: REELMILL_API_TARGET.")
]
Gateway = Annotated[
    str | None, typer.Option("--gateway", metavar="URL", help="Where the gateway is. Default: by the settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON, one document a line.")]
Watching = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end; exit code 1 unless COMPLETED.")]


def submit(
    file: Annotated[str | None, typer.Argument(metavar="FILE.json|-", help="A job as JSON.")] = None,
    uris: Annotated[list[str] | None, typer.Option("--input", help="Instead of FILE: a URI, or a local path.")] = None,
    presets: Annotated[list[str] | None, typer.Option("--preset", help="What to make of the input.")] = None,
    output_names: Annotated[
        list[str] | None, typer.Option("--output-name", help="Name for each preset's output. Default: the preset's.")
    ] = None,
    destination: Annotated[str | None, typer.Option(help="file: or s3: folder to write to.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=100, help="Higher goes first.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE")] = None,
    pool: Annotated[str | None, typer.Option(metavar="NAME", help="The pool whose workers may run it.")] = None,
    requires: Annotated[
        list[str] | None, typer.Option("--require", metavar="LABEL", help="A label that its workers must have.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Make all of it, whatever an earlier job has made of the same bytes.")
    ] = False,
    request_id: Annotated[str | None, typer.Option(help="Repeating it with the same job makes no second one.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing: look into the inputs, and print what would run.")
    ] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Store nothing: look into the inputs, and print what it would take.")
    ] = False,
    watch: Watching = False,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Submit a job and print its id."""
    from reelmill.cli.flags import told_in_flags

    job = _given(file, uris or [], presets or [], output_names or [])
    if destination is not None:
        job.destination = destination
    if priority is not None:
        job.priority = priority
    for label in labels or []:
        key, equals, value = label.partition("=")
        if not equals:
            raise Problem(f"--label {label}: must be KEY=VALUE", exit_code=USAGE)
        job.labels[key] = value
    if dry_run and estimate:
        raise Problem("give either --dry-run or --estimate", exit_code=USAGE)
    if pool is not None:
        job.pool = pool
    job.requires.extend(requires or [])
    if anew:
        job.reuse = False
    with connected(api) as client, told_in_flags(job, source=file or ""):
        if dry_run:
            checked = client.validate_job(job, full=True)
            print_json(checked) if as_json else typer.echo("\n".join(step.command for step in checked.steps))
            return
        if estimate:
            _show_estimate(client.estimate_job(job), as_json)
            return
        created = client.create_job(job, request_id)
        if as_json:
            print_json(created)
        else:
            typer.echo(created.id)
        if watch:
            follow(client, created.id, after_sequence=0, as_json=as_json)


def _given(file: str | None, uris: list[str], presets: list[str], output_names: list[str]) -> "Job":
    """The job in a file, or the one that options tell. Raises Problem."""
    from reelmill.cli.specification import job_from_json, job_from_options, missing_input, read_json

    if (file is None) == (not uris):
        raise Problem("give either a job's JSON file, or --input and --preset", exit_code=USAGE)
    if file is not None:
        return job_from_json(read_json(file), source=file)
    job = job_from_options(uris, presets, output_names)
    if missing := missing_input(uris):
        raise Problem(missing, exit_code=USAGE)
    return job


def list_jobs(
    filter: Annotated[str, typer.Option(help='Such as: state = "FAILED" AND labels.asset = "42".')] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to print.")] = 20,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """List jobs, newest first."""
    from reelmill.cli.display import jobs_table, out

    with connected(api) as client:
        found = list(islice(client.list_jobs(filter, page_size=min(limit, 1000)), limit))
    if as_json:
        for job in found:
            print_json(job)
    else:
        console = out()
        console.print(jobs_table(found, columns=console.width))


def workers(as_json: AsJson = False, api: Api = None) -> None:
    """List the workers that have told that they live."""
    from reelmill.cli.display import out, workers_table

    with connected(api) as client:
        found = list(client.workers(page_size=1000))
    if as_json:
        for worker in found:
            print_json(worker)
    else:
        out().print(workers_table(found))


def show(
    job_id: Id,
    full: Annotated[bool, typer.Option("--full", help="With an error's command and stderr.")] = False,
    files: Annotated[bool, typer.Option("--files", help="With all files, not the first 100 of each output.")] = False,
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Its tasks instead: who runs what, and why something waits.")
    ] = False,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Show a job."""
    with connected(api) as client:
        job_id = full_id(client, job_id)
        if tasks:
            _show_tasks(list(client.job_tasks(job_id, page_size=1000)), as_json)
            return
        job = client.get_job(job_id, full=full)
        for output in job.outputs:
            if files and output.file_count > len(output.files):
                every = list(client.output_files(job_id, output.name))
                del output.files[:]
                output.files.extend(every)
        _show(job, as_json, every=files)


def watch(
    job_id: Id,
    after: Annotated[int, typer.Option(min=0, help="Only events after this sequence number.")] = 0,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Follow a job to its end; exit code 1 unless COMPLETED."""
    with connected(api) as client:
        follow(client, full_id(client, job_id), after_sequence=after, as_json=as_json)


def cancel(
    job_id: Id,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Ask a job to stop."""
    with connected(api) as client:
        job = client.cancel_job(full_id(client, job_id), reason)
    if as_json:
        print_json(job)
    else:
        typer.echo(f"{job.id}: {'CANCELLED' if job.HasField('end_time') else 'cancellation accepted'}")


def retry(job_id: Id, watch: Watching = False, as_json: AsJson = False, api: Api = None) -> None:
    """Submit a FAILED or CANCELLED job again and print the new job's id."""
    with connected(api) as client:
        job = client.retry_job(full_id(client, job_id))
        if as_json:
            print_json(job)
        else:
            typer.echo(job.id)
        if watch:
            follow(client, job.id, after_sequence=0, as_json=as_json)


def delete(
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Jobs to delete.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="All that have these labels.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="All in this state: COMPLETED, FAILED or CANCELLED.")] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="All submitted longer ago: 12h, 30d.")
    ] = None,
    as_json: AsJson = False,
    api: Api = None,
) -> None:
    """Delete finished jobs, with their logs and their files in the server's own storage."""
    from reelmill.cli.deleting import filter_of

    filter = filter_of(labels or [], state, older_than)
    if bool(job_ids) == bool(filter):
        raise Problem("give either ids, or --label, --state or --older-than", exit_code=USAGE)
    with connected(api) as client:
        for job_id in [full_id(client, text) for text in job_ids or []]:
            client.delete_job(job_id)
            print_document({"id": job_id, "deleted": True}) if as_json else typer.echo(f"{job_id}: deleted")
        if filter:
            count = client.delete_jobs(filter)
            print_document({"deleted": count}) if as_json else typer.echo(f"{count} jobs deleted")


def logs(job_id: Id, as_json: AsJson = False, api: Api = None) -> None:
    """Print a job's processing log."""
    from reelmill.cli.display import log_line, out

    console = out()
    with connected(api) as client:
        for line in client.job_logs(full_id(client, job_id)):
            if as_json:
                print_json(line)
            else:
                console.print(log_line(line))


@contextmanager
def connected(api: str | None, gateway: str | None = None) -> Iterator["Client"]:
    """A client of the api, whose files are at a gateway. Raises Problem where one is away."""
    from reelmill.client import Backoff, Client, Unavailable

    settings = load(api_target=api)
    target = api_target(settings)
    backoff = Backoff(attempts=4)  # a person waits: give up within 2 s
    try:
        files_at = gateway or gateway_address(settings)
        with Client(target, token=settings.token, tls=tls_of(settings), backoff=backoff, gateway=files_at) as client:
            yield client
    except Unavailable as error:
        message = f"no answer from the api at {target}; `reelmill up` starts one, --api says where another is"
        raise Problem(message, details=[error.message]) from error


def tls_of(settings: "Settings") -> "Tls | None":
    """How the api is known by TLS; None without."""
    from reelmill.client import Tls

    if not settings.api_authorities:
        return None
    return Tls(authorities=settings.api_authorities, certificate=settings.api_certificate, key=settings.api_key)


def follow(client: "Client", job_id: str, *, after_sequence: int, as_json: bool) -> None:
    """Show a job's events and how it ended. Raises Exit unless it is COMPLETED."""
    from reelmill.cli.display import err
    from reelmill.cli.following import following

    if as_json:
        for event in client.watch_job(job_id, after_sequence):
            print_json(event)
    else:
        with following(err()) as follower:
            follower.add(job_id, job_id)
            for event in client.watch_job(job_id, after_sequence):
                follower.saw(event)
    job = client.get_job(job_id, full=True)
    _show(job, as_json)
    if job.State.Name(job.state) != "COMPLETED":
        raise typer.Exit(FAILED)


def _show(job: "Job", as_json: bool, *, every: bool = False) -> None:
    from reelmill.cli.display import job_view, out

    if as_json:
        print_json(job)
    else:
        out().print(job_view(job, every=every))


def _show_estimate(found: "EstimateJobResponse", as_json: bool) -> None:
    from reelmill.cli.display import out
    from reelmill.cli.estimates import estimate_view

    if as_json:
        print_json(found)
    else:
        out().print(estimate_view(found))


def _show_tasks(tasks: Sequence["Task"], as_json: bool) -> None:
    from reelmill.cli.display import out
    from reelmill.cli.tasks import tasks_table

    if as_json:
        for task in tasks:
            print_json(task)
    else:
        out().print(tasks_table(tasks))


def print_json(message: "Message") -> None:
    """Print a message as JSON on one line."""
    from google.protobuf.json_format import MessageToDict

    print_document(MessageToDict(message, preserving_proto_field_name=True))


def print_document(document: object) -> None:
    """Print values as JSON on one line."""
    typer.echo(json.dumps(document, ensure_ascii=False))
