"""How values are shown: words for templates. Pure."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from reelmill.v1 import jobs_pb2 as pb

FINAL = (pb.Job.COMPLETED, pb.Job.FAILED, pb.Job.CANCELLED)
_UPLOAD_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?=.)")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_MOST_SECONDS = 100 * 365 * _DAY


def state(job: pb.Job) -> str:
    """A job's state, in small letters."""
    return pb.Job.State.Name(job.state).lower()


def enum_name(message: Any, field: str) -> str:
    """The name of a field's value, in small letters with spaces; empty for what is not said."""
    descriptor = message.DESCRIPTOR.fields_by_name[field].enum_type
    value = descriptor.values_by_number.get(getattr(message, field))
    name = value.name if value else str(getattr(message, field))
    return "" if name.endswith("_UNSPECIFIED") else name.lower().replace("_", " ")


def short(job_id: str) -> str:
    """An id's last eight letters: of a UUIDv7 those differ most."""
    return job_id[-8:]


def source(uri: str) -> str:
    """What a file is called: the last part of its address, or its host."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri[:80]
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    if parts.scheme == "upload":  # as somebody sent it, without the id that makes it ours
        last = _UPLOAD_ID.sub("", last)
    return last or parts.netloc or uri[:80]


def inputs(job: pb.Job) -> str:
    """The first input's name, and how many more there are."""
    if not job.inputs:
        return "no input"
    more = len(job.inputs) - 1
    return source(job.inputs[0].uri) + (f" and {more} more" if more else "")


def operation(output: pb.Output) -> str:
    """What makes an output."""
    kind = output.WhichOneof("operation")
    return f"preset {output.preset}" if kind == "preset" else str(kind or "nothing")


def size(count: float) -> str:
    """Bytes, in units of a thousand."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def span(seconds: float) -> str:
    """A time, in its two largest units."""
    seconds = max(0.0, min(seconds, _MOST_SECONDS))
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    for unit, smaller, name, less in ((_MINUTE, 1, "min", "s"), (_HOUR, _MINUTE, "h", "min"), (_DAY, _HOUR, "d", "h")):
        if unit == _DAY or seconds < unit * (60 if unit == _MINUTE else 24):
            whole, rest = int(seconds // unit), int(seconds % unit // smaller)
            return f"{whole} {name} {rest} {less}" if rest else f"{whole} {name}"
    raise AssertionError


def length(duration: Duration) -> str:
    """A duration."""
    return span(duration.seconds + duration.nanos / 1e9)


def seconds_of(time: Timestamp) -> float:
    """Seconds since 1970."""
    return float(time.seconds + time.nanos / 1e9)


def moment(time: Timestamp) -> datetime | None:
    """A time in UTC; None where it is none that can be shown."""
    try:
        return datetime.fromtimestamp(seconds_of(time), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def iso(time: Timestamp) -> str:
    """For machines."""
    found = moment(time)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z") if found else ""


def clock(time: Timestamp) -> str:
    """For people: 2026-01-31 12:00:05 UTC."""
    found = moment(time)
    return found.strftime("%Y-%m-%d %H:%M:%S UTC") if found else ""


def age(time: Timestamp, now: float) -> str:
    """How long ago, roughly, so that it stays true for a while."""
    passed = max(0.0, now - seconds_of(time))
    if passed < 10:
        return "just now"
    if passed < _MINUTE:
        return "under a minute ago"
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if passed >= unit:
            return f"{int(passed // unit)} {name} ago"
    raise AssertionError


def took(job: pb.Job, now: float) -> str:
    """From a job's first attempt to its end, or until now."""
    if not job.HasField("start_time"):
        return ""
    end = seconds_of(job.end_time) if job.HasField("end_time") else now
    return span(end - seconds_of(job.start_time))


def percent(job: pb.Job) -> float:
    """How far a job is, 0 to 100."""
    return 100.0 if job.state == pb.Job.COMPLETED else min(100.0, max(0.0, job.progress.percent))


def far(job: pb.Job) -> dict[str, pb.OutputProgress]:
    """How far each output is, by its name."""
    return {one.output: one for one in job.progress.outputs}


def final(job: pb.Job) -> bool:
    """Whether nothing changes any more."""
    return job.state in FINAL


def queue(job: pb.Job) -> str:
    """What a job waits behind."""
    if not job.HasField("queue"):
        return ""
    before = job.queue.tasks_before
    told = "next in line" if before == 0 else f"behind {before}{'+' if before >= 1000 else ''} tasks"
    return told + (f", starts in about {length(job.queue.start)}" if job.queue.HasField("start") else "")


def summary(jobs: Sequence[pb.Job]) -> str:
    """How many of a page are in which state, for those who don't see them."""
    names = [state(job) for job in jobs]
    told = [f"{names.count(name)} {name}" for name in dict.fromkeys(sorted(names))]
    return ", ".join(told) or "no jobs"


FILTERS: dict[str, Callable[..., object]] = {
    "age": age,
    "clock": clock,
    "enum_name": enum_name,
    "far": far,
    "final": final,
    "inputs": inputs,
    "iso": iso,
    "lasting": length,
    "operation": operation,
    "percent": percent,
    "queue": queue,
    "short": short,
    "size": size,
    "source": source,
    "span": span,
    "state": state,
    "summary": summary,
    "took": took,
}
"""Filters of the templates."""
