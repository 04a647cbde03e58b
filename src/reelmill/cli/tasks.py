"""How a job's tasks are shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from reelmill.cli.display import COUNTED, local_time, state_text

if TYPE_CHECKING:
    from reelmill.v1.jobs_pb2 import Task


def tasks_table(tasks: Sequence["Task"]) -> Table:
    """Tasks, a line for each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("ID", "KIND", "OUTPUTS", "STATE", "DONE", "ATTEMPT", "WORKER", "NOTE"):
        table.add_column(heading, justify="right" if heading in ("DONE", "ATTEMPT") else "left", no_wrap=True)
    for task in tasks:
        table.add_row(
            task.id,
            Text(task.kind),
            Text(", ".join(task.outputs)),
            state_text(task.State.Name(task.state), _phase(task)),
            f"{task.progress.percent:.0f} %" if task.HasField("progress") else "",
            str(task.attempt) if task.attempt else "",
            Text(task.worker),
            Text(note(task)),
        )
    return table


def note(task: "Task") -> str:
    """Why a task waits, or why its last attempt failed; what it took from earlier jobs."""
    error = f"{task.error.code}: {task.error.message}" if task.HasField("error") else ""
    wait = task.Wait.Name(task.wait)
    if wait == "FOR_TASKS":
        return f"waits for {task.open_dependencies} of {len(task.depends_on)} tasks"
    if wait == "FOR_RETRY":
        return f"tried again at {local_time(task.next_attempt_time.ToDatetime())}; {error}"
    if wait == "FOR_WORKER":
        needs = f" with {', '.join(task.labels)}" if task.labels else ""
        return f"no living worker of the pool {task.pool}{needs} can run {task.kind}"
    if wait == "FOR_SLOT":
        more = "" if task.tasks_before < COUNTED else " or more"
        return f"waits for a slot; {task.tasks_before}{more} tasks go first"
    if task.reused:
        return f"took {', '.join(dict.fromkeys(f'{one.output} from job {one.reused_from}' for one in task.reused))}"
    return "a worker is about to take it" if wait == "FOR_CLAIM" else error


def _phase(task: "Task") -> str:
    from reelmill.v1.jobs_pb2 import Job

    return Job.Phase.Name(task.phase)
