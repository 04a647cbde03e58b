"""Why a task does not run yet."""

import pytest

from reelmill.jobs.states import TaskState
from reelmill.jobs.waiting import wait_of
from reelmill.v1.jobs_pb2 import Task


@pytest.mark.parametrize(
    ("workers", "free_slots", "before", "wait"),
    [
        (0, 0, 0, Task.FOR_WORKER),
        (0, 0, 9, Task.FOR_WORKER),
        (1, 0, 0, Task.FOR_SLOT),
        (1, 2, 2, Task.FOR_SLOT),
        (1, 2, 1, Task.FOR_CLAIM),
        (2, 1, 0, Task.FOR_CLAIM),
    ],
)
def test_a_ready_task_waits_for_who_can_run_it_then_for_a_slot(
    workers: int, free_slots: int, before: int, wait: Task.Wait
) -> None:
    assert wait_of("READY", workers=workers, free_slots=free_slots, before=before) == wait


@pytest.mark.parametrize("state", list(TaskState))
def test_each_state_has_its_name_in_the_api_and_says_whether_it_waits(state: TaskState) -> None:
    assert Task.State.Value(state)
    waits = wait_of(state, workers=0, free_slots=0, before=0)
    assert bool(waits) == (state in (TaskState.WAITING, TaskState.DELAYED, TaskState.READY))
