"""How a job becomes tasks for several workers: which outputs are tasks of their own, which are chunked. Pure."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.jobs.validators import Validator
from reelmill.media import chunking
from reelmill.media.contract import Division, Facts, Graph, PlanContext, Probe
from reelmill.media.inputs import inputs_of, output_read
from reelmill.media.pieces import Clock, Join, Piece, Sound, piece_of, told
from reelmill.media.plan import divisions, probes
from reelmill.media.timeline import SECOND
from reelmill.v1.jobs_pb2 import Input, Job
from reelmill.v1.package_pb2 import Package

MAKE_OUTPUTS = "make_outputs"
"""The kind of a task that makes some outputs of its job; `spec_of` makes its spec."""
MAKE_PIECE = "make_piece"
"""That of a task that makes a piece of some outputs, for a task that joins them."""
JOIN_PIECES = "join_pieces"
"""That of a task that joins the pieces of some outputs."""
MOST_TASKS = 2000
"""Of a job."""
_MOST_OUTPUTS = 64  # of a job
_SOUND_CPU = 0.002  # core-seconds for each second of sound: to be done early, and next to nothing
_JUST = 0.001  # seconds
_JOIN_SHARE = 0.01  # of the work that its pieces were


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Outputs that one task makes."""

    outputs: tuple[str, ...]
    """In the job's order."""
    cpu: float
    """Core-seconds that it is reckoned to take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What a task is worth."""

    least_cpu_seconds: float
    """Of a task of its own; 0: none has any."""
    longest_chunk_seconds: float
    """0: no chunks, but where an output asks for them."""
    slots: int = 1
    """Of all workers that may take them."""
    pieces_bytes: int = 0
    """Most that pieces of one job may have together; 0: any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunked:
    """Outputs of one decode that are made in chunks."""

    share: Share
    division: Division
    """Of all of them: they are of the same part of the same input."""
    seconds: float
    """How long chunks are to be."""
    heard: tuple[str, ...]
    """Those of the outputs that have sound."""
    probe: Probe
    """Of their input, as their plan was made with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A task that is to be written."""

    kind: str
    outputs: tuple[str, ...]
    cpu: float
    piece: Piece | None = None
    after: tuple[int, ...] = ()
    """The places of those that it waits for, which stand before it."""


def shares(graph: Graph, least_cpu: float, *, but: Sequence[Share] = ()) -> tuple[Share, ...]:
    """How a job's outputs, `but` some, are spread over tasks; none where one attempt had better make them all.

    What shares a process stays together, and so do all files of an output. A task of less than `least_cpu` core-seconds
    would cost more than it brings: such outputs go with the lightest of the others.
    """
    groups = [left for group in _together(graph) if (left := _less(group, but)).outputs]
    heavy = sorted((group for group in groups if group.cpu >= least_cpu), key=lambda group: group.cpu)
    if len(heavy) < 2 and not but:
        return ()
    light = [group for group in groups if group.cpu < least_cpu]
    first = [_joined([*heavy[:1], *light])] if groups else []
    place = {name: i for i, name in enumerate(graph.outputs)}
    ordered = [
        replace(share, outputs=tuple(sorted(share.outputs, key=place.__getitem__))) for share in first + heavy[1:]
    ]
    return tuple(sorted(ordered, key=lambda share: place[share.outputs[0]]))


def chunked(job: Job, graph: Graph, context: PlanContext, worth: Worth) -> tuple[Chunked, ...]:
    """Which outputs are made in chunks; `context` has the facts that the graph was planned with."""
    known = divisions(job, context.facts)
    read = {output.name: output.input or job.inputs[0].name for output in job.outputs}
    inputs = {probe.input: probe for probe in probes(job)}
    found = []
    for group in _together(graph):
        named = [(name, division) for name in group.outputs if (division := known[name]) is not None]
        if not named:
            continue
        first, division = named[0]
        same = {n: d for n, d in named if (read[n], d.start, d.end) == (read[first], division.start, division.end)}
        cpu = group.cpu * len(same) / len(group.outputs)
        together = _agreed(tuple(same.values()))
        if not together.chunk_seconds and (
            not worth.longest_chunk_seconds or not worth.least_cpu_seconds or cpu < 2 * worth.least_cpu_seconds
        ):
            continue
        seconds = chunking.chunk_seconds(together, cpu, slots=worth.slots, longest_seconds=worth.longest_chunk_seconds)
        if seconds:
            share = Share(outputs=tuple(same), cpu=cpu)
            heard = tuple(name for name, division in same.items() if division.sounds)
            probe = inputs[read[first]]
            found.append(Chunked(share=share, division=together, seconds=seconds, heard=heard, probe=probe))
    return tuple(found)


def looks(chunks: Iterable[Chunked], facts: Facts) -> tuple[Probe, ...]:
    """What must be known besides, so that each chunk begins with a frame."""
    return tuple(probe for one in chunks if (probe := _frames_at_edges(one, facts)) not in facts)


def work(
    graph: Graph, chunks: Iterable[Chunked], facts: Facts, worth: Worth, *, each: bool = False
) -> tuple[Work, ...]:
    """The tasks of a job; none where one attempt had better make it all. `facts`: also what `looks` asked for.

    `each`: every process is worth a task.
    """
    made: list[Work] = []
    done: list[Share] = []
    for one in chunks:
        track = facts[_frames_at_edges(one, facts)].timeline.track(one.division.picture)
        join = Join(edges=chunking.edges(one.division, track, one.seconds), clock=one.division.clock)
        pieces = _pieces(one, join)
        if len(pieces) < 2 or len(made) + len(pieces) + _MOST_OUTPUTS >= MOST_TASKS:
            continue
        places = tuple(range(len(made), len(made) + len(pieces)))
        made += pieces
        cpu = one.share.cpu * _JOIN_SHARE
        made.append(Work(kind=JOIN_PIECES, outputs=one.share.outputs, cpu=cpu, piece=join, after=places))
        done.append(one.share)
    least = 0.0 if each else worth.least_cpu_seconds
    rest = shares(graph, least, but=done) if done or least or each else ()
    made += (Work(kind=MAKE_OUTPUTS, outputs=share.outputs, cpu=share.cpu) for share in rest)
    return tuple(made)


def spec_of(job: Job, work: Work, validators: Mapping[str, Validator]) -> bytes:
    """The spec of a task; `validators`: of the job's inputs, as the plan found them."""
    read = _read_by(job, work.outputs)
    inputs = {name: validators[name].fields for name in validators if name in read}
    spec = {"outputs": work.outputs, "inputs": inputs, **(told(work.piece) if work.piece else {})}
    # Found out by samples, once for all tasks.
    ladders = {
        output.name: b64encode(Package(rungs=output.package.rungs).SerializeToString(deterministic=True)).decode()
        for output in job.outputs
        if output.name in work.outputs and output.package.target_vmaf and output.package.rungs
    }
    return json.dumps(spec | ({"ladders": ladders} if ladders else {})).encode()


def expected_inputs(spec: bytes) -> dict[str, Validator]:
    """What the plan found the inputs to be, by name; nothing where a release before wrote the spec."""
    return {name: Validator.of_fields(fields) for name, fields in json.loads(spec).get("inputs", {}).items()}


def outputs_of(spec: bytes) -> tuple[str, ...]:
    """Names of the outputs that a task with such a spec makes."""
    return tuple(json.loads(spec)["outputs"])


def piece_in(spec: bytes) -> Piece | None:
    """What a task with such a spec makes of its outputs; None: all."""
    return piece_of(json.loads(spec))


def part_of(job: Job, spec: bytes) -> Job:
    """A job with those outputs alone that a spec names, and the inputs that they read.

    What they read of outputs that it does not name are inputs that lie nowhere yet (media.stages). Raises ValueError
    for a spec that is none, or names an output that the job has not.
    """
    wanted = outputs_of(spec)
    made = Job()
    made.CopyFrom(job)
    del made.inputs[:], made.outputs[:]
    made.outputs.extend(output for output in job.outputs if output.name in wanted)
    if len(made.outputs) != len(wanted):
        raise ValueError(f"the job has not all of the outputs {', '.join(wanted)}")
    read = _read_by(job, wanted)
    made.inputs.extend(item for item in job.inputs if item.name in read)
    others = sorted(name for name in read if output_read(name) and output_read(name) not in wanted)
    made.inputs.extend(Input(name=name) for name in others)
    ladders = json.loads(spec).get("ladders", {})
    for output in made.outputs:
        output.input = output.input or job.inputs[0].name
        if output.name in ladders:
            output.package.rungs.extend(Package.FromString(b64decode(ladders[output.name])).rungs)
    return made


def _read_by(job: Job, outputs: Iterable[str]) -> set[str]:
    """Names of the inputs that some outputs read; who names none reads the first."""
    wanted = set(outputs)
    return {name for output in job.outputs if output.name in wanted for name in inputs_of(output, job)}


def _pieces(one: Chunked, join: Join) -> list[Work]:
    outputs, length = one.share.outputs, max(1, join.edges[-1] - join.edges[0])
    found = []
    if one.heard:  # first: it takes long by the clock, for its input is read whole
        cpu = _SOUND_CPU * length / SECOND * len(one.heard)
        found.append(Work(kind=MAKE_PIECE, outputs=one.heard, cpu=cpu, piece=Sound()))
    for chunk in join.chunks:
        cpu = one.share.cpu * (chunk.end - chunk.start) / length
        found.append(Work(kind=MAKE_PIECE, outputs=outputs, cpu=cpu, piece=chunk))
    return found if len(join.chunks) > 1 else []


def _frames_at_edges(one: Chunked, facts: Facts) -> Probe:
    """The probe that tells where chunks begin: their input's, if that is known well enough."""
    track = facts[one.probe].timeline.track(one.division.picture)
    missing = chunking.looks(one.division, track, one.seconds)
    # A little before: where a key frame is shown at that very time, it is not known else that none is just before it.
    looks = tuple(max(0.0, at - _JUST) for at in missing)
    return replace(one.probe, looks=looks) if missing else one.probe


def _agreed(divisions: Sequence[Division]) -> Division:
    """How outputs of one decode are divided together."""
    clocks = [one.clock for one in divisions]
    return replace(
        divisions[0],
        shown=min(one.shown for one in divisions),
        clock=Clock(
            fine=any(clock.fine for clock in clocks),
            sparse=any(clock.sparse for clock in clocks),
            held=any(clock.held for clock in clocks),
        ),
        sounds=any(one.sounds for one in divisions),
        keyframe_interval_seconds=max(one.keyframe_interval_seconds for one in divisions),
        chunk_seconds=max(one.chunk_seconds for one in divisions),
    )


def _less(group: Share, done: Iterable[Share]) -> Share:
    """A group without what others make."""
    gone = [share for share in done if set(share.outputs) & set(group.outputs)]
    names = {name for share in gone for name in share.outputs}
    left = tuple(name for name in group.outputs if name not in names)
    return Share(outputs=left, cpu=max(0.0, group.cpu - sum(share.cpu for share in gone)))


def _together(graph: Graph) -> list[Share]:
    found: list[Share] = []
    for step in graph.steps:
        cpu = step.cost.reading_cpu + step.cost.writing_cpu
        mine = Share(outputs=step.outputs, cpu=cpu)
        same = [share for share in found if set(share.outputs) & set(step.outputs)]
        found = [share for share in found if share not in same]
        found.append(_joined([*same, mine]))
    return found


def _joined(parts: Iterable[Share]) -> Share:
    parts = tuple(parts)
    names = dict.fromkeys(name for part in parts for name in part.outputs)
    return Share(outputs=tuple(names), cpu=sum(part.cpu for part in parts))
