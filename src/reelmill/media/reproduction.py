"""A failure as a line for a shell, which fails in the same way where it is pasted. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from google.protobuf.json_format import MessageToJson

from reelmill.media.programs import argv_of
from reelmill.media.render.command import Command
from reelmill.media.steps import Program
from reelmill.v1.jobs_pb2 import Job, Output

MOST_CHARACTERS = 32768
"""Of a reproduction; a longer one is not told."""
_FOLDER = 'cd "$(mktemp -d)"'
_BRINGS = {"http": "curl -fsSL -o {name} {uri}", "https": "curl -fsSL -o {name} {uri}", "s3": "aws s3 cp {uri} {name}"}
_OF_SERVER = ("files", "file_count", "total_bytes", "error", "result", "measured", "reused", "from_preset")


def of_commands(
    commands: Sequence[tuple[Command, Sequence[PurePosixPath]]], ffmpeg: Path, remote: Mapping[str, str]
) -> str:
    """Commands one after the other, each with the paths that it writes, in a folder of their own; empty: it can't be.

    `remote`: by the path that an input was fetched to, its URI; others lie where the commands look for them.
    """
    parts, places = [_FOLDER], dict[str, str]()
    for i, (path, uri) in enumerate(remote.items()):
        bring = _BRINGS.get(uri.partition(":")[0])
        if bring is None:
            return ""
        places[path] = f"input-{i}"
        parts.append(bring.format(name=f"input-{i}", uri=shlex.quote(uri)))
    for command, writes in commands:
        folders = sorted({str(path.parent) for path in (*writes, *(path for path, _ in command.written))} - {"."})
        if folders:
            parts.append(f"mkdir -p {shlex.join(folders)}")
        parts += (f"printf %s {shlex.quote(_placed(text, places))} > {shlex.quote(str(path))}"
                  for path, text in command.written)  # fmt: skip
        parts.append(shlex.join(_placed(one, places) for one in _quiet(argv_of(command, ffmpeg), command.program)))
    whole = " && ".join(parts)
    return whole if len(whole) <= MOST_CHARACTERS else ""


def of_job(job: Job, output: str = "") -> str:
    """A job by itself, of its outputs the one alone that failed where it reads no other; empty: it can't be."""
    outputs = [one for one in job.outputs if one.name == output]
    if not outputs or any(":" in one.input for one in outputs):
        outputs = list(job.outputs)
    asked = Job(inputs=job.inputs, outputs=[_asked(one) for one in outputs])
    text = MessageToJson(asked, preserving_proto_field_name=True, indent=None)
    whole = f'printf %s {shlex.quote(text)} | reelmill run --job - --out "$(mktemp -d)"'
    return whole if len(whole) <= MOST_CHARACTERS else ""


def _asked(output: Output) -> Output:
    made = Output()
    made.CopyFrom(output)
    for name in _OF_SERVER:
        made.ClearField(name)
    if made.package.target_vmaf:  # what a task is told of its ladder
        made.package.ClearField("rungs")
    return made


def _placed(text: str, places: Mapping[str, str]) -> str:
    for path, name in sorted(places.items(), key=lambda one: -len(one[0])):
        text = text.replace(path, name)
    return text


def _quiet(argv: Sequence[str], program: Program) -> list[str]:
    """Without what is meant for us alone: how far it is."""
    left = list(argv)
    if program is Program.FFMPEG:
        at = left.index("-progress")
        del left[at : at + 2]
        at = left.index("-stats_period")
        del left[at : at + 2]
    return left
