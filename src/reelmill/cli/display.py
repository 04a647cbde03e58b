"""What the commands show. rich is told everything as text: nothing that a user typed is markup."""

import os.path
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from reelmill.cli.findings import findings_view
from reelmill.cli.ids import SHOWN
from reelmill.cli.problems import Problem

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

    from reelmill.v1.jobs_pb2 import Job, JobError, JobLog, OutputFile, OutputProgress, Progress, Queue
    from reelmill.v1.media_pb2 import MediaInfo
    from reelmill.v1.workers_pb2 import Worker

COUNTED = 1000
"""Up to which the api counts tasks that go before another."""
_BEFORE_INPUT = 37  # letters of a line of `reelmill jobs`, with the widest state
_FILE_WIDTH = 200  # a log or a pipe has no width: nothing is cut off there
_STYLES = {"COMPLETED": "green", "FAILED": "red", "CANCELLED": "yellow", "PROCESSING": "cyan"}
_TIMES: dict[Literal["create_time", "start_time", "next_attempt_time", "cancel_time", "end_time"], str] = {
    "create_time": "submitted",
    "start_time": "started",
    "next_attempt_time": "next attempt",
    "cancel_time": "cancelled",
    "end_time": "ended",
}
_REMEDIES = {
    "INPUT": "Change the input or the job, then submit it again.",
    "LIMIT": "A limit of the server was reached: raise it (`reelmill settings` lists them) or ask for less.",
    "TRANSIENT": "Something outside was away: `reelmill retry` submits the job again.",
    "INTERNAL": "`reelmill logs` tells more, `reelmill doctor` checks the set-up.",
}


def out() -> Console:
    """Standard output."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def warn(message: str) -> None:
    """One yellow line on standard error."""
    err().print(Text(f"warning: {message}", style="yellow"))


def show_problem(problem: Problem) -> None:
    """One red line on standard error, and a line for each detail."""
    err().print(Text(problem.message, style="bold red"))
    for detail in problem.details:
        err().print(Text(f"  {detail}"))


def state_text(state: str, phase: str = "") -> Text:
    """A job's state, with its phase where it has one."""
    shown = state if not phase or phase.endswith("UNSPECIFIED") else f"{state} {phase.lower()}"
    return Text(shown, style=_STYLES.get(state, ""))


def jobs_table(jobs: Sequence["Job"], *, columns: int = 80) -> Table:
    """Jobs, a line of so many letters for each; of an id the last ones, by which every command knows it."""
    table = Table(box=None, pad_edge=False)
    for heading in ("ID", "STATE", "DONE", "AGE", "INPUT"):
        table.add_column(heading, justify="right" if heading in ("DONE", "AGE") else "left", no_wrap=True)
    for job in jobs:
        state = job.State.Name(job.state)
        percent = 100.0 if state == "COMPLETED" else job.progress.percent
        table.add_row(
            job.id[-SHOWN:],
            state_text(state),
            f"{percent:.0f} %" if state == "COMPLETED" or job.HasField("progress") else "",
            age_text(job.create_time.ToDatetime()),
            Text(_short(job.inputs[0].uri, max(16, columns - _BEFORE_INPUT)) if job.inputs else ""),
        )
    return table


def age_text(utc: datetime) -> str:
    """How long ago a time of a message was: 12s, 5m, 3h, 2d."""
    from datetime import UTC

    seconds = max(0, round((datetime.now(UTC) - utc.replace(tzinfo=UTC)).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def workers_table(workers: Sequence["Worker"]) -> Table:
    """Workers, a line for each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("NAME", "VERSION", "POOL", "LABELS", "RUNNING", "SEEN"):
        table.add_column(heading, justify="right" if heading == "RUNNING" else "left", no_wrap=True)
    for worker in workers:
        seen = f"{worker.silence.ToMilliseconds() / 1000:.0f} s ago"
        table.add_row(
            Text(worker.name),
            Text(worker.version),
            Text(worker.pool),
            Text(", ".join(worker.labels)),
            f"{worker.running}/{worker.slots}",
            Text(f"{seen}, silent", style="red") if worker.silent else Text(seen),
        )
    return table


def job_view(job: "Job", *, every: bool = False) -> Group:
    """A job: its fields, its outputs, its error."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("id", job.id)
    table.add_row("state", state_text(job.State.Name(job.state), job.Phase.Name(job.phase)))
    if job.HasField("progress"):
        table.add_row("progress", progress_text(job.progress.percent, job.progress.speed))
    if left := left_text(job.progress):
        table.add_row("time left", left)
    if job.HasField("queue"):
        table.add_row("queue", queue_text(job.queue))
    table.add_row("attempt", str(job.attempt))
    table.add_row("priority", str(job.priority))
    for item in job.inputs:
        table.add_row("input", Text(item.uri))
    far = {one.output: f" {one.percent:.0f} %{_doing(one)}" for one in job.progress.outputs}
    for output in job.outputs:
        told = (str(output.WhichOneof("operation")), "optional" * output.optional, "reused" * output.reused)
        kind = ", ".join(filter(None, told))
        table.add_row("output", Text(f"{output.name} ({kind}){far.get(output.name, '')}"))
    if job.destination:
        table.add_row("destination", Text(job.destination))
    for key, value in sorted(job.labels.items()):
        table.add_row("label", Text(f"{key}={value}"))
    if job.retry_of:
        table.add_row("retry of", job.retry_of)
    for name, words in _TIMES.items():
        if job.HasField(name):
            table.add_row(words, local_time(getattr(job, name).ToDatetime()))
    parts: list[Table | Group] = [table]
    if any(o.files for o in job.outputs):
        parts.append(outputs_view(job, every=every, more=f": reelmill job {job.id} --files"))
    if (found := findings_view(job)) is not None:
        parts.append(found)
    if job.HasField("error"):
        parts.append(error_view(job.error))
    return Group(*parts)


def _doing(one: "OutputProgress") -> str:
    from reelmill.v1.jobs_pb2 import Job

    phase = Job.Phase.Name(one.phase)
    return "" if phase.endswith("UNSPECIFIED") else f" {phase.lower()}"


def outputs_view(job: "Job", *, every: bool = False, more: str = "") -> Group:
    """The files that a job made: the folder they are in, and a line for each.

    Of a stream those alone that players begin with, unless `every`; `more`: how to see the others.
    """
    names = {file.uri: _file_name(file) for output in job.outputs for file in output.files}
    folder = os.path.commonpath([str(PurePosixPath(name).parent) for name in names.values()]) if names else ""
    table = Table(box=None, pad_edge=False)
    for heading in ("OUTPUT", "FILE", "SIZE", "CODEC", "PIXELS", "DURATION"):
        table.add_column(heading, justify="right" if heading in ("SIZE", "DURATION") else "left", no_wrap=True)
    for output in job.outputs:
        begins = [file for file in output.files if "/" not in file.path]
        told = output.files if every or not begins else begins
        for file in told:
            table.add_row(
                Text(output.name),
                Text(names[file.uri].removeprefix(f"{folder}/")),
                size_text(file.size_bytes),
                *_media(file.media),
            )
        if output.HasField("error"):
            table.add_row(Text(output.name), Text(f"{output.error.code}: {output.error.message}", style="yellow"))
        if hidden := output.file_count - len(told):
            table.add_row(Text(output.name), Text(f"… and {hidden} more{more}", style="dim"))
    return Group(Text(f"in {folder}:", style="dim"), table)


def error_view(error: "JobError") -> Group:
    """Why a job failed, and what to do."""
    category = error.Category.Name(error.category)
    cause = error.cause or error.message
    lines = [Text(f"{error.code} ({category.lower()}): {cause}", style="bold red")]
    if error.deciding_line:
        lines.append(Text(f"said: {error.deciding_line}"))
    if error.message not in (cause, f"{cause}: {error.deciding_line}"):
        lines.append(Text(f"found: {error.message}"))
    for what in ("output", "command"):
        if told := getattr(error, what):
            lines.append(Text(f"{what}: {told}", style="dim"))
    if error.stderr_tail:
        lines.append(Text(error.stderr_tail.rstrip(), style="dim"))
    if remedy := error.remedy or _REMEDIES.get(category):
        lines.append(Text(remedy, style="italic"))
    if error.reproduction:
        lines.append(Text(f"to see it again: {error.reproduction}", style="dim"))
    return Group(*lines)


def log_line(line: "JobLog") -> Text:
    """A line of a job's processing log."""
    level = line.Level.Name(line.level)
    style = {"WARNING": "yellow", "ERROR": "red"}.get(level, "")
    output = f" [{line.output}]" if line.output else ""
    command = f"\n    {line.command}" if line.command else ""
    return Text.assemble(
        (local_time(line.time.ToDatetime()), "dim"),
        f" #{line.attempt}{output} ",
        (line.message, style),
        (command, "dim"),
    )


def progress_text(percent: float, speed: float) -> str:
    """How far, and how fast."""
    return f"{percent:.1f} %" + (f", {speed:.2g}× real time" if speed else "")


def left_text(progress: "Progress") -> str:
    """How long it still takes; empty where nobody knows."""
    if not progress.HasField("eta"):
        return ""
    return _about(progress.eta, progress.eta_earliest, progress.eta_latest, ranged=progress.HasField("eta_latest"))


def queue_text(queue: "Queue") -> str:
    """What a job waits behind, and for how long."""
    more = "" if queue.tasks_before < COUNTED else " or more"
    before = f"{queue.tasks_before}{more} tasks go first"
    if not queue.HasField("start"):
        return before
    return f"{before}, starts in {_about(queue.start, queue.start_earliest, queue.start_latest)}"


def _about(likely: "Duration", least: "Duration", most: "Duration", *, ranged: bool = True) -> str:
    """A time that is estimated: 12 s (9 s to 14 s)."""
    times = [rough_text(one.ToMilliseconds() / 1000) for one in (likely, least, most)]
    return f"{times[0]} ({times[1]} to {times[2]})" if ranged else times[0]


def rough_text(seconds: float) -> str:
    """A length that is estimated, to the second: 9 s, 12:03, 1:02:03."""
    return f"{seconds:.0f} s" if round(seconds) < 60 else duration_text(seconds)


def size_text(size_bytes: int) -> str:
    """A size with three digits: 1.24 MB."""
    size, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if unit != "B" else f"{size_bytes} B"


def duration_text(seconds: float) -> str:
    """A length: 9.98 s, 12:03, 1:02:03. Empty for none."""
    if seconds <= 0:
        return ""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def local_time(utc: datetime) -> str:
    """A time of a message (naive, UTC) as this machine's clock shows it."""
    from datetime import UTC

    return utc.replace(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _media(media: "MediaInfo") -> tuple[str, str, str]:
    """Codecs, pixels, duration."""
    codecs = "+".join(s.codec for s in media.streams)
    pixels = next((f"{s.width}×{s.height}" for s in media.streams if s.width), "")
    return codecs, pixels, duration_text(media.duration_seconds)


def _file_name(file: "OutputFile") -> str:
    """A path of this machine for file: URIs, the URI for others."""
    return unquote(urlsplit(file.uri).path) if file.uri.startswith("file:") else file.uri


def _short(uri: str, letters: int) -> str:
    return uri if len(uri) <= letters else f"…{uri[1 - letters :]}"
