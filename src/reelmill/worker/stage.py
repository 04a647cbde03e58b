"""One stage of an attempt: outputs that read inputs, or what the stages before made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reelmill.jobs.errors import AttemptFailed
from reelmill.media.contract import Graph, PlanContext, Source
from reelmill.media.inputs import OF_OUTPUT
from reelmill.media.pieces import Join, Piece
from reelmill.media.reckoning import works
from reelmill.media.render.command import Command
from reelmill.media.stages import Forecast, cpu_of_outputs, forecast, together
from reelmill.media.verify import Verified
from reelmill.store.leases import MadeFile
from reelmill.v1.jobs_pb2 import Job, OutputFile
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.worker.explaining import Explaining
from reelmill.worker.meter import Commands, Meter
from reelmill.worker.reusing import Taken
from reelmill.worker.sourcing import Sourcing
from reelmill.worker.spans import SUSPECT, Hollow


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What is made now, and what follows it in the same attempt."""

    sourcing: Sourcing
    made: list[MadeFile]
    """All that the attempt has made; it is filled in."""
    meter: Meter
    """Of the whole attempt."""
    piece: Piece | None
    """What alone is made of each output; None: all."""
    pieces: Mapping[str, str]
    """Paths of the pieces that are joined, by what the join's step calls them."""
    checked: list[Verified]
    """Files that were made and stored; it is filled in."""
    found_out: list[OutputFindings]
    """What is told of outputs besides; it is filled in."""
    explaining: Explaining
    first: bool
    later: Sequence[Job]

    def take(self, taken: Taken) -> Graph:
        """What an earlier job had made is made: later stages read it where it is now. Answers what is left."""
        self.made.extend(taken.files)
        self.found_out.extend(taken.findings)
        self.sourcing.made |= {f"{OF_OUTPUT}{one.output}": one.file for one in taken.files if not one.position}
        return taken.graph

    @property
    def made_before(self) -> dict[str, OutputFile]:
        """The first file of each output that the stages before made, and of those that other tasks did."""
        there = {name.removeprefix(OF_OUTPUT): one for name, one in self.sourcing.made.items()}
        found = {name: one for name, one in there.items() if isinstance(one, OutputFile)}
        return found | {one.output: one.file for one in self.made if not one.position}

    def check_suspect(self, *, hollow: bool) -> None:
        """Raise Hollow where something was left out of an input, and an output failed that may fare better with all."""
        failed = self.sourcing.lacking.failures if not isinstance(self.piece, Join) else ()
        if hollow and any(failure.code in SUSPECT for failure in failed):
            raise Hollow(failed[0].message)

    def outlook(self, graph: Graph, sources: Mapping[str, Source], context: PlanContext) -> Forecast:
        """What follows, as far as it can be told now that this stage is planned."""
        try:
            return forecast(self.later, graph, sources, context)
        except AttemptFailed:  # it may be another once what it reads is made
            return Forecast(graphs=(), sources=sources)

    def cpu(self, graph: Graph, sources: Mapping[str, Source], context: PlanContext) -> dict[str, float]:
        """Core-seconds that what follows is reckoned to take, by output, as far as it can be told."""
        return cpu_of_outputs(together(self.outlook(graph, sources, context).graphs, self.sourcing.job))

    def reckoned(self, graph: Graph, sources: Mapping[str, Source], context: PlanContext) -> Commands:
        """The same, for the meter."""
        found = self.outlook(graph, sources, context)
        return [
            (Command(argv=(), outputs=step.outputs), works(job, step, found.sources))
            for job, planned in zip(self.later, found.graphs, strict=False)
            for step in planned.steps
        ]
