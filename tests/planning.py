"""Graphs of jobs whose inputs are all one source."""

from collections.abc import Mapping
from typing import Any

from reelmill.media.contract import Graph, Measurement, Needs, PlanContext, Source
from reelmill.media.mastering import TYPICAL
from reelmill.media.plan import plan, probes
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job


def graph(
    job: Job,
    source: Source,
    *,
    threads: int = 0,
    memory_bytes: int = 0,
    others: Mapping[str, Source] | None = None,
) -> Graph:
    """The graph of a job as a client sends it; `others`: inputs by their names that are other sources."""
    whole = with_defaults(job)
    facts: dict[Measurement, Any] = {probe: (others or {}).get(probe.input, source) for probe in probes(whole)}
    made = plan(whole, PlanContext(threads=threads, memory_bytes=memory_bytes, facts=facts))
    if isinstance(made, Needs):  # how loud a sound is
        facts |= dict.fromkeys(made.measurements, TYPICAL)
        made = plan(whole, PlanContext(threads=threads, memory_bytes=memory_bytes, facts=facts))
    assert isinstance(made, Graph), made
    return made


def commands(
    made: Graph,
    path: str = "/attempt/input-0",
    *,
    name: str = "",
    threads: int = 0,
    others: Mapping[str, str] | None = None,
) -> list[Command]:
    """What runs it, with its input of a name at a path, and others at theirs."""
    placed = Placed(inputs={name: path, "": path, **(others or {})}, threads=threads)
    return [rendered(step, placed) for step in made.steps]
