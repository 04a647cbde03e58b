"""Why a job failed, and a script that runs what failed again. Pure, but for the script's file."""

import re
import shlex
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from reelmill.cli.problems import Problem

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Job

REMEDIES = {
    "INPUT": "Change the input or the job, then submit it again: reelmill replay {id}",
    "LIMIT": "A limit of the server was reached: raise it (reelmill settings lists them), or ask for less.",
    "TRANSIENT": "Something outside was away: reelmill retry {id} submits the job again.",
    "INTERNAL": "reelmill logs {id} tells more, reelmill doctor checks the set-up.",
}
_FOLDER = re.compile(r"(?:file:)?([^/:=\s][^:=]*)/[^/]+")


def explained(job: "Job") -> list[str]:
    """The cause, the line of the program's words that tells it, the remedy, and how to run it again."""
    error = job.error
    lines = [f"{error.code}: {error.cause or error.message}"]
    if error.output:
        lines.append(f"output: {error.output}")
    if error.deciding_line:
        lines.append(f"told by: {error.deciding_line}")
    if remedy := error.remedy or REMEDIES.get(error.Category.Name(error.category), ""):
        lines.append(f"remedy: {remedy.format(id=job.id) if not error.remedy else remedy}")
    if error.reproduction or error.command:
        lines.append(f"again: reelmill explain {job.id[-8:]} --reproduce DIR")
    return lines


def script_of(command: str) -> str:
    """A shell script that makes the folders which a command writes to, and runs it."""
    folders = sorted({match[1] for word in shlex.split(command) if (match := _FOLDER.fullmatch(word))})
    made = [
        f"mkdir -p {shlex.quote(str(PurePosixPath(folder)))}" for folder in folders if ".." not in folder.split("/")
    ]
    return "\n".join(["#!/bin/sh", "set -e", 'cd "$(dirname "$0")"', *made, command, ""])


def write_script(job: "Job", folder: Path) -> Path:
    """Write the script of what failed; answers its path. Raises Problem."""
    if not (job.error.reproduction or job.error.command):
        raise Problem(f"job {job.id} failed before a program ran: there is nothing to run again")
    path = folder / "reproduce.sh"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(script_of(job.error.reproduction or job.error.command))
        path.chmod(0o755)
    except OSError as error:
        raise Problem(f"{path} can't be written: {error.strerror}") from error
    return path
