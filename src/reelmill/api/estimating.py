"""EstimateJob: what a job would take, before it is submitted."""

import math
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from reelmill.api.outlook import Outlook
from reelmill.api.planning import Planned, Planner
from reelmill.jobs.measures import Range
from reelmill.media.contract import PlanContext
from reelmill.media.estimating import Estimate, Task, estimated
from reelmill.media.pieces import MOST_CHUNKS
from reelmill.media.reckoning import works
from reelmill.media.spreading import MAKE_OUTPUTS, Share, Work, Worth, chunked, shares
from reelmill.media.stages import apart, cpu_of_outputs, following
from reelmill.media.timeline import SECOND
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
        slots = await self._outlook.slots(job)
        tasks = _tasks(planned, replace(self._worth, slots=max(1, slots)))
        found = estimated(
            [works(job, step, planned.sources) for step in planned.graph.steps],
            tasks,
            await self._outlook.rates(),
            threads=self._threads,
            slots=slots,
        )
        queue = await self._outlook.queue(job)
        told = pb.EstimateJobResponse(
            job=_told(found.job), queue=queue, tasks=1 + sum(task.count + (task.count > 1) for task in tasks)
        )
        for output in job.outputs:
            told.outputs.add(output=output.name, estimate=_told(found.outputs.get(output.name, Estimate())))
        return told


def _tasks(planned: Planned, worth: Worth) -> list[Task]:
    """The tasks that it becomes, but for sounds: as a worker decides, without looking where chunks begin."""
    context = PlanContext(facts=planned.facts)
    found, done = [], []
    now, *later = planned.stages
    for one in chunked(now, planned.first, context, worth):
        length = (one.division.end - one.division.start) / SECOND
        count = min(MOST_CHUNKS, math.ceil(length / one.seconds))
        if count > 1:
            found.append(Task(outputs=one.share.outputs, count=count))
            done.append(one.share)
    each = now.publish == pb.Job.EACH
    least = 0.0 if each else worth.least_cpu_seconds
    cpu = cpu_of_outputs(planned.graph)
    rest: Sequence[Share | Work] = (
        shares(planned.first, least, but=done) if done else apart(planned.first, later, cpu, least, each=each)
    )
    found += [Task(outputs=share.outputs) for share in rest]
    made = [Work(kind=MAKE_OUTPUTS, outputs=task.outputs, cpu=0.0) for task in found]
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
