"""A step as a command, whichever program runs it. Pure."""

from itertools import chain
from pathlib import PurePosixPath

from reelmill.media.render import ffmpeg
from reelmill.media.render.command import Command, Placed
from reelmill.media.steps import FONT, FONTS, MODEL, Joined, Place, Program, Step
from reelmill.media.whole import is_picture

TOOLS = "reelmill.media.tools"
"""The room of our own tools: a module each, whose main() runs."""


def rendered(step: Step, placed: Placed) -> Command:
    """What runs a step in the working directory."""
    lists = [reading.of for reading in step.reads if isinstance(reading.of, Joined)]
    named = [reading.of for reading in step.reads if isinstance(reading.of, str)]
    filters = [stream.taken.filters for writing in step.writes for stream in writing.streams]
    fonts = [placed.font] if any(FONT in one for one in filters) else []
    fonts += [str(PurePosixPath(placed.font).parent)] if any(FONTS in one for one in filters) else []
    models = [placed.model] if MODEL in step.arguments and placed.model != MODEL else []
    return Command(
        argv=ffmpeg.arguments(step, placed) if step.program is Program.FFMPEG else _arguments(step, placed),
        program=step.program,
        reads=(
            *dict.fromkeys(placed.inputs[name] for name in (*named, *chain.from_iterable(one.files for one in lists))),
            *fonts,
            *models,
        ),
        written=(*((joined.path, ffmpeg.listed(joined, placed)) for joined in lists), *step.texts),
        outputs=step.outputs,
        duration_seconds=step.cost.seconds,
        of_pictures=step.program is Program.FFMPEG and bool(step.reads) and all(map(is_picture, step.reads)),
    )


def _arguments(step: Step, placed: Placed) -> tuple[str, ...]:
    return tuple(
        f"{one.before}{placed.path(step.reads[one.reading].of)}{one.after}"
        if isinstance(one, Place)
        else one.replace(MODEL, placed.model)
        if one == MODEL
        else one
        for one in step.arguments
    )


def typed(command: Command) -> tuple[str, ...]:
    """A command as a person types it, the program by its name."""
    if command.program is Program.TOOL:
        return ("python", "-m", f"{TOOLS}.{command.argv[0]}", *command.argv[1:])
    return (command.program.value, *command.argv)
