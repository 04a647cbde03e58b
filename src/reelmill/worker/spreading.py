"""Makes tasks of a job that several workers had better do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from uuid_utils.compat import uuid7

from reelmill.jobs.validators import Validator
from reelmill.media import spreading
from reelmill.media.contract import Facts, Graph, PlanContext
from reelmill.media.settling import Measure
from reelmill.media.spreading import JOIN_PIECES, Worth, spec_of
from reelmill.store.leases import NewTask
from reelmill.v1.jobs_pb2 import Job


class Spreader:
    """What decides by a job's plan whether it becomes several tasks."""

    def __init__(self, worth: Worth, slots: Callable[[str], Awaitable[int]]) -> None:
        """`slots`: how many there are of all workers that serve a place; 0: jobs stay one task each."""
        self._worth = worth
        self._slots = slots

    async def tasks(
        self,
        job: Job,
        graph: Graph,
        facts: Facts,
        validators: Mapping[str, Validator],
        measure: Measure,
        *,
        place: str,
    ) -> tuple[NewTask, ...]:
        """The tasks that are to follow the one that planned `graph`, in its place; none: it makes all by itself.

        Raises what `measure` raises.
        """
        context, worth = PlanContext(facts=facts), self._worth
        # Most jobs need no look at who works.
        if not spreading.chunked(job, graph, context, worth) and not spreading.shares(graph, worth.least_cpu_seconds):
            return ()
        if not (slots := await self._slots(place)):
            return ()
        worth = replace(worth, slots=slots)
        chunks = spreading.chunked(job, graph, context, worth)
        if wanted := spreading.looks(chunks, facts):
            facts = {**facts, **dict(zip(wanted, await measure(wanted, facts), strict=True))}
        work = spreading.work(graph, chunks, facts, worth)
        ids = sorted(uuid7() for _ in work)  # each is to be larger than those of the tasks that it waits for
        return tuple(
            NewTask(
                id=task_id,
                kind=task.kind,
                spec=spec_of(job, task, validators),
                weight=task.cpu,
                depends_on=tuple(ids[at] for at in task.after),
                ahead=task.kind == JOIN_PIECES,
            )
            for task_id, task in zip(ids, work, strict=True)
        )
