"""How loud a sound is, and how good a sample, as a plan asks before it can be made."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media.contract import Loudness, Quality, Tried
from reelmill.media.programs import shown
from reelmill.media.promises import Levels
from reelmill.media.readers.findings import levels_in, levels_of, mean_vmaf
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.worker.attempt import Attempt

Run = Callable[[Command, float], Awaitable[object]]
"""Runs a command that writes so many seconds of media to its end; raises AttemptFailed."""


async def listen(
    attempt: Attempt, wanted: Loudness | Quality, placed: Placed, folder: Path, *, ffmpeg: Path, run: Run
) -> Levels | Tried | Failure:
    """The answer to a measurement; a Failure where it can't be made: the plan knows whose it is."""
    if isinstance(wanted, Quality):
        return await _tried(attempt, wanted, placed, folder, ffmpeg=ffmpeg, run=run)
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
        await _remove(path)


async def _tried(
    attempt: Attempt, wanted: Quality, placed: Placed, folder: Path, *, ffmpeg: Path, run: Run
) -> Tried | Failure:
    """How good a sample is; of what was made for it nothing stays."""
    made = [folder / writing.path for step in wanted.steps for writing in step.writes]
    try:
        for step in wanted.steps:
            command = rendered(step, placed)
            (folder / step.writes[0].path).parent.mkdir(parents=True, exist_ok=True)
            attempt.log("tries a sample", output=", ".join(step.outputs), command=shown(command, ffmpeg))
            await run(command, wanted.seconds)
        found = await asyncio.to_thread(tried, folder, wanted)
        told = f"the sample has a VMAF of {found.vmaf:.2f} in {found.size_bytes} bytes"
        attempt.log(told, output=", ".join(wanted.steps[0].outputs))
    except AttemptFailed as error:
        return error.failure
    finally:
        await _remove(*made, folder / wanted.scores)
    return found


async def _remove(*paths: Path) -> None:
    def remove() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    await asyncio.to_thread(remove)


def tried(folder: Path, wanted: Quality) -> Tried:
    """What came of a sample that was encoded and measured. Raises AttemptFailed OUTPUT_INVALID."""
    return Tried(vmaf=mean_vmaf(folder / wanted.scores), size_bytes=(folder / wanted.made).stat().st_size)


def _read(path: Path, seconds: float) -> Levels:
    """A sound that is never loud nor silent has no lines at all."""
    return levels_in(path, seconds) if path.exists() else levels_of((), seconds)
