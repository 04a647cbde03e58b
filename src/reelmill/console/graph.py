"""A job's tasks → boxes and lines: whoever waits for somebody stands to the right of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.v1 import jobs_pb2 as pb

BOX_WIDTH, BOX_HEIGHT = 208, 58
_GAP_X, _GAP_Y, _EDGE = 56, 14, 2
_MOST_LETTERS = 27
_KINDS = {"run_job": "plan and run", "make_outputs": "make outputs", "make_chunk": "make a piece", "join": "join"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A task."""

    task: pb.Task
    x: float
    y: float
    title: str
    about: str
    state: str
    progress: float
    """Width of what is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """The drawing."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    """Paths, from box to box."""
    width: float
    height: float


def drawn(tasks: Sequence[pb.Task]) -> Graph:
    """The drawing of tasks, which come in the order in which they were made."""
    known = {task.id: task for task in tasks}
    columns: dict[str, int] = {}
    for task in _ordered(tasks, known):
        columns[task.id] = max((columns[before] + 1 for before in _before(task, known) if before in columns), default=0)
    filled: dict[int, int] = {}
    boxes: dict[str, Box] = {}
    for task in tasks:
        column = columns[task.id]
        row = filled.get(column, 0)
        filled[column] = row + 1
        boxes[task.id] = _box(task, column, row)
    lines = [_line(boxes[before], boxes[task.id]) for task in tasks for before in _before(task, known)]
    return Graph(
        boxes=tuple(boxes.values()),
        lines=tuple(lines),
        width=(max(filled, default=0) + 1) * (BOX_WIDTH + _GAP_X) - _GAP_X + 2 * _EDGE,
        height=max(filled.values(), default=1) * (BOX_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _EDGE,
    )


def _before(task: pb.Task, known: dict[str, pb.Task]) -> list[str]:
    before = [one for one in task.depends_on if one in known]
    return before or ([task.planned_by] if task.planned_by in known else [])


def _ordered(tasks: Sequence[pb.Task], known: dict[str, pb.Task]) -> list[pb.Task]:
    """Whoever is waited for comes first; without recursion, and whatever the server says."""
    waits = {task.id: set(_before(task, known)) for task in tasks}
    after: dict[str, list[str]] = {}
    for task_id, befores in waits.items():
        for before in befores:
            after.setdefault(before, []).append(task_id)
    ready = [task_id for task_id, befores in waits.items() if not befores]
    order = []
    while ready:
        task_id = ready.pop(0)
        order.append(known[task_id])
        for other in after.get(task_id, ()):
            waits[other].discard(task_id)
            if not waits[other]:
                ready.append(other)
    return order + [task for task in tasks if waits[task.id]]


def _box(task: pb.Task, column: int, row: int) -> Box:
    title = ", ".join(task.outputs) or _KINDS.get(task.kind, task.kind.replace("_", " "))
    if task.HasField("part"):
        title += f" {task.part.start_seconds:g}–{task.part.end_seconds:g} s"
    state = pb.Task.State.Name(task.state).lower()
    done = 100.0 if task.state == pb.Task.COMPLETED else task.progress.percent
    return Box(
        task=task,
        x=_EDGE + column * (BOX_WIDTH + _GAP_X),
        y=_EDGE + row * (BOX_HEIGHT + _GAP_Y),
        title=_cut(title),
        about=_cut(_about(task, state)),
        state=state,
        progress=round((BOX_WIDTH - 24) * min(max(done, 0.0), 100.0) / 100, 1),
    )


def _about(task: pb.Task, state: str) -> str:
    if task.state == pb.Task.RUNNING:
        return f"{task.progress.percent:.0f} % on {task.worker}"
    if task.wait:
        return pb.Task.Wait.Name(task.wait).lower().replace("for_", "waits for ").replace("_", " ")
    return f"{state}, {task.worker}" if task.worker else state


def _line(start: Box, stop: Box) -> str:
    x, y = start.x + BOX_WIDTH, start.y + BOX_HEIGHT / 2
    to_x, to_y = stop.x, stop.y + BOX_HEIGHT / 2
    middle = (x + to_x) / 2
    return f"M{x:g},{y:g} C{middle:g},{y:g} {middle:g},{to_y:g} {to_x:g},{to_y:g}"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
