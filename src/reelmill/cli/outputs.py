"""From files to jobs, and from a job's outputs to files where the user wants them."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reelmill.cli.problems import USAGE, Problem
from reelmill.cli.specification import check_distinct, to_uri
from reelmill.storage.locked import LockedFolders
from reelmill.v1.jobs_pb2 import Input, Job, Output, OutputFile


def named_jobs(files: Sequence[Path], template: Job | None, presets: Sequence[str]) -> dict[str, Job]:
    """A job for each file, by the name that its outputs begin with. Raises Problem."""
    if not files:
        if template is None or not template.inputs:
            raise Problem("give files to run on; `reelmill run --help`", exit_code=USAGE)
        for item in template.inputs:
            item.uri = to_uri(item.uri)
        return {Path(unquote(urlsplit(template.inputs[0].uri).path)).stem or "job": template}
    if template is None:
        check_distinct(presets, "once is enough")
        template = Job(outputs=[Output(name=preset, preset=preset) for preset in presets])
    if len(template.inputs) > 1:
        raise Problem("the job has several inputs already: give it without files", exit_code=USAGE)
    name = template.inputs[0].name if template.inputs else ""
    jobs: dict[str, Job] = {}
    for file in files:
        if file.stem in jobs:
            raise Problem(f"two files are named {file.stem}: run them into different folders", exit_code=USAGE)
        job = Job()
        job.CopyFrom(template)
        del job.inputs[:]
        job.inputs.append(Input(name=name, uri=file.absolute().as_uri()))
        jobs[file.stem] = job
    return jobs


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A folder inside `out`, so that moving from it is a rename. Raises Problem where it can't be made.

    Folders of runs that were killed are removed.
    """
    folders = LockedFolders(out.absolute(), prefix=".reelmill-")
    try:
        out.mkdir(parents=True, exist_ok=True)
        folders.clean()
        folder = folders.create(secrets.token_hex(4))
    except OSError as error:
        raise Problem(f"can't write to {out}: {error.strerror}", exit_code=USAGE) from error
    try:
        yield folder.path
    finally:
        folder.remove()


def move(
    job: Job, name: str, out: Path, keep: Sequence[Path], source: Callable[[Output, OutputFile], Path] | None = None
) -> list[Path]:
    """Move a job's files to `out`/<name>-<output>.<ext>, and note that in the job; answers where they are.

    `source` tells where a file lies; without it the file's URI does. What is a tree of files, as a stream is, goes to
    `out`/<name>/, or `out`/<name>-<output>/ where there are several; what lists others comes after these.
    Raises Problem instead of replacing one of `keep`, the inputs.
    """
    moved = []
    for output, file, target in sorted(_targets(job, name, out), key=lambda one: _lists_others(one[1].path)):
        if target.exists() and any(target.samefile(k) for k in keep if k.exists()):
            raise Problem(f"{target} is an input: choose another folder with -o, or another output name")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            here = source(output, file) if source else Path(unquote(urlsplit(file.uri).path))
            os.replace(here, target)  # noqa: PTH105 - replaces on every platform
        except OSError as error:
            raise Problem(f"{target} can't be written: {error.strerror}") from error
        file.uri = target.absolute().as_uri()
        moved.append(target)
    return moved


def _targets(job: Job, name: str, out: Path) -> Iterator[tuple[Output, OutputFile, Path]]:
    """Each file of a job, and what it is to be called."""
    taken = set[Path]()
    trees = [output.name for output in job.outputs if any("/" in file.path for file in output.files)]
    for output in job.outputs:
        for file in output.files:
            if output.name in trees:
                target = out / (name if len(trees) == 1 else f"{name}-{output.name}") / file.path
            else:  # a file is called as its output is; with both where two outputs would be called the same
                target = out / f"{name}-{file.path}"
                if target in taken or not file.path.startswith(output.name):
                    target = out / f"{name}-{output.name}-{file.path}"
            taken.add(target)
            yield output, file, target


def _lists_others(path: str) -> tuple[bool, int]:
    """Of manifests the one above all comes last: a player that finds it finds the rest."""
    return path.endswith((".m3u8", ".mpd")), -path.count("/")
