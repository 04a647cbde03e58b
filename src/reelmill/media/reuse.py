"""When an output is the same as one that was made before: its key says what is done to which bytes. Pure.

A key names no tenant, job, output or place, so that whoever asks for the same of the same bytes has the same. It says
nothing of who may see what it stands for: results are looked up within a tenant.
"""

import hashlib
import json
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from reelmill.media.contract import Graph, PlanContext
from reelmill.media.inputs import inputs_of, output_read
from reelmill.media.promises import FileSet, PlannedFile
from reelmill.media.steps import Joined, Program, Reading, Step, Writing, digest
from reelmill.v1.jobs_pb2 import Job, Output

PLAN_VERSION = 1
"""Grows where what runs a step comes to make other bytes of it, though the step is the same."""
HASHED_BYTES = 400e6
"""That a core hashes in a second (SHA-256, on processors without instructions for it)."""
MOST_FILES = 50_000
"""Of an output that is taken: more are made anew, for each is copied by itself."""
_HASH_SHARE = 0.1  # of the work: an input that takes longer to hash than that is not worth knowing
_TOLD = frozenset({"name", "input", "optional", "contract", "from_preset"})  # of an output, beside its steps
_LIST = PurePosixPath("joined")


def keys(job: Job, graph: Graph, digests: Mapping[str, str], *, builds: Mapping[Program, str]) -> dict[str, str]:
    """The keys of a job's outputs, SHA-256 in hex by name; none of one that has none.

    `digests`: SHA-256 of the inputs' bytes, in hex by name, as far as they are known. `builds`: names the build of each
    program, where that is known. A process that makes several outputs makes of each what a process of its own would.
    """
    made: dict[PurePosixPath, str] = {}
    told: dict[str, list[tuple[int, str, Any]]] = {}
    for step in graph.steps:
        reads, after = _resolved(step, digests, made), tuple(made.get(path, "") for path in step.after)
        build = builds.get(step.program, "")
        for writing in step.writes:
            files, texts = tuple(map(PurePosixPath, after)), _texts(step, writing)
            alone = replace(step, reads=reads or (), writes=(writing,), after=files, texts=texts)
            known = reads is not None and all(after) and build
            does = _hashed([build, digest(alone)]) if known else ""
            # Files of one muxer are told apart by their order.
            made |= {path: f"{does}.{i}" if does else "" for i, path in enumerate(_paths(writing))}
            for thing in writing.promised:
                told.setdefault(thing.output, []).append((thing.position, does, _promise(thing)))
    found = {}
    for output in job.outputs:
        things = sorted(told.get(output.name, ()), key=lambda thing: thing[:2])
        if things and all(does for _, does, _ in things) and is_told(output):
            contract = output.contract.SerializeToString(deterministic=True).hex()  # which says what is measured of it
            found[output.name] = _hashed([PLAN_VERSION, things, *filter(None, [contract])])
    return found


def asked(job: Job, digests: Mapping[str, str], builds: str, context: PlanContext) -> dict[str, str]:
    """SHA-256 of what each output asks for of which bytes, in hex by name; none of one whose input is not known.

    The same is planned for the same, by the same code: `builds` names that too. So what a plan came to may be looked up
    by it, before an input is fetched. `context`: what plans depend on besides.
    """
    found = {}
    for output in job.outputs:
        read = sorted(inputs_of(output, job))
        if any(name not in digests or output_read(name) for name in read) or not is_told(output):
            continue
        plain = Output()
        plain.CopyFrom(output)
        plain.ClearField("optional")
        plain.ClearField("from_preset")
        spec = plain.SerializeToString(deterministic=True).hex()
        inputs = [[name, digests[name]] for name in (output.input or job.inputs[0].name, *read)]
        found[output.name] = _hashed(["asked", builds, context.threads, context.memory_bytes, spec, inputs])
    return found


def seen(uri: str) -> str:
    """SHA-256, in hex, by which it is remembered that an address was hashed: others are asked nothing."""
    return _hashed(["seen", uri])


def paths_of(graph: Graph, output: str) -> list[PurePosixPath] | None:
    """Where an output's files are to lie, relative to the working directory; None where its manifest says that."""
    things = [thing for thing in graph.promised if thing.output == output]
    files = [thing for thing in things if isinstance(thing, PlannedFile)]
    return [file.path for file in files if file.stored] if len(files) == len(things) else None


def without(graph: Graph, outputs: Container[str]) -> Graph:
    """A graph that makes all outputs but these."""
    kept: list[Step] = []
    read: set[PurePosixPath] = set()
    for step in reversed(graph.steps):
        writes = tuple(
            writing
            for writing in step.writes
            if not read.isdisjoint(_paths(writing))
            or any(one.output and one.output not in outputs for one in writing.promised)
        )
        if not writes:
            continue
        read |= {reading.of for reading in step.reads if isinstance(reading.of, PurePosixPath)} | set(step.after)
        if len(writes) < len(step.writes):
            share = len(writes) / len(step.writes)
            step = replace(step, writes=writes, cost=replace(step.cost, writing_cpu=share * step.cost.writing_cpu))
        kept.append(step)
    return replace(graph, steps=tuple(reversed(kept)))


def cpu_seconds(graph: Graph) -> float:
    """Core-seconds that a graph is reckoned to take."""
    return sum(step.cost.reading_cpu + step.cost.writing_cpu for step in graph.steps)


def wants(job: Job) -> bool:
    """Whether a job takes what is there."""
    return not job.HasField("reuse") or job.reuse


def is_told(output: Output) -> bool:
    """Whether an output asks for nothing that neither its steps nor its contract say, as keys are."""
    if output.package.HasField("encryption"):
        return False
    return {field.name for field, _ in output.ListFields()} <= _TOLD | {str(output.WhichOneof("operation"))}


def worth_hashing(size_bytes: int, cpu: float) -> bool:
    """Whether so many bytes are hashed in a small part of the time that the work on them takes."""
    return size_bytes / HASHED_BYTES <= _HASH_SHARE * cpu


def _hashed(things: list[Any]) -> str:
    text = json.dumps(things, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _paths(writing: Writing) -> list[PurePosixPath]:
    """All that is written: filters write files of their own beside that of the muxer."""
    every = (thing.path for thing in writing.promised if isinstance(thing, PlannedFile))
    return list(dict.fromkeys((writing.path, *every)))


def _texts(step: Step, writing: Writing) -> tuple[tuple[PurePosixPath, str], ...]:
    """Those that one of a step's files is made with."""
    filters = [stream.taken.filters for stream in writing.streams]
    read = {reading.of for reading in step.reads}
    return tuple((path, text) for path, text in step.texts if path in read or any(str(path) in one for one in filters))


def _resolved(step: Step, digests: Mapping[str, str], made: Mapping[PurePosixPath, str]) -> tuple[Reading, ...] | None:
    """A step's readings, with what the files are in the place of their names; None where that is not known."""
    found = []
    texts = {path: str(path) for path, _ in step.texts}  # which are called by what stands in them
    for reading in step.reads:
        of: str | Joined | None
        if isinstance(reading.of, Joined):
            files = tuple(digests.get(name, "") for name in reading.of.files)
            of = replace(reading.of, path=_LIST, files=files) if all(files) else None
        else:
            of = digests.get(reading.of) if isinstance(reading.of, str) else {**made, **texts}.get(reading.of)
        if not of:
            return None
        found.append(replace(reading, of=of))
    return tuple(found)


def _promise(thing: PlannedFile | FileSet) -> Any:
    """What is to come out. A set's files name each other, so its own names are part of it."""
    if isinstance(thing, FileSet):
        return [str(thing.manifest), thing.pattern, thing.content_types]
    return thing.content_type
