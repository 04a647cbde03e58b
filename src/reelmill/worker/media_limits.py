"""What an attempt of the media executor may use."""

from dataclasses import dataclass
from pathlib import Path

from reelmill.media.contract import PlanContext
from reelmill.media.spreading import Worth

LEAST_WALL_SECONDS = 600.0
"""That a process may run, however short the media is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLimits:
    """What an attempt may use; times in seconds."""

    ffmpeg: Path
    speech_model: str = ""
    """Path of the folder of a model that hears speech; empty: there is none."""
    no_progress_seconds: float
    wall_limit_factor: float
    wall_limit_seconds: float
    output_max_bytes: int
    worth: Worth
    """What becomes a task of its own."""
    cache_bytes: int = 0
    """Most bytes of inputs that are kept for further tasks."""
    context: PlanContext
    """Threads of each codec, and memory of each process."""
    engine: str = ""
    """The label of this ffmpeg's build, which all workers of one job must have; empty: none."""

    def wall(self, seconds: float) -> float:
        """How long a process may run for so many seconds of media."""
        return min(self.wall_limit_seconds, max(LEAST_WALL_SECONDS, self.wall_limit_factor * seconds))
