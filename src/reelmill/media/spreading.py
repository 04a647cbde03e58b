"""Which outputs of a job are tasks of their own, for several workers. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reelmill.jobs.validators import Validator
from reelmill.media.contract import Graph
from reelmill.v1.jobs_pb2 import Job

MAKE_OUTPUTS = "make_outputs"
"""The kind of a task that makes some outputs of its job; `spec_of` makes its spec."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Outputs that one task makes."""

    outputs: tuple[str, ...]
    """In the job's order."""
    cpu: float
    """Core-seconds that it is reckoned to take."""


def shares(graph: Graph, least_cpu: float) -> tuple[Share, ...]:
    """How a job is spread over tasks; none where one attempt had better make it all.

    What shares a process stays together, and so do all files of an output. A task of less than `least_cpu` core-seconds
    would cost more than it brings: such outputs go with the lightest of the others.
    """
    groups = _together(graph)
    heavy = sorted((group for group in groups if group.cpu >= least_cpu), key=lambda group: group.cpu)
    if len(heavy) < 2:
        return ()
    light = [group for group in groups if group.cpu < least_cpu]
    made = [_joined([heavy[0], *light]), *heavy[1:]]
    place = {name: i for i, name in enumerate(graph.outputs)}
    ordered = [Share(outputs=tuple(sorted(share.outputs, key=place.__getitem__)), cpu=share.cpu) for share in made]
    return tuple(sorted(ordered, key=lambda share: place[share.outputs[0]]))


def spec_of(job: Job, share: Share, validators: Mapping[str, Validator]) -> bytes:
    """The spec of a task that makes a share; `validators`: of the job's inputs, as the plan found them."""
    read = _read_by(job, share.outputs)
    inputs = {name: validators[name].fields for name in validators if name in read}
    return json.dumps({"outputs": share.outputs, "inputs": inputs}).encode()


def expected_inputs(spec: bytes) -> dict[str, Validator]:
    """What the plan found the inputs to be, by name; nothing where a release before wrote the spec."""
    return {name: Validator.of_fields(fields) for name, fields in json.loads(spec).get("inputs", {}).items()}


def outputs_of(spec: bytes) -> tuple[str, ...]:
    """Names of the outputs that a task with such a spec makes."""
    return tuple(json.loads(spec)["outputs"])


def part_of(job: Job, spec: bytes) -> Job:
    """A job with those outputs alone that a spec names, and the inputs that they read.

    Raises ValueError for a spec that is none, or names an output that the job has not.
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
    for output in made.outputs:
        output.input = output.input or job.inputs[0].name
    return made


def _read_by(job: Job, outputs: Iterable[str]) -> set[str]:
    """Names of the inputs that some outputs read; who names none reads the first."""
    wanted = set(outputs)
    return {output.input or job.inputs[0].name for output in job.outputs if output.name in wanted}


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
