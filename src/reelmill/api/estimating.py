"""EstimateJob: what a job would take, before it is submitted."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planned, Planner
from reelmill.api.reusing import NOT_LOOKED_FOR, TAKEN, Known
from reelmill.jobs.measures import Range
from reelmill.media.contract import PlanContext, Quality
from reelmill.media.estimating import Estimate, Estimates, Task, estimated
from reelmill.media.pieces import MOST_CHUNKS
from reelmill.media.reckoning import Work, works
from reelmill.media.reuse import without
from reelmill.media.spreading import MAKE_OUTPUTS, Share, Worth, chunked, shares
from reelmill.media.spreading import Work as TaskWork
from reelmill.media.stages import apart, cpu_of_outputs, following
from reelmill.media.timeline import SECOND
from reelmill.media.titles import settled
from reelmill.v1 import jobs_pb2 as pb


class Estimator:
    """Plans a job as a worker would, and tells what such work took."""

    def __init__(self, planner: Planner, outlook: Outlook, *, threads: int, worth: Worth) -> None:
        """`threads`: of each codec on a worker. `worth`: as workers have it."""
        self._planner = planner
        self._outlook = outlook
        self._threads = threads
        self._worth = worth

    async def estimate(self, tenant_id: UUID, job: pb.Job) -> pb.EstimateJobResponse:
        """Of a job that passed the checks, its defaults filled in. Raises as `Planner.plan`."""
        planned = await self._planner.plan(tenant_id, job)
        known = await self._planner.known(tenant_id, job, planned)
        taken = {name for name, one in known.items() if one.reuse == TAKEN}
        left = _without(planned, taken)
        slots, rates = await self._outlook.slots(job), await self._outlook.rates()
        tasks = _tasks(left, replace(self._worth, slots=max(1, slots)))
        steps = [works(job, step, planned.sources) for step in left.graph.steps]
        tries = _tries(planned)
        found = estimated(steps, tasks, rates, threads=self._threads, slots=slots, tries=tries)
        if taken:  # its files are as large as they would be
            every = [works(job, step, planned.sources) for step in planned.graph.steps]
            found = _with_bytes(found, estimated(every, (), rates, threads=self._threads, slots=slots))
        queue = await self._outlook.queue(job)
        told = pb.EstimateJobResponse(
            job=_told(found.job), queue=queue, tasks=1 + sum(task.count + (task.count > 1) for task in tasks)
        )
        for output in job.outputs:
            one = known.get(output.name, Known(reuse=NOT_LOOKED_FOR))
            estimate = _told(found.outputs.get(output.name, Estimate()))
            told.outputs.add(output=output.name, estimate=estimate, reuse=one.reuse, reused_from=one.of)
        return told


def _without(planned: Planned, taken: Collection[str]) -> Planned:
    """What is left to be made of a job, some of whose outputs are taken."""
    if not taken:
        return planned
    return replace(planned, first=without(planned.first, taken), graph=without(planned.graph, taken))


def _with_bytes(left: Estimates, whole: Estimates) -> Estimates:
    """An estimate of what is left to be made, with the bytes of all that comes out."""
    outputs = {
        name: replace(left.outputs.get(name, Estimate()), bytes=one.bytes, measurements=one.measurements)
        for name, one in whole.outputs.items()
    }
    job = replace(left.job, bytes=whole.job.bytes, measurements=left.job.measurements or whole.job.measurements)
    return Estimates(job=job, outputs=outputs)


def _tries(planned: Planned) -> list[list[Work]]:
    """What samples take that are tried first; nothing of theirs is among what is written."""
    jobs = {output.name: stage for stage in planned.stages for output in stage.outputs}
    made = []
    for one in planned.facts:
        if isinstance(one, Quality):
            found = (work for step in one.steps for work in works(jobs[one.output], step, planned.sources))
            made.append([replace(work, output=one.output, cpu=work.cpu * one.tries, bytes=0.0) for work in found])
    return made


def _tasks(planned: Planned, worth: Worth) -> list[Task]:
    """The tasks that it becomes, but for sounds: as a worker decides, without looking where chunks begin."""
    context = PlanContext(facts=planned.facts)
    found, done = [], []
    now, *later = planned.stages
    now = settled(now, planned.first)
    for one in chunked(now, planned.first, context, worth):
        length = (one.division.end - one.division.start) / SECOND
        count = min(MOST_CHUNKS, math.ceil(length / one.seconds))
        if count > 1:
            found.append(Task(outputs=one.share.outputs, count=count))
            done.append(one.share)
    each = now.publish == pb.Job.EACH
    least = 0.0 if each else worth.least_cpu_seconds
    cpu = cpu_of_outputs(planned.graph)
    rest: Sequence[Share | TaskWork] = (
        shares(planned.first, least, but=done) if done else apart(planned.first, later, cpu, least, each=each)
    )
    found += [Task(outputs=share.outputs) for share in rest]
    made = [TaskWork(kind=MAKE_OUTPUTS, outputs=task.outputs, cpu=0.0) for task in found]
    after = following(later, made, cpu, least, each=each)
    return found + [Task(outputs=work.outputs) for work in after]


def _told(found: Estimate) -> pb.Estimate:
    return pb.Estimate(
        core_seconds=_range(found.cpu),
        bytes=_range(found.bytes),
        seconds=_range(found.seconds),
        measurements=found.measurements,
    )


def _range(found: Range) -> pb.Range:
    return pb.Range(least=found.least, likely=found.likely, most=found.most)
