"""A step as it is run: what `rendered` makes of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from reelmill.media.steps import FONT, MODEL, Joined, Program


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One process, without the program itself and the flags that media.programs adds."""

    argv: tuple[str, ...]
    """A tool's begins with its name."""
    program: Program = Program.FFMPEG
    reads: tuple[str, ...] = ()
    """Paths of the files that it reads, besides those that steps before it write."""
    written: tuple[tuple[PurePosixPath, str], ...] = ()
    """Text files that it reads too: they are to be written into the working directory first."""
    outputs: tuple[str, ...] = ()
    """Names of the job's outputs that it makes."""
    duration_seconds: float = 0.0
    """Seconds of media that it writes, for progress; 0 where that is not known."""
    of_pictures: bool = False
    """Whether all that it reads are pictures, still or animated: they come out whole (media/whole.py)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """What comes in late."""

    inputs: Mapping[str, str]
    """Paths of the job's inputs, and of pieces, by their names; a relative one is meant from the working directory."""
    threads: int = 0
    """For each decoder; 0 leaves it to ffmpeg."""
    font: str = FONT
    """Path of our font."""
    model: str = MODEL
    """Path of the folder of the model that hears speech."""

    def path(self, of: str | PurePosixPath | Joined) -> str:
        """Where a file lies, or the list of those that are joined."""
        return self.inputs[of] if isinstance(of, str) else str(of.path if isinstance(of, Joined) else of)
