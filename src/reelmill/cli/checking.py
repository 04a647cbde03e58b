"""What `run` checks before anything starts: the very rules by which an api takes jobs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reelmill.api.checks import Checks
from reelmill.cli.flags import problem_of_fields
from reelmill.storage.storage import Storage
from reelmill.v1.jobs_pb2 import Job, ValidateJobRequest

if TYPE_CHECKING:
    from reelmill.settings import Settings


def check(settings: "Settings", jobs: Iterable[Job], destination: Path, *, source: str = "") -> None:
    """Have jobs write to a folder. Raises Problem for the first that can't be run; `source`: the file they are of."""
    jobs = list(jobs)
    storage = Storage.from_settings(settings.with_folders(*folders_of(jobs, destination)))
    checks = Checks(storage)
    for job in jobs:
        job.destination = destination.as_uri()
        if found := checks.request(ValidateJobRequest(job=job)):
            raise problem_of_fields([(v.field, v.description) for v in found], job, source=source, inputs="")


def folders_of(jobs: Iterable[Job], destination: Path) -> list[Path]:
    """The folders that jobs read and write."""
    return [destination, *(root for job in jobs for root in _input_roots(job))]


def _input_roots(job: Job) -> Iterator[Path]:
    """The folders of a job's local inputs, with and without following links."""
    for item in job.inputs:
        parts = urlsplit(item.uri)
        if parts.scheme == "file":
            path = Path(unquote(parts.path))
            yield path.parent
            yield path.resolve().parent
