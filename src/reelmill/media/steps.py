"""What is to be done, as data that a person can read before it runs. Pure.

An operation plans steps. A step says which program reads which streams of which files, what is done to them, how each
is encoded and what is written. Where files lie, at which place of a command line one stands, and how many threads
decode comes in when a step is rendered (media/render): so the same work is the same data, whoever asks for it, and
steps can be shown, hashed (`digest`), joined and moved.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from reelmill.media.memory import PROCESS_BYTES
from reelmill.media.program import Program as Program
from reelmill.media.promises import FileSet, PlannedFile

# What is escaped or in quotes separates nothing.
_QUOTED = re.compile(r"\\.|'[^']*'")
_FILTER = re.compile(r"(?:^|[,;])\s*(?:\[[^\]]*\]\s*)*(\w+)")


FONT = "{font}"
"""In filters, the place of the path of our font."""
FONTS = "{fonts}"
"""In filters, the place of the path of the folder that our font lies in."""
MODEL = "{model}"
"""As an argument of a tool, the path of the folder of the model that hears speech."""
COPY = "copy"
"""In the place of an encoder: what is taken is written as it is."""


class Kind(Enum):
    """What a stream is, by FFmpeg's letter."""

    VIDEO = "v"
    AUDIO = "a"
    TEXT = "s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """Files that are read as one."""

    path: PurePosixPath
    """Of the list of them, which is made for the step."""
    files: tuple[str, ...]
    """As the names of inputs."""
    lasts: tuple[int, ...]
    """Microseconds from where each begins to where the next one does; so one less than there are files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One opening of a file."""

    of: str | PurePosixPath | Joined
    """Name of the job's input, or the path of a file that a step before writes, or many that are read as one."""
    demuxer: str
    """FFmpeg's, forced: a file is read as what we found it to be."""
    seek: float = 0.0
    """Seconds."""
    options: tuple[str, ...] = ()
    """Of its decoders, besides threads."""
    alone: bool = False
    """One thread decodes it: for many that are opened at once, a thread for each costs more than it brings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What is fed into an encoder: streams of a reading, through filters."""

    streams: tuple[int, ...] = ()
    """By the file's own numbers; none where filters make it out of nothing."""
    filters: str = ""
    """A chain for one stream; else a graph, in which [s0], [s1], … are the streams in their order."""
    reading: int | tuple[int, ...] = 0
    """Which of the step's readings; where it is of several, that of each stream."""

    @property
    def is_chain(self) -> bool:
        """Whether its filters are a chain, or a graph that names no stream."""
        return len(self.streams) == 1 and "[s0]" not in self.filters

    @property
    def readings(self) -> tuple[int, ...]:
        """That of each stream."""
        return self.reading if isinstance(self.reading, tuple) else (self.reading,) * len(self.streams)


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """One stream of what is written."""

    kind: Kind
    taken: Taken
    encoder: str
    """FFmpeg's name."""
    options: tuple[str, ...] = ()
    """Of the encoder: names and values in turn, as for the only stream of its kind."""
    timing: tuple[str, ...] = ()
    """How ffmpeg is to treat the times of frames on their way to the encoder; as `options`."""
    threads: int = 0
    """Of the encoder: x264's bytes depend on them. 0: its own choice."""
    frames: int = 0
    """The most that are written; 0: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """One file that is muxed, or many of one pattern."""

    path: PurePosixPath
    """Relative to the working directory; with %04d for many."""
    streams: tuple[Encoded, ...]
    options: tuple[str, ...]
    """Of the muxer, and what is told of the whole."""
    seconds: float = 0.0
    """Where it ends, if it is cut; else 0."""
    promised: tuple[PlannedFile | FileSet, ...] = ()
    """What must be there afterwards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A part of an argument that comes in late: where a file lies that a step reads."""

    reading: int
    """Which of the step's readings."""
    before: str = ""
    after: str = ""
    """The text around it, in the same argument."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFile:
    """A file with keys, which is there while its step runs: they are in no plan, argument or receipt."""

    path: PurePosixPath
    """Relative to the working directory."""
    output: str
    """Whose keys they are."""
    kind: str = ""
    """Of the stream that a packager encrypts, video or audio; empty: our own tools read the keys of all."""
    name: str = ""
    """Of that stream."""
    vector: str = ""
    """Its initialization vector in hex; empty: it follows from the key, the name and what the step reads."""
    vector_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What is estimated of a step, to plan with: never part of what it does."""

    seconds: float = 0.0
    """Of media that it writes, for progress; 0 where that is not known."""
    reading_cpu: float = 0.0
    """Core-seconds of its decoders."""
    writing_cpu: float = 0.0
    """Core-seconds of its filters and encoders."""
    reading_bytes: int = 0
    """Memory of its decoders."""
    writing_bytes: int = 0
    """Memory of its filters and encoders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One process."""

    reads: tuple[Reading, ...]
    writes: tuple[Writing, ...]
    cost: Cost = Cost()
    shares: bool = True
    """Whether it may share a process with others that read the same."""
    program: Program = Program.FFMPEG
    arguments: tuple[str | Place, ...] = ()
    """Of any program but ffmpeg, whose arguments follow from what it reads and writes; a tool's begin with its name."""
    after: tuple[PurePosixPath, ...] = ()
    """Files of steps before that it needs besides those that it reads: what a first pass writes down."""
    texts: tuple[tuple[PurePosixPath, str], ...] = ()
    """Files that its filters read, relative to the working directory, and what is to stand in them."""
    serves: tuple[str, ...] = ()
    """Names of the job's outputs that it is for, where it makes none of their files."""
    keyed: KeyFile | None = None
    """The file with keys that it reads."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the job's outputs that it makes, or is for."""
        return tuple(dict.fromkeys((*self.serves, *(file.output for file in self.promised))))

    @property
    def promised(self) -> tuple[PlannedFile | FileSet, ...]:
        """All that must be there afterwards."""
        return tuple(chain.from_iterable(writing.promised for writing in self.writes))

    @property
    def memory_bytes(self) -> int:
        """What it will take, all in all, as media.memory reckons."""
        return PROCESS_BYTES + self.cost.reading_bytes + self.cost.writing_bytes

    @property
    def encoders(self) -> frozenset[str]:
        """FFmpeg's names of the encoders that it needs."""
        return frozenset(stream.encoder for stream in self._streams()) - {COPY}

    @property
    def filters(self) -> frozenset[str]:
        """FFmpeg's names of the filters that it needs."""
        return frozenset(chain.from_iterable(names_of_filters(stream.taken.filters) for stream in self._streams()))

    def _streams(self) -> Iterator[Encoded]:
        return chain.from_iterable(writing.streams for writing in self.writes)


def place_of(text: str, suffix: str) -> PurePosixPath:
    """Where a text is written that a step reads: by what stands in it, so the same work reads the same file."""
    return PurePosixPath(f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.{suffix}")


def names_of_filters(graph: str) -> frozenset[str]:
    """The filters that a chain or graph is made of."""
    return frozenset(match[1] for match in _FILTER.finditer(_QUOTED.sub("", graph)))


def digest(step: Step) -> str:
    """SHA-256, in hex, of what a step does: the same for all who ask for the same of an input of the same name.

    Without names and places of what is written, and without estimates. A file that another step writes is known by its
    path: who keeps results puts that step's digest in its place.
    """
    told = {
        "program": step.program.value,
        "reads": [_told(reading) for reading in step.reads],
        "writes": [
            {
                "streams": [_told(stream) for stream in writing.streams],
                "options": writing.options,
                "seconds": writing.seconds,
                "many": "%" in writing.path.name,
                "suffix": writing.path.suffix,
            }
            for writing in step.writes
        ],
    }
    # What releases before did not know is told where it is used: so digests stay what they were.
    if step.arguments:
        told["arguments"] = _told(step.arguments)
    if step.after:
        told["after"] = _told(step.after)
    if step.texts:
        told["texts"] = _told(step.texts)
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _told(thing: Any) -> Any:
    """Types of this module as JSON."""
    if isinstance(thing, Enum):
        return thing.value
    if isinstance(thing, tuple):
        return [_told(one) for one in thing]
    if isinstance(thing, PurePosixPath):
        return {"path": str(thing)}
    if hasattr(thing, "__dataclass_fields__"):
        return {name: _told(getattr(thing, name)) for name in thing.__dataclass_fields__}
    return thing
