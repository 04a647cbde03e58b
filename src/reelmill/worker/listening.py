"""How loud a sound is, as a plan asks before it can be made."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Loudness
from reelmill.media.programs import shown
from reelmill.media.promises import Levels
from reelmill.media.readers.findings import levels_in, levels_of
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.worker.attempt import Attempt

Run = Callable[[Command, float], Awaitable[object]]
"""Runs a command that writes so many seconds of media to its end; raises AttemptFailed."""


async def listen(
    attempt: Attempt, wanted: Loudness, placed: Placed, folder: Path, *, ffmpeg: Path, run: Run
) -> Levels | Failure:
    """The answer to a measurement; a Failure where it can't be made: the plan knows whose it is."""
    command = rendered(wanted.step, placed)
    [writing] = wanted.step.writes
    path = folder / writing.path
    path.parent.mkdir(parents=True, exist_ok=True)
    attempt.log("listens to all of it first", output=", ".join(command.outputs), command=shown(command, ffmpeg))
    try:
        await run(command, wanted.seconds)
    except AttemptFailed as error:
        return error.failure
    try:
        return await asyncio.to_thread(_read, path, wanted.seconds)
    finally:
        path.unlink(missing_ok=True)


def _read(path: Path, seconds: float) -> Levels:
    """A sound that is never loud nor silent has no lines at all."""
    return levels_in(path, seconds) if path.exists() else levels_of((), seconds)
