"""`reelmill reproduce`: makes a job's outputs again, here, by its receipts, and compares the bytes."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from reelmill.cli.configuration import api_target, load, log_to_stderr
from reelmill.cli.problems import FAILED, USAGE, Problem

if TYPE_CHECKING:
    from reelmill.media.launcher import Launcher
    from reelmill.settings import Settings
    from reelmill.v1.jobs_pb2 import Job, Output
    from reelmill.v1.receipts_pb2 import Receipt

_BETWEEN = re.compile("[=,:;'\\[\\] ]")  # what stands beside a path in an argument
_HOURS = 48.0
_MEMORY_BYTES = 2**36


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A file of an output."""

    path: str
    """The output's name, and its path within it."""
    problem: str = ""
    """How what was made here differs; empty where it is the same to the byte."""


def reproduce(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    output_names: Annotated[
        list[str] | None, typer.Option("--output", metavar="NAME", help="These outputs alone.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="[NAME=]PATH", help="Where an input lies here, if not where the job says."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one file a line.")] = False,
    api: Annotated[str | None, typer.Option("--api", metavar="HOST:PORT", help="Where the api is.")] = None,
) -> None:
    """Make a COMPLETED job's outputs again, here, and tell which files differ; exit code 1 where one does."""
    settings = load(api_target=api)
    log_to_stderr("reproduce", settings, default_level="error")
    found = asyncio.run(_reproduce(settings, job_id, set(output_names or ()), _given(inputs or [])))
    for one in found:
        typer.echo(json.dumps(asdict(one)) if as_json else f"{one.path}: {one.problem or 'same'}")
    if any(one.problem for one in found):
        raise typer.Exit(FAILED)


async def _reproduce(settings: "Settings", job_id: str, names: set[str], given: Mapping[str, str]) -> list[Compared]:
    from reelmill.cli.display import warn
    from reelmill.cli.waiting import with_all_files
    from reelmill.client import AsyncClient
    from reelmill.media.ffmpeg import capabilities, find_ffmpeg
    from reelmill.media.launcher import running
    from reelmill.storage.temporary import temporary_folder

    async with AsyncClient(api_target(settings)) as client:
        job = await with_all_files(client, await client.get_job(job_id, full=True))
    if job.State.Name(job.state) != "COMPLETED":
        raise Problem(f"job {job_id} is {job.State.Name(job.state)}: only what is COMPLETED can be compared")
    if missing := names - {output.name for output in job.outputs}:
        raise Problem(f"job {job_id} has no output {', '.join(sorted(missing))}", exit_code=USAGE)
    wanted = [output for output in job.outputs if output.file_count and (not names or output.name in names)]
    receipts = {name: one for one in job.receipts for name in one.outputs}
    if without := [output.name for output in wanted if output.name not in receipts]:
        raise Problem(f"nobody wrote down how {', '.join(without)} came to be: an older release made it")
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    build, found = capabilities(ffmpeg).build, list[Compared]()
    async with running(settings.sandbox) as launcher:
        for receipt in {id(one): one for name, one in receipts.items() if name in {o.name for o in wanted}}.values():
            mine = [output for output in wanted if receipts[output.name] is receipt]
            if any(output.package.HasField("encryption") for output in mine):
                reason = "is encrypted: its keys are in no receipt, and so it can't be made again by one"
                found += [Compared(path=output.name, problem=reason) for output in mine]
                continue
            if receipt.pieces:
                reason = f"can't be made again by itself: {receipt.pieces} tasks made pieces of it"
                found += [Compared(path=output.name, problem=reason) for output in mine]
                continue
            if receipt.engine != build:
                warn(f"made by another build of ffmpeg ({receipt.engine}) than {ffmpeg} ({build}): bytes may differ")
            async with temporary_folder("reelmill-reproduce-") as folder:
                paths = await _inputs(settings, job, receipt, given, folder)
                for run in receipt.runs:
                    await _run(launcher, ffmpeg, run, paths, folder / "made")
                for output in mine:
                    found += await _compared(output, receipt, folder / "made")
    return found


async def _inputs(
    settings: "Settings", job: "Job", receipt: "Receipt", given: Mapping[str, str], folder: Path
) -> dict[str, Path]:
    """Where the inputs lie here, by what commands call them. Raises Problem where one is another by now."""
    from reelmill.jobs.errors import AttemptFailed
    from reelmill.media.inputs import OF_OUTPUT
    from reelmill.storage.storage import Storage
    from reelmill.storage.taking import sha256_of
    from reelmill.storage.uris import file_path, scheme_of

    paths, uris = dict[str, Path](), {item.name: item.uri for item in job.inputs}
    uris |= {f"{OF_OUTPUT}{output.name}": output.files[0].uri for output in job.outputs if output.files}
    uris |= {f"output:{output.name}": output.files[0].uri for output in job.outputs if output.files}
    for told in receipt.inputs:
        uri = uris[told.name]
        try:
            if told.name in given:
                path = Path(given[told.name])
            elif scheme_of(uri) == "file":
                path = file_path(uri)
            else:
                path = (await Storage.from_settings(settings).fetch(uri, folder / told.path)).path
            size, sha256 = await sha256_of(path)
        except AttemptFailed as error:
            raise Problem(f"the input can't be read: {error.failure.message}") from error
        if size != told.size_bytes or (told.sha256 and sha256 != told.sha256):
            raise Problem(f"{path} is not the file that the job read: --input says where that is")
        paths[told.path] = path.absolute()
    return paths


async def _run(launcher: "Launcher", ffmpeg: Path, run: "Receipt.Run", paths: Mapping[str, Path], folder: Path) -> None:
    from reelmill.jobs.errors import AttemptFailed
    from reelmill.media import fonts
    from reelmill.media import run as ffmpeg_run
    from reelmill.media.render.command import Command
    from reelmill.media.render.escaping import escaped
    from reelmill.media.steps import FONT, Program

    known = {one.value: one for one in Program}
    if run.program not in known:
        raise Problem(f"{run.program} can't be run here: it is no program that this release knows")
    for place in (*run.outputs, *folders_of(run.argv)):
        (folder / place).mkdir(parents=True, exist_ok=True)
    argv = tuple(_placed(one, paths) for one in run.argv)
    command = Command(
        argv=tuple(one.replace(FONT, escaped(str(fonts.FONT))) for one in argv),
        program=known[run.program],
        reads=(*map(str, paths.values()), str(fonts.FONT)),
        written=tuple((PurePosixPath(text.path), text.text) for text in run.texts),
        outputs=tuple(run.outputs),
    )
    try:
        await ffmpeg_run.run(
            command,
            launcher=launcher,
            ffmpeg=ffmpeg,
            folder=folder,
            stop=asyncio.Event(),
            on_progress=lambda _: None,
            no_progress_seconds=600.0,
            wall_seconds=_HOURS * 3600,
            max_bytes=2**40,
            memory_bytes=_MEMORY_BYTES,
        )
    except AttemptFailed as error:
        raise Problem(f"{run.program} failed: {error.failure.message}", details=[error.failure.command]) from error


def folders_of(argv: Iterable[str]) -> set[str]:
    """The folders below the working directory that the paths in arguments name."""
    parts = (PurePosixPath(part) for one in argv for part in _BETWEEN.split(one) if "/" in part)
    return {str(path.parent) for path in parts if not path.is_absolute() and ".." not in path.parts}


def _placed(argument: str, paths: Mapping[str, Path]) -> str:
    """An argument with the path of an input in the place of its name."""
    scheme, name = ("file:", argument[5:]) if argument.startswith("file:") else ("", argument)
    return f"{scheme}{paths[name]}" if name in paths else argument


async def _compared(output: "Output", receipt: "Receipt", folder: Path) -> list[Compared]:
    from reelmill.storage.taking import sha256_of

    name = receipt.reused_output or output.name  # its files are called here as in the job that made it
    warm = any(run.warm and name in run.outputs for run in receipt.runs)
    found = []
    for file in output.files:
        inside = file.path.replace(output.name, name, 1) if name != output.name else file.path
        try:
            size, sha256 = await sha256_of(folder / name / inside)
        except OSError:
            found.append(Compared(path=f"{output.name}/{file.path}", problem="is not made here"))
            continue
        if (size, sha256) == (file.size_bytes, file.sha256):
            found.append(Compared(path=f"{output.name}/{file.path}"))
            continue
        pixels = "; a warm child made it, which packs the same pixels otherwise" if warm else ""
        problem = f"differs: {size} bytes instead of {file.size_bytes}, SHA-256 {sha256}{pixels}"
        found.append(Compared(path=f"{output.name}/{file.path}", problem=problem))
    return found


def _given(inputs: Sequence[str]) -> dict[str, str]:
    """Paths of inputs by their names; without a name, of the only one."""
    return {name if path else "": path or name for name, _, path in (text.partition("=") for text in inputs)}
