"""Makes tasks of a job that several workers had better do."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from uuid_utils.compat import uuid7

from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.measures import Rates
from reelmill.jobs.validators import Validator
from reelmill.media import spreading
from reelmill.media.contract import Facts, Graph, PlanContext, Source
from reelmill.media.estimating import bytes_of
from reelmill.media.reckoning import works
from reelmill.media.settling import Measure
from reelmill.media.spreading import JOIN_PIECES, Worth, spec_of
from reelmill.media.stages import apart, following
from reelmill.media.titles import settled
from reelmill.storage.space import Room
from reelmill.storage.uris import file_path, scheme_of
from reelmill.store.leases import NewTask
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.attempt import Attempt


class PieceRoom:
    """The room that pieces of one job's outputs may take until they are joined."""

    def __init__(
        self,
        attempt: Attempt,
        room: Room,
        sizes: Callable[[], Mapping[str, float]],
        *,
        most_bytes: int,
    ) -> None:
        """`sizes`: bytes that outputs are reckoned to have, at the most; `most_bytes` 0: any. `room`: of the disk."""
        self._attempt = attempt
        self._room = room
        self._sizes = sizes
        self._most_bytes = most_bytes
        self._taken = 0.0

    async def fits(self, outputs: Sequence[str]) -> bool:
        """Whether the pieces of these outputs fit, too; the job's log tells where they don't."""
        sizes = self._sizes()
        needed = self._taken + sum(sizes.get(name, 0.0) for name in outputs)
        if not (problem := await asyncio.to_thread(self._problem, needed)):
            self._taken = needed
            return True
        message = f"is not made in chunks, whose pieces may have {needed:.0f} bytes in all: {problem}"
        self._attempt.log(message, level="WARNING", output=", ".join(outputs))
        return False

    def _problem(self, needed: float) -> str:
        if self._most_bytes and needed > self._most_bytes:
            return f"at most {self._most_bytes} are allowed (setting pieces_max_bytes)"
        prefix = self._attempt.task.output_prefix
        if scheme_of(prefix) != "file":
            return ""
        folder = file_path(prefix)
        try:
            self._room.check(next(one for one in folder.parents if one.is_dir()), int(needed))
        except AttemptFailed as error:
            return error.failure.message
        return ""


def sizes_of(job: Job, graph: Graph, sources: Mapping[str, Source], rates: Rates) -> dict[str, float]:
    """Bytes that outputs are reckoned to have: in one case of ten more."""
    every = [work for step in graph.steps for work in works(job, step, sources)]
    return {name: bytes_of([work for work in every if work.output == name], rates).most for name in graph.outputs}


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
        later: Sequence[Job] = (),
        cpu: Mapping[str, float] | None = None,
        fits: Callable[[Sequence[str]], Awaitable[bool]],
        there: Collection[str] = (),
    ) -> tuple[NewTask, ...]:
        """The tasks that are to follow the one that planned `graph`, in its place; none: it makes all by itself.

        `job` has the outputs of that graph, and `later` stages others, which are reckoned to take `cpu` core-seconds.
        `fits`: whether there is room for the pieces of outputs, too. `there`: outputs that are made by now.
        Raises what `measure` raises.
        """
        job, context, worth = settled(job, graph), PlanContext(facts=facts), self._worth
        each = job.publish == Job.EACH  # what is done is visible with its task's completion
        least = 0.0 if each else worth.least_cpu_seconds
        # Most jobs need no look at who works.
        if not spreading.chunked(job, graph, context, worth) and not apart(graph, later, cpu or {}, least, each=each):
            return ()
        if not (slots := await self._slots(place)):
            return ()
        worth = replace(worth, slots=slots)
        found = spreading.chunked(job, graph, context, worth)
        chunks = tuple([one for one in found if await fits(one.share.outputs)])
        if wanted := spreading.looks(chunks, facts):
            facts = {**facts, **dict(zip(wanted, await measure(wanted, facts), strict=True))}
        work = spreading.work(graph, chunks, facts, worth, each=each) or apart(
            graph, later, cpu or {}, least, each=each
        )
        if not work:
            return ()
        work += tuple(following(later, work, cpu or {}, least, each=each, there=there))
        whole = Job(inputs=job.inputs, outputs=[output for stage in (job, *later) for output in stage.outputs])
        ids = sorted(uuid7() for _ in work)  # each is to be larger than those of the tasks that it waits for
        return tuple(
            NewTask(
                id=task_id,
                kind=task.kind,
                spec=spec_of(whole, task, validators),
                weight=task.cpu,
                depends_on=tuple(ids[at] for at in task.after),
                ahead=task.kind == JOIN_PIECES,
            )
            for task_id, task in zip(ids, work, strict=True)
        )
