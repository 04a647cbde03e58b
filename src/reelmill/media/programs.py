"""Where the programs of steps are, and how each is started."""

import shlex
from pathlib import Path

from reelmill.media.fork_server import python, python_reads
from reelmill.media.packager import find_packager
from reelmill.media.render.command import Command
from reelmill.media.render.rendering import TOOLS, typed
from reelmill.media.steps import Program

FFMPEG_OPTIONS = (
    "-hide_banner",
    "-nostdin",  # else it reads keys from our stdin
    "-y",  # an attempt's folder is its own
    "-loglevel",
    "level+warning",  # each line says how bad it is
    "-nostats",
    "-progress",
    "pipe:1",
    "-stats_period",
    "0.5",
)


def argv_of(command: Command, ffmpeg: Path) -> tuple[str, ...]:
    """What is executed, the program by its path. Raises AttemptFailed where there is none, naming the remedy."""
    match command.program:
        case Program.FFMPEG:
            return (str(ffmpeg), *FFMPEG_OPTIONS, *command.argv)
        case Program.TOOL:
            return (*python(f"{TOOLS}.{command.argv[0]}"), *command.argv[1:])
        case Program.PACKAGER:
            return (str(find_packager()), *command.argv)


def reads_of(command: Command) -> tuple[Path, ...]:
    """The files and folders that it reads, besides those of its working directory."""
    own = python_reads() if command.program is Program.TOOL else ()
    return (*own, *map(Path, command.reads))


def shown(command: Command, ffmpeg: Path) -> str:
    """A command as a person would type it, to be run in the working directory."""
    return shlex.join(argv_of(command, ffmpeg) if command.program is Program.FFMPEG else typed(command))
