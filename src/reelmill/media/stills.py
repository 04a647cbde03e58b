"""Steps of stills, made and looked into by warm children. What they leave undone is ffmpeg's."""

import errno
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.probe import Probed, probed
from reelmill.media.promises import PlannedFile
from reelmill.media.render.still import ordered
from reelmill.media.steps import Step
from reelmill.media.warm import Answer, Crashed, Overrun, WarmChildren
from reelmill.media.warm_bounds import MOST_WARNINGS, QUESTION_BYTES, WARNING_CHARACTERS
from reelmill.points import reach
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that was made, and lies in memory."""

    output: str
    path: PurePosixPath
    """Where it would lie in the working directory."""
    picture: bytes
    told: Mapping[str, Any]
    """What its maker found as it looked into it, as into any file."""

    def look(self) -> Probed:
        """What it contains. Raises AttemptFailed where it can't be read."""
        try:
            return probed(self.told)
        except Crashed as error:
            raise AttemptFailed("INPUT_CORRUPT", f"its maker can't read it ({error})") from error


@dataclass(frozen=True, slots=True)
class Stills:
    """Has warm children make the files of a step."""

    children: WarmChildren

    async def make(
        self, step: Step, *, path: Path, tenant: str, max_bytes: int, holder: str = ""
    ) -> tuple[tuple[Still, ...], tuple[str, ...]] | None:
        """Make a step's files of the input at `path`; answers them and the warnings, of which there are few.

        `holder`: who had it probed; see WarmChildren.ask.
        None: they are not made; ffmpeg can, or knows why not.
        """
        order = ordered(step)
        if len(json.dumps({**order, "holder": holder})) > QUESTION_BYTES:
            return None
        await reach("task.encoding")
        try:
            answer = await self.children.ask(tenant, path, order, holder)
        except (Crashed, Overrun, OSError) as error:
            log.warning("a warm child made no still; ffmpeg will", reason=str(error))
            return None
        if (reason := answer.told.get("undone")) is not None:
            log.info("a still is left to ffmpeg", reason=reason)
            return None
        stills = _stills(answer, step)
        if stills is None or len(answer.made) > max_bytes:
            return None
        warnings = tuple(str(line)[:WARNING_CHARACTERS] for line in answer.told["warnings"][:MOST_WARNINGS])
        return stills, warnings


def _stills(answer: Answer, step: Step) -> tuple[Still, ...] | None:
    """Each file's bytes; None where an answer is not of this step: who wrote it may have been taken over."""
    sizes: Any = answer.told.get("sizes")
    looks: Any = answer.told.get("looks")
    if not isinstance(sizes, list) or len(sizes) != len(step.writes) or not isinstance(looks, list):
        return None
    if not all(isinstance(counts, list) and all(type(n) is int and n > 0 for n in counts) for counts in sizes):
        return None
    if not isinstance(answer.told.get("warnings"), list) or len(looks) != sum(map(len, sizes)):
        return None
    found: list[Still] = []
    at = 0
    for writing, counts in zip(step.writes, sizes, strict=True):
        if len(counts) > len(writing.promised):
            return None
        for file, count in zip(writing.promised, counts, strict=False):
            assert isinstance(file, PlannedFile), "a still is a file"
            picture = answer.made[at : at + count]
            found.append(Still(file.output, file.path, picture, looks[len(found)]))
            at += count
    return tuple(found) if at == len(answer.made) else None


def write(folder: Path, stills: Iterable[Still], check_space: Callable[[], None] = lambda: None) -> None:
    """Write pictures into a working directory.

    `check_space` raises AttemptFailed where the disk has too little left. Raises AttemptFailed DISK_FULL.
    """
    check_space()
    for still in stills:
        target = folder / still.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:  # it is new, and no link that somebody laid
                file.write(still.picture)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise AttemptFailed("DISK_FULL", "the worker's disk is full", output=still.output) from error
            raise
