"""What a job would run, for who asks before submitting it."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from reelmill.abreast import abreast
from reelmill.api.reusing import TAKEN, Known, Reusing
from reelmill.capacity import Looks
from reelmill.jobs.errors import AttemptFailed, InvalidRequest, Unavailable, Violation
from reelmill.media.contract import Facts, Graph, Measurement, PlanContext, Probe, Source, Tried
from reelmill.media.graph import waits_for
from reelmill.media.plan import sources
from reelmill.media.probe import Prober
from reelmill.media.promises import Levels
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered, typed
from reelmill.media.settling import settle
from reelmill.media.stages import forecast, linked, stages, together, typical
from reelmill.media.steps import Encoded, Joined, Kind, Reading, Step, Writing, digest
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.storage.storage import Storage
from reelmill.storage.temporary import temporary_folder
from reelmill.storage.unchanged import place_of
from reelmill.v1 import steps_pb2 as pb
from reelmill.v1.jobs_pb2 import Job

_KINDS = {Kind.VIDEO: "video", Kind.AUDIO: "audio", Kind.TEXT: "text"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What a job would run, and what it reads."""

    stages: tuple[Job, ...]
    """See media.stages."""
    first: Graph
    """Of the first stage."""
    graph: Graph
    """Of all of them, as far as what is promised tells."""
    sources: Mapping[str, Source]
    """By the inputs' names."""
    facts: Facts
    """What was measured."""
    places: Mapping[str, str]
    """What tells of inputs, by name, that they are the same; empty where nothing does."""


class Planner:
    """Looks into inputs and plans, as a worker with the same settings would."""

    def __init__(
        self,
        storage: Storage,
        prober: Prober,
        folder: Path,
        context: PlanContext,
        looks: Looks,
        reusing: Reusing | None = None,
    ) -> None:
        """`folder`: for what is fetched; it is gone with the answer. `reusing`: tells what earlier jobs have made."""
        self._reusing = reusing
        self._looks = looks
        self._storage = storage
        self._prober = prober
        self._folder = folder
        self._context = context

    async def tell(self, tenant_id: UUID, job: Job) -> None:
        """Put into a job that passed the checks, its defaults filled in, its steps and why optional outputs have none.

        Outputs that would be taken from earlier jobs say so; their steps are told all the same. Raises InvalidRequest
        where an input can't be had or does not allow an output, Unavailable where it may later, Busy where too many
        look into files.
        """
        planned = await self.plan(tenant_id, job)
        graph = linked(planned.graph)
        outputs = {output.name: output for output in job.outputs}
        for name, known in (await self.known(tenant_id, job, planned)).items():
            outputs[name].reused = known.reuse == TAKEN
        for failure in graph.failed:
            outputs[failure.output].error.CopyFrom(failure.to_proto())
        job.steps.extend(shown(graph, _placed(job)))

    async def plan(self, tenant_id: UUID, job: Job) -> Planned:
        """The graph of such a job, and what it reads; raises as `tell`."""
        async with self._looks.turn():
            return await self._plan(tenant_id, job)

    async def known(self, tenant_id: UUID, job: Job, planned: Planned) -> dict[str, Known]:
        """What is known of results that a job's outputs may take, by name; nothing where nobody looks."""
        if self._reusing is None:
            return {}
        return await self._reusing.known(
            tenant_id, job, planned.stages[0], planned.first, planned.places, planned.facts
        )

    async def _plan(self, tenant_id: UUID, job: Job) -> Planned:
        numbers, places = {item.name: i for i, item in enumerate(job.inputs)}, dict[str, str]()
        storage = self._storage.of(tenant_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        async with temporary_folder("plan-", self._folder) as folder:

            async def look(probe: Measurement) -> Source | Levels | Tried:
                if not isinstance(probe, Probe):
                    return typical(probe)  # to listen to all of it takes what a worker has
                i = numbers[probe.input]
                asked, path = job.inputs[i], folder / f"input-{i}"
                try:
                    fetched = await storage.fetch(asked.uri, path, headers=asked.headers)
                    places[probe.input] = await asyncio.to_thread(place_of, storage, asked.uri, fetched)
                    found = await self._prober.of(tenant_id).probe(fetched.path, probe.looks)
                except AttemptFailed as error:
                    raise _refusal(error, job, f"job.inputs[{i}]") from error
                return found.as_source(probe.input)

            async def measure(wanted: Sequence[Measurement], known: Facts) -> list[Source | Levels | Tried]:
                return await abreast(look, wanted, at_once=FILES_AT_ONCE)

            now, *later = parts = stages(job)
            try:
                first, facts = await settle(now, self._context, measure)
                coming = forecast(later, first, sources(now, facts), self._context)
            except AttemptFailed as error:
                raise _refusal(error, job) from error
        graph = together((first, *coming.graphs), job)
        if graph.failed and not graph.steps:
            raise _refusal(AttemptFailed.of(graph.failed[0]), job)
        return Planned(stages=parts, first=first, graph=graph, sources=coming.sources, facts=facts, places=places)


def _placed(job: Job) -> Placed:
    return Placed(inputs={item.name: f"input-{i}" for i, item in enumerate(job.inputs)})


def _refusal(error: AttemptFailed, job: Job, field: str = "") -> InvalidRequest | Unavailable:
    if not field:
        names = [output.name for output in job.outputs]
        output = error.failure.output.partition(", ")[0]
        field = f"job.outputs[{names.index(output)}]" if output in names else "job"
    return Unavailable(str(error)) if error.failure.retryable else InvalidRequest([Violation(field, str(error))])


def shown(graph: Graph, placed: Placed) -> list[pb.Step]:
    """A graph as the API tells it. Pure."""
    return [_step(step, sorted(after), placed) for step, after in zip(graph.steps, waits_for(graph.steps), strict=True)]


def _step(step: Step, after: Sequence[int], placed: Placed) -> pb.Step:
    return pb.Step(
        program=step.program.value,
        outputs=step.outputs,
        reads=map(_reading, step.reads),
        writes=map(_writing, step.writes),
        command=shlex.join(typed(rendered(step, placed))),
        digest=digest(step),
        memory_bytes=step.memory_bytes,
        media_seconds=step.cost.seconds,
        after=after,
    )


def _reading(reading: Reading) -> pb.Step.Reading:
    made = pb.Step.Reading(demuxer=reading.demuxer, seek_seconds=reading.seek)
    if isinstance(reading.of, str):
        made.input = reading.of
    else:
        made.path = str(reading.of.path if isinstance(reading.of, Joined) else reading.of)
    return made


def _writing(writing: Writing) -> pb.Step.Writing:
    return pb.Step.Writing(path=str(writing.path), streams=map(_stream, writing.streams))


def _stream(stream: Encoded) -> pb.Step.Stream:
    return pb.Step.Stream(
        kind=_KINDS[stream.kind],
        reading=next(iter(stream.taken.readings), 0),
        streams=stream.taken.streams,
        readings=stream.taken.readings if isinstance(stream.taken.reading, tuple) else (),
        filters=stream.taken.filters,
        encoder=stream.encoder,
        options=stream.options,
        threads=stream.threads,
    )
