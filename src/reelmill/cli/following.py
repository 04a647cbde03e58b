"""Live progress of jobs: bars on a terminal, a line for each change elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from reelmill.cli.display import left_text, progress_text, queue_text, state_text
from reelmill.v1.jobs_pb2 import Job, JobEvent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Follower:
    """Shows the events of some jobs. Open while `following` is."""

    def __init__(self, console: Console, progress: "Progress | None") -> None:
        self._console = console
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._names: dict[str, str] = {}

    def add(self, job_id: str, name: str) -> None:
        """A job to come; `name` is what people call it."""
        self._names[job_id] = name
        if self._progress:
            self._bars[job_id] = self._progress.add_task(name, total=100, state="queued", speed="", left="")

    def saw(self, event: JobEvent) -> None:
        """An event arrived."""
        if self._progress:
            self._move(self._progress, event)
        elif event.sequence:
            self._print(event)

    def _move(self, progress: "Progress", event: JobEvent) -> None:
        state, phase = Job.State.Name(event.state), Job.Phase.Name(event.phase)
        shown = phase if event.state == Job.PROCESSING and event.phase else state
        done = 100.0 if event.state == Job.COMPLETED else None
        if event.HasField("progress"):
            done = event.progress.percent
        speed = f"{event.progress.speed:.2g}×" if event.progress.speed else ""
        left = left_text(event.progress) if event.state == Job.PROCESSING else ""
        if event.HasField("queue"):
            left = queue_text(event.queue)
        progress.update(self._bars[event.job_id], completed=done, state=shown.lower(), speed=speed, left=left)

    def _print(self, event: JobEvent) -> None:
        line = Text.assemble(
            f"{self._names[event.job_id]}: ", state_text(Job.State.Name(event.state), Job.Phase.Name(event.phase))
        )
        if event.HasField("progress") and event.state == Job.PROCESSING:
            line.append(f" {progress_text(event.progress.percent, event.progress.speed)}")
            if left := left_text(event.progress):
                line.append(f", {left} left")
        if event.cancel_requested:
            line.append(" cancellation requested")
        if event.HasField("error"):
            line.append(f" {event.error.code}: {event.error.message}")
        if event.HasField("next_attempt_time"):
            line.append(f" (attempt {event.attempt + 1} follows)")
        self._console.print(line)


@contextmanager
def following(console: Console) -> Iterator[Follower]:
    """Show progress while the context is open."""
    if not console.is_terminal:
        yield Follower(console, None)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[state]}", style="cyan"),
        TextColumn("{task.fields[speed]}", style="dim"),
        TextColumn("{task.fields[left]}", style="cyan"),
    )
    with Progress(*columns, console=console) as progress:
        yield Follower(console, progress)
