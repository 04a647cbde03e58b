"""Steps of stills, made by warm children and written by us. What they leave undone is ffmpeg's."""

import asyncio
import errno
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.promises import PlannedFile
from reelmill.media.render.still import ordered
from reelmill.media.steps import Step
from reelmill.media.warm import Answer, Crashed, Overrun, WarmChildren
from reelmill.media.warm_bounds import MOST_WARNINGS, QUESTION_BYTES, WARNING_CHARACTERS
from reelmill.points import reach
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stills:
    """Has warm children make the files of a step."""

    children: WarmChildren

    async def make(
        self,
        step: Step,
        *,
        path: Path,
        folder: Path,
        tenant: str,
        max_bytes: int,
        check_space: Callable[[], None] = lambda: None,
    ) -> tuple[str, ...] | None:
        """Make a step's files in `folder` of the input at `path`; answers the warnings, of which there are few.

        None: they are not made, and nothing is written; ffmpeg can, or knows why not. `check_space` raises
        AttemptFailed where the disk has too little left. Raises AttemptFailed DISK_FULL.
        """
        order = ordered(step)
        if len(json.dumps(order)) > QUESTION_BYTES:
            return None
        await reach("task.encoding")
        try:
            answer = await self.children.ask(tenant, path, order)
        except (Crashed, Overrun, OSError) as error:
            log.warning("a warm child made no still; ffmpeg will", reason=str(error))
            return None
        if (reason := answer.told.get("undone")) is not None:
            log.info("a still is left to ffmpeg", reason=reason)
            return None
        check_space()
        pictures = _pictures(answer, step)
        if pictures is None or len(answer.made) > max_bytes:
            return None
        await asyncio.to_thread(_write, folder, pictures, step.outputs)
        return tuple(str(line)[:WARNING_CHARACTERS] for line in answer.told["warnings"][:MOST_WARNINGS])


def _pictures(answer: Answer, step: Step) -> list[tuple[PurePosixPath, bytes]] | None:
    """Each file's bytes; None where an answer is not of this step: who wrote it may have been taken over."""
    sizes: Any = answer.told.get("sizes")
    if not isinstance(sizes, list) or len(sizes) != len(step.writes):
        return None
    if not all(isinstance(counts, list) and all(type(n) is int and n > 0 for n in counts) for counts in sizes):
        return None
    if not isinstance(answer.told.get("warnings"), list):
        return None
    found, at = [], 0
    for writing, counts in zip(step.writes, sizes, strict=True):
        if len(counts) > len(writing.promised):
            return None
        for file, count in zip(writing.promised, counts, strict=False):
            assert isinstance(file, PlannedFile), "a still is a file"
            found.append((file.path, answer.made[at : at + count]))
            at += count
    return found if at == len(answer.made) else None


def _write(folder: Path, pictures: Sequence[tuple[PurePosixPath, bytes]], outputs: Sequence[str]) -> None:
    try:
        for path, picture in pictures:
            with (folder / path).open("xb") as file:  # it is new, and no link that somebody laid
                file.write(picture)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "the worker's disk is full"
            raise AttemptFailed("DISK_FULL", message, output=", ".join(outputs)) from error
        raise
