"""Steps as an attempt runs them, and what the history hears of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelmill.media.engines import Engine
from reelmill.media.foreseeing import Limit
from reelmill.media.reckoning import Work
from reelmill.media.render.command import Command
from reelmill.media.steps import Step
from reelmill.store.leases import MadeFile
from reelmill.worker.history import History


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A step as it is to be run."""

    step: Step
    command: Command
    """Ffmpeg's, also where a warm child does the same: it is what the log tells, and who does it if the child can't."""
    engine: Engine
    works: tuple[Work, ...]
    """What it is reckoned to take."""
    limits: tuple[Limit, ...] = ()
    """Of its files: it is stopped once one has more."""


def tell_written(history: History, runs: Sequence[Run], made: Iterable[MadeFile]) -> None:
    """Tell how much was written of what some steps made."""
    sizes = dict[str, int]()
    for file in made:
        sizes[file.output] = sizes.get(file.output, 0) + file.file.size_bytes
    for name, size in sizes.items():
        history.written([work for run in runs for work in run.works if work.output == name], size)
