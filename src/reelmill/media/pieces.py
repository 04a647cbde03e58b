"""Pieces of outputs: what tasks of their own make of a long video, and what joins it again. Pure.

A chunk is an output's picture from one of the input's frames to another, and begins with a key frame; the sound is made
once, whole; a join puts the chunks one behind the other, and the sound beside them, without decoding anything. What
holds for all of them is decided once, by the task that plans them: a chunk sees its own part of a long file alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, ClassVar

from reelmill.jobs.errors import Failure
from reelmill.media.timeline import packed_times, unpacked_times
from reelmill.redaction import redacted

_OF_FAILURES = ("code", "message", "output", "command", "stderr_tail")
_EXPLAINED = ("kind", "cause", "deciding_line", "remedy", "reproduction")  # apart: a release before knows none of these
MOST_CHUNKS = 1000
"""Of one video; a job has at most 2,000 tasks."""
HAIR = 500
"""Microseconds: a frame that lies so little before an interval is taken for its first, for clocks are rounded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How frames' times are written: the same in all chunks of a video, else their streams would differ."""

    fine: bool
    """Some lie between the ticks of the input's clock."""
    sparse: bool
    """Frames lie far apart (cutting.Cut.sparse)."""
    held: bool
    """The last frame is held to the end (cutting.Cut.last)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """The picture of a part of a video; microseconds of the input's clock (media.timeline)."""

    start: int
    """A frame's own time; of the first chunk where the video's part of the input begins."""
    end: int
    """Where the next chunk begins; of the last one where the part ends."""
    clock: Clock
    index: int
    """Its place among the chunks of its video."""
    last: bool

    @property
    def name(self) -> str:
        """What it is called among the pieces of an output."""
        return f"chunk-{self.index}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """All sounds of a video, without its picture."""

    name: ClassVar[str] = "sound"
    """As of a chunk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Chunks and sound become the video."""

    edges: tuple[int, ...]
    """Where the chunks begin, and where the last one ends; as in Chunk."""
    clock: Clock
    times: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    """By film, when each chunk's frames are shown, in microseconds from the first of them on."""

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """What it joins."""
        last = len(self.edges) - 2
        return tuple(
            Chunk(start=start, end=end, clock=self.clock, index=i, last=i == last)
            for i, (start, end) in enumerate(pairwise(self.edges))
        )


Piece = Chunk | Sound | Join


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A piece's file, as the task that made it tells those that wait for it."""

    output: str
    """The film that it is a piece of: an output, or output/name for one of several that an output is made of."""
    piece: str
    """Its name."""
    uri: str
    size_bytes: int
    times: Sequence[int]
    """As in Join; none of a sound."""
    engine: str = ""
    """Names the build of ffmpeg that made it; empty where a release before did."""

    @property
    def file(self) -> str:
        """What a join's step calls it."""
        return file_of(self.output, self.piece)


def file_of(film: str, piece: str) -> str:
    """What a join's step calls the file of a piece."""
    return f"{film}/{piece}"


def film_name(path: PurePosixPath) -> str:
    """What a film, or a piece of it, is called by the name of its file."""
    name = path.name.removesuffix(path.suffix)
    return name.removesuffix(".chunk").removesuffix(".sound")


def film_in(path: PurePosixPath, piece: str) -> str:
    """The film that a piece's file is of, as in Made."""
    output, name = path.parent.name, path.name.removesuffix(f".{piece.partition('-')[0]}{path.suffix}")
    return output if name == output else f"{output}/{name}"


def joined(join: Join, made: Iterable[Made]) -> Join:
    """A join that knows what its pieces told. Raises ValueError where one told nothing."""
    times = {(one.output, one.piece): one.times for one in made}
    films = dict.fromkeys(film for film, piece in times if piece != Sound.name)
    try:
        known = {film: [times[film, chunk.name] for chunk in join.chunks] for film in films}
    except KeyError as missing:
        raise ValueError(f"no task told of {missing}") from missing
    return replace(join, times=known)


def told(piece: Piece) -> dict[str, Any]:
    """A piece as it stands in a task's spec, without what is known only once its chunks are made."""
    if isinstance(piece, Sound):
        return {"sound": {}}
    if isinstance(piece, Chunk):
        return {"chunk": asdict(piece)}
    return {"join": {"edges": piece.edges, "clock": asdict(piece.clock)}}


def piece_of(spec: Mapping[str, Any]) -> Piece | None:
    """The piece in a task's spec; None where whole outputs are meant."""
    if "sound" in spec:
        return Sound()
    if chunk := spec.get("chunk"):
        return Chunk(**{**chunk, "clock": Clock(**chunk["clock"])})
    if join := spec.get("join"):
        return Join(edges=tuple(join["edges"]), clock=Clock(**join["clock"]))
    return None


def result(made: Iterable[Made], failed: Iterable[Failure] = ()) -> bytes:
    """What a piece's task tells; `failed`: why it has no piece of some optional outputs."""
    files = [
        {
            "output": one.output,
            "piece": one.piece,
            "uri": one.uri,
            "size_bytes": one.size_bytes,
            "times": packed_times(one.times),
            "engine": one.engine,
        }
        for one in made
    ]
    lacking = [{name: redacted(getattr(one, name)) for name in _OF_FAILURES} for one in failed]
    explained = [{name: redacted(getattr(one, name)) for name in _EXPLAINED} for one in failed]
    return json.dumps({"files": files, **({"failed": lacking, "explained": explained} if lacking else {})}).encode()


def failed_of(result: bytes) -> tuple[Failure, ...]:
    """Of which outputs a task that told `result` has no piece, and why."""
    told = json.loads(result)
    failed = told.get("failed", ())
    explained = told.get("explained") or [{}] * len(failed)
    return tuple(Failure(**one, **more) for one, more in zip(failed, explained, strict=True))


def made_of(result: bytes) -> tuple[Made, ...]:
    """What `result` wrote. Raises ValueError for anything else."""
    files = json.loads(result)["files"]
    return tuple(Made(**{**one, "times": unpacked_times(one["times"])}) for one in files)
