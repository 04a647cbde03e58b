"""Why a task does not run yet. Pure."""

from reelmill.jobs.states import TaskState
from reelmill.v1.jobs_pb2 import Task

_WAITS = {TaskState.WAITING: Task.FOR_TASKS, TaskState.DELAYED: Task.FOR_RETRY}


def wait_of(state: str, *, workers: int, free_slots: int, before: int) -> Task.Wait:
    """What a task in a state waits for.

    `workers` live that can run it and have `free_slots`, as their last heartbeats told; `before` READY tasks go first.
    """
    if state != TaskState.READY:
        return _WAITS.get(TaskState(state), Task.WAIT_UNSPECIFIED)
    if not workers:
        return Task.FOR_WORKER
    return Task.FOR_SLOT if before >= free_slots else Task.FOR_CLAIM
