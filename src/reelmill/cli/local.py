"""Commands that run jobs on a system of their own: run, demo."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.configuration import load, log_to_stderr
from reelmill.cli.problems import USAGE, Problem


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
) -> None:
    """Run jobs here and now, and write OUT/<file>-<output>.<ext>; existing outputs are replaced.

    Exit code 0: all COMPLETED; 1: something failed; 2: nothing was run; 130: interrupted.
    """
    from reelmill.cli import outputs, session
    from reelmill.cli.display import err, error_view, outputs_view
    from reelmill.cli.display import out as stdout
    from reelmill.cli.specification import job_from_json, read_json

    files = files or []
    if job is not None and presets:
        raise Problem("--job and --preset: give one of them", exit_code=USAGE)
    if missing := [str(f) for f in files if not f.is_file()]:
        raise Problem(f"there is no file {', '.join(missing)}", exit_code=USAGE)
    template = job_from_json(read_json(job), source=job) if job is not None else None
    named = outputs.named_jobs(files, template, presets or ["web-mp4"])
    settings = load(data_dir=data)
    log_to_stderr("run", settings, default_level="error")  # the command tells how each job goes
    with outputs.staging(out) as folder:
        finished = asyncio.run(session.run_jobs(settings, named, destination=folder))
        failed = False
        for name, done in finished.items():
            if done.State.Name(done.state) == "COMPLETED":
                outputs.move(done, name, folder, out, keep=files)
                stdout().print(outputs_view(done))
            else:
                failed = True
                err().print(f"{name}: {done.State.Name(done.state)}")
                if done.HasField("error"):
                    err().print(error_view(done.error))
    if failed:
        raise typer.Exit(1)


def demo(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the clip, the outputs and the database.")
    ] = None,
) -> None:
    """Make a clip, run a real job on it, and show what came out."""
    from reelmill.cli.demonstration import demonstrate

    settings = load()
    log_to_stderr("demo", settings, default_level="error")
    asyncio.run(demonstrate(settings, data))
