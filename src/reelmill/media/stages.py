"""Outputs that read what another output became: a job in stages, each of which reads what those before it made. Pure.

What an output became is known once it was made and looked into, so each stage is planned when the one before is done.
Who must know earlier (for percentages, for tasks, for who asks before submitting) plans with what is promised.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reelmill.jobs.errors import Failure
from reelmill.media.contract import Graph, Measurement, PlanContext, Probe, Quality, Source, Tried
from reelmill.media.inputs import OF_OUTPUT, inputs_of, output_read, outputs_read
from reelmill.media.mastering import TYPICAL
from reelmill.media.plan import plan, probes
from reelmill.media.promises import ExpectedStream, Levels, PlannedFile
from reelmill.media.showing import shown
from reelmill.media.spreading import MAKE_OUTPUTS, MAKE_PIECE, Share, Work, shares
from reelmill.media.steps import Reading, Step
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.media_pb2 import MediaInfo

READABLE = frozenset({"transcode", "audio"})
"""Operations whose outputs are one film or sound each."""
_DEMUXERS = {
    "mp4": "mov", "m4a": "mov", "webm": "matroska", "mkv": "matroska", "mp3": "mp3", "opus": "ogg", "flac": "flac",
    "wav": "wav", "ac3": "ac3", "eac3": "eac3",
}  # fmt: skip
_BYTES_PER_SECOND = 500_000  # as of a film of 4 Mbit/s: nothing hangs on it
_HZ, _CHANNELS = 48_000, 2
_LEAST_CPU = 0.01  # of a task


def stages(job: Job) -> tuple[Job, ...]:
    """A job as several, each with the outputs that read what one before makes; mostly it is the job itself.

    What is read of another becomes an input that lies nowhere yet. An output that the job has not (another task makes
    it) is such an input from the beginning. Raises ValueError for outputs that read each other.
    """
    read = {output.name: outputs_read(output, job) & {one.name for one in job.outputs} for output in job.outputs}
    if not any(read.values()):
        return (job,)
    made: list[Job] = []
    done: set[str] = set()
    while len(done) < len(read):
        ready = [output for output in job.outputs if output.name not in done and read[output.name] <= done]
        if not ready:
            raise ValueError("outputs read each other")
        made.append(_stage(job, ready, first=not made))
        done |= {output.name for output in ready}
    return tuple(made)


def _stage(job: Job, outputs: Iterable[Output], *, first: bool) -> Job:
    made = Job()
    made.CopyFrom(job)
    del made.outputs[:]
    made.outputs.extend(outputs)
    if not first:
        names = {name for output in outputs for name in inputs_of(output, job)}
        del made.inputs[:]
        made.inputs.extend(item for item in job.inputs if item.name in names)
        made.inputs.extend(Input(name=name) for name in sorted(names) if output_read(name))
        for output in made.outputs:
            output.input = output.input or job.inputs[0].name
    return made


def without(job: Job, failed: Collection[Failure]) -> Job:
    """A job without outputs that have failed; it may have none then."""
    if not failed:
        return job
    gone = {failure.output for failure in failed}
    return _stage(job, [output for output in job.outputs if output.name not in gone], first=True)


def lost(later: Iterable[Job], failed: Iterable[Failure]) -> tuple[Failure, ...]:
    """Why outputs of later stages are not made: what they read was not."""
    gone = {failure.output: failure for failure in failed}
    found: dict[str, Failure] = {}
    for stage in later:
        for output in stage.outputs:
            if missing := sorted(outputs_read(output, stage) & gone.keys()):
                failure = replace(not_made(gone[missing[0]]), output=output.name)
                gone[output.name] = found[output.name] = failure
    return tuple(found.values())


def not_made(failure: Failure) -> Failure:
    """Why what reads an output is not made, where that was not made for a reason."""
    return replace(failure, message=f"output {failure.output}, which it reads, was not made: {failure.message}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Later stages of a job, as far as what is promised tells."""

    graphs: tuple[Graph, ...]
    """Of each stage; the last ones are missing where something must be measured first."""
    sources: Mapping[str, Source]
    """What they and the first stage read, by the names of inputs."""


def cpu_of_outputs(graph: Graph) -> dict[str, float]:
    """Core-seconds that outputs are reckoned to take, by name; what they share is divided among them."""
    found: dict[str, float] = {}
    for step in graph.steps:
        for name in step.outputs:
            each = (step.cost.reading_cpu + step.cost.writing_cpu) / len(step.outputs)
            found[name] = found.get(name, 0.0) + each
    return found


def forecast(later: Sequence[Job], graph: Graph, sources: Mapping[str, Source], context: PlanContext) -> Forecast:
    """The stages that follow one with such a graph, which reads `sources`. Raises AttemptFailed as `plan` does."""
    found: list[Graph] = []
    known = dict(sources)
    for stage in later:
        answers = {
            item.name: known.get(item.name) or _promised(output_read(item.name), (graph, *found), known)
            for item in stage.inputs
        }
        if None in answers.values():  # it is an output of an earlier stage
            break
        facts: dict[Measurement, Any] = {probe: answers[probe.input] for probe in probes(stage)}
        made = plan(stage, replace(context, facts=facts, piece=None))
        if not isinstance(made, Graph) and not any(isinstance(one, Probe) for one in made.measurements):
            facts |= {one: typical(one) for one in made.measurements}
            made = plan(stage, replace(context, facts=facts, piece=None))
        if not isinstance(made, Graph):
            break
        found.append(made)
        known |= {name: source for name, source in answers.items() if isinstance(source, Source)}
    return Forecast(graphs=tuple(found), sources=known)


def typical(wanted: Measurement) -> Levels | Tried:
    """What a plan goes by that is only looked at, in the place of a measurement that takes what a worker has."""
    return wanted.guess if isinstance(wanted, Quality) else TYPICAL


def together(graphs: Sequence[Graph], job: Job) -> Graph:
    """The graphs of a job's stages as one."""
    return Graph(
        steps=tuple(step for graph in graphs for step in graph.steps),
        outputs=tuple(output.name for output in job.outputs),
        failed=tuple(failure for graph in graphs for failure in graph.failed),
    )


def linked(graph: Graph) -> Graph:
    """A graph in which a step that reads an output reads the file that another step writes."""
    files = {file.output: file.path for file in reversed(_readable(graph))}

    def reading(one: Reading) -> Reading:
        name = output_read(one.of) if isinstance(one.of, str) else ""
        return replace(one, of=files[name]) if name in files else one

    def step(one: Step) -> Step:
        return replace(one, reads=tuple(map(reading, one.reads)))

    return replace(graph, steps=tuple(map(step, graph.steps)))


def apart(
    graph: Graph, later: Sequence[Job], cpu: Mapping[str, float], least_cpu: float, *, each: bool = False
) -> tuple[Work, ...]:
    """The tasks of a first stage without chunks; none where one attempt had better make all stages.

    As `shares`; or one, where several tasks are to follow, which are reckoned to take `cpu` core-seconds by output.
    `each`: what is done first is to be visible while what reads it is made.
    """
    found = shares(graph, least_cpu) if least_cpu or each else ()
    if later and not found and (least_cpu or each):
        own = cpu_of_outputs(graph)
        whole = Share(outputs=tuple(name for name in graph.outputs if name in own), cpu=sum(own.values()))
        heavy = [one for one in following(later, [_of(whole)], cpu, least_cpu) if one.cpu >= least_cpu]
        found = (whole,) if each or len(heavy) > 1 else ()
    return tuple(map(_of, found))


def _of(share: Share) -> Work:
    return Work(kind=MAKE_OUTPUTS, outputs=share.outputs, cpu=max(_LEAST_CPU, share.cpu))


def following(
    later: Iterable[Job],
    made: Sequence[Work],
    cpu: Mapping[str, float],
    least_cpu: float,
    *,
    each: bool = False,
    there: Collection[str] = (),
) -> list[Work]:
    """The tasks of outputs of later stages, each after those that make what it reads.

    Outputs that read each other's files are one task's; so are those of less than `least_cpu` core-seconds that wait
    for the same. `each`: none are. `there`: outputs that are made by now. Of what no task makes nothing is made.
    """
    if each:
        return _one_by_one(later, made, cpu, there)
    makers = _makers(made)
    groups: list[tuple[set[str], set[int]]] = []
    for stage in later:
        for output in stage.outputs:
            read = outputs_read(output, stage)
            same = [group for group in groups if group[0] & read]
            if not read <= {*makers, *there, *(name for names, _ in same for name in names)}:
                continue
            groups = [group for group in groups if group not in same]
            names = {output.name}.union(*(names for names, _ in same))
            after = {makers[name] for name in read if name in makers}.union(*(places for _, places in same))
            groups.append((names, after))
    found: list[Work] = []
    light: dict[frozenset[int], set[str]] = {}
    for names, after in groups:
        if sum(cpu.get(name, 0.0) for name in names) < least_cpu:
            light.setdefault(frozenset(after), set()).update(names)
        else:
            found.append(_work(names, after, cpu))
    return found + [_work(names, after, cpu) for after, names in light.items()]


def _one_by_one(
    later: Iterable[Job], made: Sequence[Work], cpu: Mapping[str, float], there: Collection[str]
) -> list[Work]:
    makers, found = _makers(made), list[Work]()
    for stage in later:
        for output in stage.outputs:
            if (read := outputs_read(output, stage)) <= {*makers, *there}:
                makers[output.name] = len(made) + len(found)
                found.append(_work([output.name], {makers[name] for name in read if name in makers}, cpu))
    return found


def _makers(made: Sequence[Work]) -> dict[str, int]:
    """Which of some tasks makes an output."""
    return {name: i for i, work in enumerate(made) if work.kind != MAKE_PIECE for name in work.outputs}


def _work(names: Collection[str], after: Collection[int], cpu: Mapping[str, float]) -> Work:
    taken = max(_LEAST_CPU, sum(cpu.get(name, 0.0) for name in names))
    return Work(kind=MAKE_OUTPUTS, outputs=tuple(sorted(names)), cpu=taken, after=tuple(sorted(after)))


def _promised(output: str, graphs: Sequence[Graph], sources: Mapping[str, Source]) -> Source | Failure | None:
    """What an output will be, as far as its graph tells; None where none of the graphs makes it."""
    for failure in (failure for graph in graphs for failure in graph.failed):
        if failure.output == output:
            return not_made(failure)
    files = [file for graph in graphs for file in _readable(graph) if file.output == output]
    if not files:
        return None
    file = files[0]
    step = next(step for graph in graphs for step in graph.steps if file in step.promised)
    read = [sources[one.of] for one in step.reads if isinstance(one.of, str) and one.of in sources]
    before = shown(read[0].info) if read else None
    seconds = file.expected.duration_seconds or step.cost.seconds
    info = MediaInfo(duration_seconds=seconds, size_bytes=int(seconds * _BYTES_PER_SECOND) + 1)
    for i, stream in enumerate(file.expected.streams):
        info.streams.append(_stream(i, stream, seconds, before.frame_rate if before is not None else 0.0))
    return Source(name=OF_OUTPUT + output, info=info, demuxer=_DEMUXERS[file.path.suffix.removeprefix(".")])


def _readable(graph: Graph) -> list[PlannedFile]:
    """The files that can be read, an output's first one first."""
    files = (thing for thing in graph.promised if isinstance(thing, PlannedFile))
    return [file for file in files if file.path.suffix.removeprefix(".") in _DEMUXERS]


def _stream(index: int, promised: ExpectedStream, seconds: float, frame_rate: float) -> MediaInfo.Stream:
    made = MediaInfo.Stream(index=index, kind=promised.kind, codec=promised.codec, duration_seconds=seconds)
    if promised.kind == MediaInfo.Stream.AUDIO:
        made.sample_rate_hz, made.channels, made.language = _HZ, _CHANNELS, promised.language
    else:
        made.width, made.height, made.frame_rate = promised.width, promised.height, frame_rate
    return made
