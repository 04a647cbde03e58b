"""From a job, and what is known of its inputs, to a graph of steps. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media import contracts, targeting, titles
from reelmill.media.contract import Division, Facts, Graph, Measurement, Needs, PlanContext, Planned, Probe, Source
from reelmill.media.graph import fused, in_order
from reelmill.media.inputs import inputs_of
from reelmill.media.operations import OPERATIONS
from reelmill.media.pieces import Chunk, Join, Piece
from reelmill.media.steps import Step
from reelmill.media.timeline import MOST_LOOKS, SECOND
from reelmill.v1.jobs_pb2 import Job, Output


def plan(job: Job, context: PlanContext) -> Graph | Needs:
    """The steps of all outputs, or all that must be measured first: then it is asked again, with the answers too.

    Outputs that read the same share a process, so it is decoded once (media.graph.fused). `job` has its defaults
    filled in (media.validate.with_defaults). Raises AttemptFailed where an input does not allow an output, and
    OUT_OF_MEMORY where one step alone would take more than there is; of an optional output the graph tells that.
    """
    needs: list[Measurement] = [probe for probe in probes(job, context.piece) if probe not in context.facts]
    if needs:
        return Needs(measurements=tuple(needs))
    found = {probe.input: context.facts[probe] for probe in probes(job, context.piece)}
    steps: list[Step] = []
    failed: list[Failure] = []
    settled: list[Output] = []
    for output in job.outputs:
        try:
            made, planned = _planned(output, {name: found[name] for name in inputs_of(output, job)}, context)
        except AttemptFailed as error:
            if not output.optional:
                raise
            failed.append(replace(error.failure, output=output.name))
            continue
        if isinstance(planned, Needs):
            needs += planned.measurements
        else:
            steps += planned
            settled += [made] if made is not output and output.HasField("package") else []
    if needs:
        return Needs(measurements=tuple(dict.fromkeys(needs)))
    ordered = in_order(fused(steps, memory_bytes=context.memory_bytes))
    names = tuple(output.name for output in job.outputs)
    return Graph(steps=ordered, outputs=names, failed=tuple(failed), settled=tuple(settled))


def _planned(output: Output, found: Mapping[str, Source | Failure], context: PlanContext) -> tuple[Output, Planned]:
    """An output as it is made, and its steps, or what must be measured first; `found`: its own input first.

    Raises AttemptFailed.
    """
    for failure in found.values():
        if isinstance(failure, Failure):
            raise AttemptFailed.of(failure)
    read = {name: source for name, source in found.items() if isinstance(source, Source)}
    name = output.WhichOneof("operation")
    assert name, "the api refuses outputs without an operation"
    own = next(iter(read.values()))
    found_out = _found_out(output, own, replace(context, sources=read))
    if isinstance(found_out, Needs):
        return output, found_out
    output = found_out
    planned = OPERATIONS[name].plan(output.name, getattr(output, name), own, replace(context, sources=read))
    if isinstance(planned, Needs):
        return output, planned
    if context.piece is None or isinstance(context.piece, Join):
        planned = (*planned, *contracts.steps(output, own, planned, context))
    for step in planned:
        _check_memory(step, context.memory_bytes)
    return output, planned


def _found_out(output: Output, source: Source, context: PlanContext) -> Output | Needs:
    """An output with what its target came to. Raises AttemptFailed."""
    if output.transcode.video.target_vmaf:
        return targeting.resolved(output, source, context)
    if output.package.target_vmaf:
        return titles.resolved(output, source, context)
    return output


def divisions(job: Job, facts: Facts) -> dict[str, Division | None]:
    """How each output can be made in pieces; `facts`: those that its plan was made with."""
    found = sources(job, facts)
    answer: dict[str, Division | None] = {}
    for output in job.outputs:
        name = output.WhichOneof("operation")
        assert name, "the api refuses outputs without an operation"
        source = found.get(output.input or job.inputs[0].name)
        try:
            division = OPERATIONS[name].division(output.name, getattr(output, name), source) if source else None
        except AttemptFailed:  # of an optional one, which its graph tells
            division = None
        answer[output.name] = division
    return answer


def probes(job: Job, piece: Piece | None = None) -> tuple[Probe, ...]:
    """What must be known of every input."""
    if isinstance(piece, Chunk):
        return tuple(Probe(input=item.name, span=(piece.start / SECOND, piece.end / SECOND)) for item in job.inputs)
    return tuple(Probe(input=item.name, looks=_looks(job, item.name)) for item in job.inputs)


def sources(job: Job, facts: Facts, piece: Piece | None = None) -> dict[str, Source]:
    """The inputs by their names, out of what was measured; without those that can't be read."""
    found = {probe.input: facts[probe] for probe in probes(job, piece)}
    return {name: source for name, source in found.items() if not isinstance(source, Failure)}


def _looks(job: Job, name: str) -> tuple[float, ...]:
    found: list[float] = []
    for output in job.outputs:
        operation = output.WhichOneof("operation")
        if operation and (output.input or job.inputs[0].name) == name:
            found += OPERATIONS[operation].looks(getattr(output, operation))
    return tuple(found[:MOST_LOOKS])


def _check_memory(step: Step, most_bytes: int) -> None:
    if most_bytes and step.memory_bytes > most_bytes:
        raise AttemptFailed(
            "OUT_OF_MEMORY",
            f"this takes about {_mebibytes(step.memory_bytes)} MiB of memory, and a job has {_mebibytes(most_bytes)}"
            " here (settings worker_memory_bytes, worker_slots); ask for a smaller picture, or give workers more",
            output=", ".join(step.outputs),
        )


def _mebibytes(count: int) -> int:
    return -(-count // 2**20)
