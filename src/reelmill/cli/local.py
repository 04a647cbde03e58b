"""Commands that run jobs on a system of their own: run, demo."""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.configuration import load, log_to_stderr
from reelmill.cli.problems import FAILED, INTERRUPTED, USAGE, Problem

if TYPE_CHECKING:
    from reelmill.settings import Settings
    from reelmill.v1.jobs_pb2 import Job


def run(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="Media files to read.")] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="Folder to write to. Default: here.", show_default=False)
    ] = Path(),
    presets: Annotated[
        list[str] | None, typer.Option("--preset", "-p", help="What to make of each file; web-mp4 unless told.")
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="FILE.json|-", help="A job as JSON instead of presets.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Data folder. Default: REELMILL_DATA_DIR.")] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Run them here, even where a `reelmill up` serves the data folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: each job as it ended, one a line.")] = False,
) -> None:
    """Run jobs here and now: OUT/<file>-<output>.<ext>, of streams OUT/<file>/; existing outputs are replaced.

    Where a `reelmill up` serves the data folder, it runs them, and they stand in its list.

    Exit code 0: all COMPLETED; 1: something failed; 2: nothing was run; 130: interrupted. What was finished
    by then is kept.
    """
    from reelmill.cli.importing import importing

    with importing():
        from reelmill.cli import outputs
    from reelmill.cli.processes import full_disk_told, running_up
    from reelmill.cli.specification import job_from_json, read_json
    from reelmill.embedded import data_dir

    files = files or []
    if job is not None and presets:
        raise Problem("--job and --preset: give one of them", exit_code=USAGE)
    if missing := [str(f) for f in files if not f.is_file()]:
        raise Problem(f"there is no file {', '.join(missing)}", exit_code=USAGE)
    template = job_from_json(read_json(job), source=job) if job is not None else None
    named = outputs.named_jobs(files, template, presets or ["web-mp4"])
    settings = load(data_dir=data)
    log_to_stderr("run", settings, default_level="error")  # the command tells how each job goes
    with full_disk_told(settings):
        place = data_dir(settings).absolute() / "run"
    finished: dict[str, Job] = {}
    stuck: dict[str, Problem] = {}
    with outputs.staging(out) as folder:

        def ended(name: str, done: "Job") -> None:
            finished[name] = done
            if _state(done) == "COMPLETED":  # at once: whatever becomes of the others, this one is kept
                try:
                    outputs.move(done, name, out, keep=files)
                except Problem as problem:
                    stuck[name] = problem

        there = None if local else running_up(settings.data_dir.expanduser())
        try:
            if there is None:
                with full_disk_told(settings):
                    asyncio.run(_run_here(settings, place, named, folder, ended, source=job or ""))
            else:
                from reelmill.cli.elsewhere import run_there

                asyncio.run(run_there(settings, there, named, staged=folder, source=job or "", ended=ended))
        finally:
            _report(finished, stuck, as_json)
    if cancelled := [name for name in named if _state(finished[name]) == "CANCELLED"]:
        raise Problem(f"interrupted; cancelled: {', '.join(cancelled)}", exit_code=INTERRUPTED)
    if stuck or any(_state(done) != "COMPLETED" for done in finished.values()):
        raise typer.Exit(FAILED)


async def _run_here(
    settings: "Settings",
    place: Path,
    jobs: "Mapping[str, Job]",
    staged: Path,
    ended: "Callable[[str, Job], None]",
    *,
    source: str,
) -> None:
    """Run jobs on a system of our own. Raises Problem, before there is any, for the first that can't be run."""
    from reelmill.cli.folders import private_folder
    from reelmill.cli.importing import importing
    from reelmill.embedded import EmbeddedPostgres
    from reelmill.media import launcher
    from reelmill.media.ffmpeg import capabilities, find_ffmpeg

    # Modules are imported in threads: what will read the files begins meanwhile, which takes a core as long, and later
    # PostgreSQL, whose end is not waited for.
    async with launcher.running(settings.sandbox) as launching:
        with importing():
            checking = await asyncio.to_thread(importlib.import_module, "reelmill.cli.checking")
        checking.check(settings, jobs.values(), staged, source=source)
        with (
            private_folder(place) as data_folder,
            EmbeddedPostgres(data_folder / "postgres").started_early(wait=False),
        ):
            asking = asyncio.create_task(asyncio.to_thread(lambda: capabilities(find_ffmpeg(settings.ffmpeg))))
            with importing():
                session = await asyncio.to_thread(importlib.import_module, "reelmill.cli.session")
            await asking
            await session.run_jobs(settings, data_folder, launching, jobs, destination=staged, ended=ended)


def _state(job: "Job") -> str:
    return job.State.Name(job.state)


def _report(finished: "Mapping[str, Job]", stuck: Mapping[str, Problem], as_json: bool) -> None:
    """Tell how each job ended: what came out of it, or why not."""
    from reelmill.cli.display import err, error_view, out, outputs_view, show_problem
    from reelmill.cli.jobs import print_json

    for name, job in finished.items():
        if name in stuck:
            show_problem(stuck[name])
        elif as_json:
            print_json(job)
        elif _state(job) == "COMPLETED":
            out().print(outputs_view(job))
        else:
            err().print(f"{name}: {_state(job)}")
            if job.HasField("error"):
                err().print(error_view(job.error))


def demo(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the clip, the outputs and the database.")
    ] = None,
) -> None:
    """Make a clip, run a real job on it, and show what came out."""
    from reelmill.cli.demonstration import demonstrate
    from reelmill.cli.processes import full_disk_told

    settings = load()
    log_to_stderr("demo", settings, default_level="error")
    with full_disk_told(settings):
        asyncio.run(demonstrate(settings, data))
