"""What an api says of a job's fields, in the words of the command line that said it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Job

_FIELD = re.compile(r"job\.(inputs|outputs)\[(\d+)\]\.(\w+)(.*)")
_OPTIONS = {
    "job.destination": "--destination",
    "job.priority": "--priority",
    "job.pool": "--pool",
    "job.requires": "--require",
    "job.labels": "--label",
    "request_id": "--request-id",
}


def in_flags(field: str, job: "Job", *, inputs: str = "--input") -> str:
    """The option that a field of a job came from, with its value; the field where none did.

    `inputs`: the option that names an input; empty where the file alone does.
    """
    if match := _FIELD.match(field):
        kind, index, name, rest = match[1], int(match[2]), match[3], match[4]
        items: Sequence[object] = job.inputs if kind == "inputs" else job.outputs
        if index < len(items) and not rest:
            value = local_path(str(getattr(items[index], name, "")))
            option = {
                ("inputs", "uri"): inputs,
                ("outputs", "preset"): "--preset",
                ("outputs", "name"): "--output-name",
            }
            if (kind, name) in option:
                return f"{option[kind, name]} {value}".strip()
    if field == "job.outputs":
        return "--preset"
    for known, option_name in _OPTIONS.items():
        if field == known or field.startswith((f"{known}[", f"{known}.")):
            return option_name
    return field


def local_path(text: str) -> str:
    """The path that a file: URI was made of; any other text as it is."""
    if not text.startswith("file:///"):
        return text
    path = Path(unquote(urlsplit(text).path))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@contextmanager
def told_in_flags(job: "Job | None" = None, *, source: str = "", inputs: str = "--input") -> Iterator[None]:
    """Tell an InvalidRequest by options; with `source`, by the fields of the file of that name. Raises Problem."""
    from reelmill.client import InvalidRequest

    try:
        yield
    except InvalidRequest as error:
        if not error.violations:
            raise
        found = [(v.field, v.description) for v in error.violations]
        raise problem_of_fields(found, job, source=source, inputs=inputs) from error


def problem_of_fields(
    found: Sequence[tuple[str, str]], job: "Job | None", *, source: str = "", inputs: str = "--input"
) -> Problem:
    """One line for one fault; for more a line that counts them, and one for each."""
    if source:
        source = "standard input" if source == "-" else source
        lines = [f"{source}: {field.removeprefix('job.')}: {told}" for field, told in found]
    else:
        lines = [
            f"{in_flags(field, job, inputs=inputs) if job is not None else field}: {told}" for field, told in found
        ]
    if len(lines) == 1:
        return Problem(lines[0], exit_code=USAGE)
    return Problem("the job breaks some rules", details=lines, exit_code=USAGE)
