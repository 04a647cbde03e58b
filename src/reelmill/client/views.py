"""Jobs as plain values: names instead of numbers, outputs by their names, files that can be fetched."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from google.protobuf.json_format import MessageToDict

from reelmill.client.errors import JobFailed, ReelmillError
from reelmill.client.files import Remote
from reelmill.v1.jobs_pb2 import Job, JobError, JobEvent, Output, OutputFile

Got = TypeVar("Got", covariant=True)
"""What a download gives: paths, or what is awaited for them."""
Fetch = Callable[[Sequence[Remote], "str | os.PathLike[str]"], Any]
Found = TypeVar("Found")
_UNSET = "_UNSPECIFIED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job, or an output, failed. Texts are empty where there is nothing to tell."""

    code: str
    """Stable, such as INPUT_NOT_FOUND; docs/errors.md lists them."""
    cause: str
    """What went wrong and what to do about it, for people."""
    category: str
    """INPUT, LIMIT, TRANSIENT or INTERNAL."""
    retryable: bool
    output: str
    command: str
    """The command that failed, if one did."""
    stderr: str
    """The end of what it wrote to stderr."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a job is. Its text is a line for people."""

    job_id: str
    state: str
    phase: str
    """PROBING, TRANSCODING, PACKAGING, UPLOADING, or empty."""
    percent: float
    speed: float
    """Seconds of media a second; 0 where it is not known."""
    left_seconds: float | None
    outputs: dict[str, float] = field(default_factory=dict)
    """Per cent of each output that somebody has begun."""

    def __str__(self) -> str:
        parts = [f"{self.state} {self.phase}".strip(), f"{self.percent:.0f} %"]
        parts += [f"{self.speed:.1f}×"] if self.speed else []
        parts += [f"{self.left_seconds:.0f} s left"] if self.left_seconds is not None else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileView:
    """A file that a job made."""

    name: str
    """The last part of its path."""
    path: str
    """Within its output, with / between folders."""
    uri: str
    """Where the server has it."""
    download_url: str
    """Where it may be fetched, with the client's key; empty where the client knows no gateway."""
    size_bytes: int
    sha256: str
    content_type: str
    media: dict[str, Any]
    """What it contains, as JSON has it."""
    remote: Remote = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputView(Generic[Got]):
    """An output of a job."""

    name: str
    preset: str
    """The preset that it was asked for by; empty without one."""
    files: tuple[FileView, ...]
    error: Failure | None
    """Why an optional output is not there."""
    result: dict[str, Any]
    """What analyze and compare found, as JSON has it."""
    message: Output = field(repr=False)
    fetch: Fetch = field(repr=False)

    def download(self, folder: "str | os.PathLike[str]") -> Got:
        """Fetch its files; answers where they are. A set keeps its folders; one file may be given a name of its own.

        What is there already is not fetched again, and what broke off is gone on with. Raises ReelmillError, OSError.
        """
        got: Got = self.fetch([file.remote for file in self.files], folder)
        return got


class Named(dict[str, Found]):
    """Outputs by their names. One that is not there is told with those that are."""

    def __missing__(self, name: str) -> Found:
        raise KeyError(f"there is no output {name!r}; there are {', '.join(self) or 'none'}")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView(Generic[Got]):
    """A job as the server told it last."""

    id: str
    state: str
    """QUEUED, PROCESSING, COMPLETED, FAILED or CANCELLED."""
    labels: dict[str, str]
    outputs: Named[OutputView[Got]]
    error: Failure | None
    message: Job = field(repr=False)
    """All that the server told, as protobuf has it."""

    def raise_for_state(self) -> None:
        """Raise JobFailed for a job that FAILED or was CANCELLED."""
        if self.state == "CANCELLED":
            raise JobFailed(f"job {self.id} was cancelled", job_id=self.id, code="CANCELLED", cause="it was cancelled")
        if self.state == "FAILED":
            error = self.error or failure(JobError(code="UNKNOWN"))
            raise JobFailed(
                f"job {self.id} failed: {error.code}: {error.cause}",
                job_id=self.id, code=error.code, cause=error.cause, command=error.command, output=error.output,
            )  # fmt: skip


def view(job: Job, gateway: str, fetch: Fetch) -> JobView[Any]:
    """A job's view; `gateway` is the address of one, or empty, and `fetch` brings files."""
    outputs = ((output.name, _output(job, output, gateway, fetch)) for output in job.outputs)
    return JobView(
        id=job.id,
        state=enum_name(Job.State, job.state),
        labels=dict(job.labels),
        outputs=Named(outputs),
        error=failure(job.error) if job.HasField("error") else None,
        message=job,
    )


def progress(event: JobEvent) -> Progress:
    """What an event tells of how far its job is."""
    state, told = enum_name(Job.State, event.state), event.progress
    return Progress(
        job_id=event.job_id,
        state=state,
        phase=enum_name(Job.Phase, event.phase),
        percent=100.0 if state == "COMPLETED" else told.percent,
        speed=told.speed,
        left_seconds=told.eta.ToTimedelta().total_seconds() if told.HasField("eta") else None,
        outputs={one.output: one.percent for one in told.outputs},
    )


def failure(error: JobError) -> Failure:
    """An error as plain values."""
    return Failure(
        code=error.code,
        cause=error.cause or error.message,
        category=enum_name(JobError.Category, error.category),
        retryable=error.retryable,
        output=error.output,
        command=error.command,
        stderr=error.stderr_tail,
    )


def enum_name(kind: Any, number: int) -> str:
    """A value's name; empty for the one that stands for none, and the number of one that is newer than we are."""
    try:
        name: str = kind.Name(number)
    except ValueError:
        return str(number)
    return "" if name.endswith(_UNSET) else name


def unfetchable(_: Iterable[Remote], __: object) -> Any:
    """The download of a client that knows no gateway."""
    raise ReelmillError(
        'files come from the gateway: connect to it (https://…), or name it: Client("host:9090", gateway="https://…")',
        code="FAILED_PRECONDITION",
    )


def _output(job: Job, output: Output, gateway: str, fetch: Fetch) -> OutputView[Any]:
    return OutputView(
        name=output.name,
        preset=getattr(output, "from_preset", "") or output.preset,
        files=tuple(_file(job, output, file, gateway) for file in output.files),
        error=failure(output.error) if output.HasField("error") else None,
        result=_json(output.result),
        message=output,
        fetch=fetch,
    )


def _file(job: Job, output: Output, file: OutputFile, gateway: str) -> FileView:
    path = file.path or file.uri.rpartition("/")[2]
    address = f"{gateway}/v1/jobs/{job.id}/outputs/{quote(output.name, safe='')}/{quote(path)}" if gateway else ""
    url = file.download_url or address
    return FileView(
        name=path.rpartition("/")[2],
        path=path,
        uri=file.uri,
        download_url=url,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        content_type=file.content_type,
        media=_json(file.media),
        remote=Remote(
            url=url, path=path, size_bytes=file.size_bytes, sha256=file.sha256, signed=bool(file.download_url)
        ),
    )


def _json(message: Any) -> dict[str, Any]:
    return dict(MessageToDict(message, preserving_proto_field_name=True))
