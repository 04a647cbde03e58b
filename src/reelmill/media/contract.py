"""The types between planning and running. Pure.

(job, facts) → Graph, or what must be known first (Needs). See steps.py for what a graph is made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from reelmill.jobs.errors import Failure, Violation
from reelmill.media.pieces import Clock, Piece
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.steps import Step
from reelmill.media.timeline import Timeline, claimed
from reelmill.v1.jobs_pb2 import Output
from reelmill.v1.media_pb2 import MediaInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """An input that was fetched and probed."""

    name: str = ""
    """The job's name of it."""
    info: MediaInfo
    demuxer: str
    """FFmpeg's demuxer name, forced with -f so that a file is read as what we found it to be."""
    measured: Timeline | None = None
    """What its packets tell."""
    comes_smaller: bool = False
    """Whether its decoder can give its picture at a part of its size."""

    @property
    def timeline(self) -> Timeline:
        """What is shown and heard when."""
        return self.measured or claimed(self.info)


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What an input contains; answered by a Source, or by a Failure where only optional outputs read it."""

    input: str
    """The job's name of it."""
    looks: tuple[float, ...] = ()
    """Times whose frames are to be known, as `measuring.sought` takes them."""
    span: tuple[float, float] | None = None
    """From when to when all frames are to be known, as there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loudness:
    """How loud a sound is, and where it is silent; answered by Levels, or by a Failure where that can't be measured."""

    step: Step
    """What measures it: it writes lines as `metadata=print` does, to its only path."""
    seconds: float
    """How long the sound lasts; 0 where that is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What came of a sample."""

    vmaf: float
    """Mean of its frames."""
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """How like its input a sample of a film is, and how large; answered by Tried, or by a Failure."""

    output: str
    """Name of the job's output that it is tried for."""
    steps: tuple[Step, ...]
    """What encodes it, and what holds it against the input."""
    made: PurePosixPath
    """Where it is encoded."""
    scores: PurePosixPath
    """Where libvmaf writes its CSV."""
    seconds: float
    guess: Tried
    """Who only looks at a plan goes by that."""
    tries: int = 1
    """How many there are in its place, as a rule: with the guess a search may end at once."""


Measurement = Probe | Loudness | Quality
"""Something that a plan may have to know first. Each kind is a type of its own, and its answer's type stands there."""
Facts = Mapping[Measurement, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """A plan can't be made yet: it asks for these, and to be made again."""

    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Steps, each after those whose files it reads."""

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    """Names of the job's outputs, in their order."""
    failed: tuple[Failure, ...] = ()
    """Why optional outputs are not made; each names one."""
    settled: tuple[Output, ...] = ()
    """Outputs as they are made, of which something had to be found out first that other tasks must know."""

    @property
    def promised(self) -> tuple[PlannedFile | FileSet, ...]:
        """All that must be there at the end: outputs in the job's order, each one's files in theirs."""
        place = {name: i for i, name in enumerate(("", *self.outputs))}
        found = (thing for step in self.steps for thing in step.promised)
        return tuple(sorted(found, key=lambda thing: (place[thing.output], thing.position)))


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanContext:
    """What planning may know besides the job and its inputs."""

    threads: int = 0
    """Threads for each codec; 0 leaves it to ffmpeg."""
    memory_bytes: int = 0
    """What a step may take; 0: any."""
    facts: Facts = field(default_factory=dict)
    """What was measured so far."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """The inputs that the output reads, by their names."""
    piece: Piece | None = None
    """What alone is to be made of each output; None: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """How an output can be made in chunks; times in microseconds of its input's clock."""

    picture: int
    """The stream whose frames are divided."""
    start: int
    end: int
    """The part of the input that it is made of."""
    shown: int
    """When its first frame is shown, from which its key frames are counted."""
    clock: Clock
    sounds: bool
    """Whether there is sound beside the picture."""
    measured: bool
    """Whether all frames' times are known."""
    keyframe_interval_seconds: float
    """0: where the encoder likes."""
    chunk_seconds: float
    """The shortest that was asked for; 0: as the plan likes."""


Planned = tuple[Step, ...] | Needs


class Operation(Protocol):
    """One thing that an output can ask for: a module in operations/, named as the Output field.

    `spec` is the operation's own message (Transcode, Thumbnail, AudioExtract).
    """

    name: str
    description: str
    extensions: tuple[str, ...]
    encoders: frozenset[str]
    """FFmpeg's names of all that it may need."""
    filters: frozenset[str]
    """As `encoders`."""
    example: str
    """An output that asks for it, as JSON; a test runs it."""

    def violations(self, spec: Any, path: str) -> list[Violation]:
        """What contradicts itself in `spec`, each with its field's full path below `path`."""
        ...

    def with_defaults(self, spec: Any) -> Any:
        """A copy in which what was left out and has a fixed default is filled in."""
        ...

    def inputs(self, spec: Any) -> tuple[str, ...]:
        """Names of inputs that it reads besides its output's own; PlanContext.sources has them."""
        ...

    def looks(self, spec: Any) -> tuple[float, ...]:
        """Times of its own input whose frames it must know, as `measuring.sought` takes them.

        At most MOST_LOOKS of a job are.
        """
        ...

    def plan(self, output: str, spec: Any, source: Source, context: PlanContext) -> Planned:
        """The steps of one output, or of its piece, or what it must know first (then it is asked again).

        Raises AttemptFailed where the input does not allow it (TIME_OUT_OF_RANGE, INPUT_NO_AUDIO…).
        """
        ...

    def division(self, output: str, spec: Any, source: Source) -> Division | None:
        """How an output that can be planned is made in pieces; None: it is made whole."""
        ...


Sources = Mapping[str, Source]
