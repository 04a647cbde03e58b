"""What of a job an earlier one has made, as far as that is known before a worker has it.

Keys hold the builds of programs, the threads and the memory that a plan is made with. So this api tells what workers
would find that plan as it does: of its own release, with one build of ffmpeg, and settings like its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from reelmill import __version__
from reelmill.jobs.errors import Unavailable
from reelmill.jobs.places import DEFAULT_POOL, place
from reelmill.media import reuse
from reelmill.media.builds import builds
from reelmill.media.contract import Facts, Graph, PlanContext, Probe
from reelmill.media.inputs import inputs_of, output_read
from reelmill.settings import Settings
from reelmill.store.database import Database
from reelmill.store.results import ResultStore
from reelmill.store.workers import WorkerStore
from reelmill.telemetry.logs import get_logger
from reelmill.v1.jobs_pb2 import Job, Output, OutputEstimate

log = get_logger(__name__)
MADE, TAKEN = OutputEstimate.MADE, OutputEstimate.TAKEN
NOT_KNOWN, NOT_LOOKED_FOR = OutputEstimate.NOT_KNOWN, OutputEstimate.NOT_LOOKED_FOR


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Of one output."""

    reuse: OutputEstimate.Reuse
    of: str = ""
    """Id of the job that it would be taken from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reusing:
    """Looks for results, and takes none."""

    results: ResultStore
    workers: WorkerStore
    context: PlanContext
    within: timedelta
    """How old a result may be; 0: none is taken."""
    least_cpu_seconds: float
    silent_after: timedelta

    @classmethod
    def of(cls, settings: Settings, database: Database, context: PlanContext) -> "Reusing":
        """As workers with these settings would look."""
        return cls(
            results=ResultStore(database),
            workers=WorkerStore(database),
            context=context,
            within=timedelta(days=settings.reuse_days),
            least_cpu_seconds=settings.reuse_cpu_seconds,
            silent_after=timedelta(seconds=settings.lease_seconds),
        )

    async def known(
        self, tenant_id: UUID, job: Job, first: Job, graph: Graph, places: Mapping[str, str], facts: Facts
    ) -> dict[str, Known]:
        """Of each of a job's outputs, by name.

        `first`: its first stage, and that one's `graph`; the job itself, where no output reads another. `places`: what
        tells of its inputs that they are the same, by name; empty where nothing does. `facts`: the plan's.
        """
        if not self.within or not reuse.wants(job) or reuse.cpu_seconds(graph) < self.least_cpu_seconds:
            return {output.name: Known(reuse=NOT_LOOKED_FOR) for output in job.outputs}
        try:
            digests, keys, found = await self._found(tenant_id, job, first, graph, places, facts)
        except Unavailable as error:
            log.info("can't ask what is there", reason=str(error))
            digests, keys, found = {}, {}, {}

        def told(output: Output) -> Known:
            if not reuse.is_told(output):
                return Known(reuse=NOT_LOOKED_FOR)
            read = inputs_of(output, job)
            if output.name not in keys or any(name not in digests or output_read(name) for name in read):
                return Known(reuse=NOT_KNOWN)
            of = found.get(keys[output.name])
            return Known(reuse=TAKEN, of=of) if of else Known(reuse=MADE)

        return {output.name: told(output) for output in job.outputs}

    async def _found(
        self, tenant_id: UUID, job: Job, first: Job, graph: Graph, places: Mapping[str, str], facts: Facts
    ) -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]]:
        """Digests of inputs by name, keys of outputs by name, and by key the job that has made it."""
        where = place(job.pool or DEFAULT_POOL, job.requires)
        found = await self.workers.builds(where, silent_after=self.silent_after)
        if {version for version, _ in found} != {__version__} or len(found) != 1:
            return {}, {}, {}
        programs = builds(found[0][1])
        at = await self.results.digests(tenant_id, filter(None, places.values()))
        digests = {name: at[told] for name, told in places.items() if told in at}
        memos = reuse.asked(first, digests, " ".join(programs.values()), self.context)
        told = await self.results.digests(tenant_id, memos.values())
        keys = {name: told[memo] for name, memo in memos.items() if memo in told}
        if all(isinstance(asked, Probe) for asked in facts):  # else something has only its usual measure
            keys = reuse.keys(first, graph, digests, builds=programs) | keys
        results = await self.results.find(tenant_id, set(keys.values()), within=self.within)
        return digests, keys, {key: str(one.job_id) for key, one in results.items()}
