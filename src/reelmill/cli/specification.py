"""What a user says about a job, as a Job: JSON, or options."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.json_format import Parse, ParseError

from reelmill.cli.problems import USAGE, Problem
from reelmill.v1.jobs_pb2 import Input, Job, Output

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def read_json(file: str) -> str:
    """The text of a file, or of standard input for `-`."""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Problem(f"can't read {file}: {reason}", exit_code=USAGE) from error


def job_from_json(text: str, *, source: str) -> Job:
    """A job; names in snake_case or camelCase."""
    try:
        return Parse(text, Job())
    except ParseError as error:
        raise Problem(f"{source} is no job: {error}", exit_code=USAGE) from error


def job_from_options(uris: Sequence[str], presets: Sequence[str], names: Sequence[str]) -> Job:
    """A job that makes an output by each preset from the first of its inputs."""
    if not presets:
        raise Problem("--preset says what to make; `reelmill submit --help`", exit_code=USAGE)
    if names and len(names) != len(presets):
        raise Problem(f"{len(names)} --output-name for {len(presets)} --preset: give one for each", exit_code=USAGE)
    if not names:
        check_distinct(presets, "give each its --output-name")
    inputs = [Input(name=f"input{i}" if len(uris) > 1 else "", uri=to_uri(uri)) for i, uri in enumerate(uris, 1)]
    outputs = [Output(name=name, preset=preset) for name, preset in zip(names or presets, presets, strict=True)]
    return Job(inputs=inputs, outputs=outputs)


def check_distinct(presets: Sequence[str], remedy: str) -> None:
    """Raise Problem where a preset is given twice: outputs are called as their presets are."""
    if twice := next((preset for preset in presets if presets.count(preset) > 1), None):
        raise Problem(f"--preset {twice} is given twice: {remedy}", exit_code=USAGE)


def to_uri(text: str) -> str:
    """A URI as it is; a path of this machine as a file: URI."""
    if _SCHEME.match(text) and not Path(text).exists():
        return text
    return Path(text).absolute().as_uri()


def missing_input(texts: Sequence[str]) -> str:
    """What to tell of the first path of this machine that is no file; empty where there is none."""
    for text in texts:
        if not _SCHEME.match(text) and not Path(text).is_file():
            return f"--input {text}: there is no such file here; of the server's machine write file:///PATH"
    return ""
