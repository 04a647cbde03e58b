"""Planning and measuring in turn, until there is a graph."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from reelmill.media.contract import Facts, Graph, Measurement, PlanContext
from reelmill.media.plan import plan
from reelmill.v1.jobs_pb2 import Job

MOST_ROUNDS = 16
Measure = Callable[[Sequence[Measurement], Facts], Awaitable[Sequence[Any]]]


async def settle(job: Job, context: PlanContext, measure: Measure) -> tuple[Graph, Facts]:
    """The graph of a job, and all that was measured for it.

    `measure` answers measurements in their order, and may use what is known already. Raises what it and `plan` raise.
    """
    facts: dict[Measurement, Any] = {}
    for _ in range(MOST_ROUNDS):
        planned = plan(job, replace(context, facts=facts))
        if isinstance(planned, Graph):
            return planned, facts
        facts |= zip(planned.measurements, await measure(planned.measurements, facts), strict=True)
    raise RuntimeError(f"the plan of a job asks for more measurements after {MOST_ROUNDS} rounds")
