"""The types between planning and running. Pure.

(job, what its inputs contain) → Plan: commands to run one after the other, and the files that
must be there afterwards. A plan names files by paths relative to the attempt's working directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, Protocol

from reelmill.jobs.errors import Violation
from reelmill.media.memory import PROCESS_BYTES
from reelmill.media.timeline import Timeline, claimed
from reelmill.v1.media_pb2 import MediaInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """An input that was fetched and probed."""

    path: str
    """Absolute path that ffmpeg reads."""
    info: MediaInfo
    demuxer: str
    """FFmpeg's demuxer name, forced with -f so that a file is read as what we found it to be."""
    measured: Timeline | None = None
    """What its packets tell."""

    @property
    def timeline(self) -> Timeline:
        """What is shown and heard when."""
        return self.measured or claimed(self.info)


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a file that ffmpeg wrote must contain; None and 0 are not checked."""

    video_codec: str | None = None
    audio_codec: str | None = None
    languages: tuple[str, ...] = ()
    """Of each sound, in order; empty where its input did not say."""
    width: int = 0
    height: int = 0
    duration_seconds: float | None = None
    duration_tolerance_seconds: float = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFile:
    """A file that the plan makes."""

    output: str
    """Name of the job's output that it belongs to."""
    path: PurePosixPath
    """Relative to the working directory; also its name below the destination."""
    content_type: str
    expected: Expected
    if_missing: str = "OUTPUT_INVALID"
    """What it means where ffmpeg ends well without having made it: a key of jobs.errors.CODES."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One ffmpeg process, without the program itself and the flags that `run` adds.

    Commands with equal `inputs` can be joined: ffmpeg then decodes once for all their outputs.
    """

    inputs: tuple[str, ...]
    """Options and -i of all inputs."""
    writes: tuple[str, ...]
    """Options and path of each file that it writes, paths relative to the working directory."""
    outputs: tuple[str, ...]
    """Names of the job's outputs that it makes."""
    duration_seconds: float
    """Seconds of media that it writes, for progress; 0 where that is not known."""
    joins: bool = True
    """Whether it may be joined with others."""
    reading_bytes: int = 0
    """Memory of its decoders."""
    writing_bytes: int = 0
    """Memory of its filters and encoders."""

    @property
    def memory_bytes(self) -> int:
        """What it will take, all in all, as media.memory reckons."""
        return PROCESS_BYTES + self.reading_bytes + self.writing_bytes

    @property
    def argv(self) -> tuple[str, ...]:
        """The whole list of arguments."""
        return self.inputs + self.writes

    @property
    def reads(self) -> tuple[str, ...]:
        """Paths of the files that it reads."""
        named = (value for option, value in pairwise(self.inputs) if option == "-i")
        return tuple(dict.fromkeys(value.removeprefix("file:") for value in named if value.startswith("file:")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What an attempt runs and what it must find afterwards."""

    commands: tuple[Command, ...]
    files: tuple[PlannedFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanContext:
    """What planning may know besides the job and its inputs."""

    threads: int = 0
    """Threads for each codec; 0 leaves it to ffmpeg."""
    memory_bytes: int = 0
    """What a command may take; 0: any."""


class Operation(Protocol):
    """One thing that an output can ask for: a module in operations/, named as the Output field.

    `spec` is the operation's own message (Transcode, Thumbnail, AudioExtract).
    """

    name: str
    description: str
    extensions: tuple[str, ...]

    def violations(self, spec: Any, path: str) -> list[Violation]:
        """What contradicts itself in `spec`, each with its field's full path below `path`."""
        ...

    def with_defaults(self, spec: Any) -> Any:
        """A copy in which what was left out and has a fixed default is filled in."""
        ...

    def plan(self, output: str, spec: Any, source: Source, context: PlanContext) -> Plan:
        """Commands and files for one output.

        Raises AttemptFailed where the input does not allow it (TIME_OUT_OF_RANGE, INPUT_NO_AUDIO…).
        """
        ...


Sources = Mapping[str, Source]
