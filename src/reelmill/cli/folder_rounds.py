"""A watch folder's rounds: what has settled becomes a job, what a job made goes where it belongs.

Nothing is remembered but by the server and by what stands in OUT, so a round after kill -9 goes on where that one
ended: a file is known by its name, size, time and ends, its job has that as a label and as the request's id, and what
was brought is noted last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reelmill.cli.delivering import Deliveries
from reelmill.cli.jobs import print_document
from reelmill.cli.problems import Problem
from reelmill.cli.settling import Settling, Stamp, being_written, files_in, key_of, name_for

if TYPE_CHECKING:
    from reelmill.client import Client
    from reelmill.v1.jobs_pb2 import Job

LABEL = "folder_file"
"""Of jobs: which file of a watch folder they are of."""
_MOST = 32  # jobs that are waited for; what else has settled is taken as they end


@dataclass(frozen=True, slots=True)
class Taken:
    """A file whose job is under way."""

    file: str
    key: str
    job_id: str


@dataclass(slots=True)
class Teller:
    """Tells what becomes of files: outputs on standard output, the rest on standard error."""

    as_json: bool
    failed: int = 0
    _last: str = field(default="")

    def taken(self, file: str, job_id: str) -> None:
        """A file is a job now."""
        if not self.as_json:
            typer.echo(f"{file}: job {job_id[-8:]}", err=True)

    def brought(self, file: str, job_id: str, paths: Sequence[Path]) -> None:
        """A file's outputs are where they belong."""
        if self.as_json:
            print_document({"file": file, "job": job_id, "state": "COMPLETED", "files": [str(path) for path in paths]})
        for path in () if self.as_json else paths:
            typer.echo(path)

    def fell(self, file: str, job_id: str, state: str, why: str) -> None:
        """Nothing came of a file."""
        from reelmill.cli.display import show_problem

        self.failed += 1
        if self.as_json:
            print_document({"file": file, "job": job_id, "state": state, "error": why})
        else:
            show_problem(Problem(f"{file}: {why}"))

    def away(self, message: str) -> None:
        """Something is away, and is asked again; told once until something else is."""
        from reelmill.cli.display import warn

        if message != self._last:
            warn(f"{message}; trying again")
        self._last = message


class Rounds:
    """The state of one process; see above for what is kept beyond it."""

    def __init__(
        self,
        client: "Client",
        source: Path,
        presets: Sequence[str],
        deliveries: Deliveries,
        teller: Teller,
        *,
        settle_seconds: float,
        shares_disk: bool,
    ) -> None:
        """`shares_disk`: the server may read our files where they lie; it is asked."""
        self._client = client
        self._source = source.absolute()
        self._presets = presets
        self._deliveries = deliveries
        self._teller = teller
        self._settling = Settling(settle_seconds)
        self._shares_disk = shares_disk
        self._handled: dict[str, Stamp] = {}
        self._under_way: dict[str, Taken] = {}

    def patient_round(self, now: float) -> int:
        """A round that bears a server, or a folder, that is away for now."""
        from reelmill.client import Unavailable

        try:
            return self.round(now)
        except (Unavailable, Problem) as error:
            self._teller.away(error.message)
        except OSError as error:
            self._teller.away(f"{error.filename or self._source}: {error.strerror}")
        return len(self._under_way)

    def round(self, now: float) -> int:
        """Look once; answers how many files are still to come. Raises Unavailable, Problem, OSError."""
        found = files_in(self._source)
        settled = self._settling.look(found, now)
        self._handled = {name: stamp for name, stamp in self._handled.items() if name in found}
        new = [name for name in settled if self._handled.get(name) != found[name]]
        left = 0
        for name in new:
            if len(self._under_way) >= _MOST:
                left += 1
            elif not being_written(self._source / name):
                self._take(name, found[name])
        for taken in list(self._under_way.values()):
            self._collect(taken, found)
        return left + len(self._under_way)

    def _take(self, name: str, stamp: Stamp) -> None:
        """Find a file's job, or make it."""
        from reelmill.client import ReelmillError, Unavailable

        try:
            key = key_of(self._source / name, stamp, self._presets)
            if not self._deliveries.has(key):
                job = self._job(key) or self._submit(name, key)
                self._under_way[key] = Taken(name, key, job.id)
                self._teller.taken(name, job.id)
        except Unavailable:
            raise
        except ReelmillError as error:
            told = [f"{violation.description}" for violation in getattr(error, "violations", ())]
            self._teller.fell(name, "", "REFUSED", "; ".join(told) or error.message)
        except OSError as error:
            self._teller.fell(name, "", "UNREADABLE", f"can't be read: {error.strerror}")
        self._handled[name] = stamp

    def _job(self, key: str) -> "Job | None":
        return next(self._client.list_jobs(f'labels.{LABEL} = "{key}"', page_size=1), None)

    def _submit(self, name: str, key: str) -> "Job":
        """A file's job. The key is its request's id: of two that ask at once one makes it."""
        from reelmill.client import Conflict, InvalidRequest
        from reelmill.v1.jobs_pb2 import Input, Job, Output

        path = self._source / name
        outputs = [Output(name=preset.replace("@", "-"), preset=preset) for preset in self._presets]
        job = Job(inputs=[Input(uri=path.as_uri())], outputs=outputs, labels={LABEL: key})
        if self._shares_disk:
            try:
                return self._client.create_job(job, key)
            except InvalidRequest as error:
                if any(not violation.field.startswith("job.inputs[0].uri") for violation in error.violations):
                    raise
                # It may not read there.
        job.inputs[0].uri = self._client.upload(path)
        try:
            return self._client.create_job(job, key)
        except Conflict:
            if there := self._job(key):
                return there
            raise

    def _collect(self, taken: Taken, found: dict[str, Stamp]) -> None:
        """Bring what a job made, once it has ended. Raises Unavailable, Problem, OSError."""
        from reelmill.client import NotFound

        try:
            job = self._client.get_job(taken.job_id, full=True)
        except NotFound:
            del self._under_way[taken.key]
            self._teller.fell(taken.file, taken.job_id, "DELETED", f"job {taken.job_id[-8:]} was deleted")
            return
        if not job.HasField("end_time"):
            return
        state = job.State.Name(job.state)
        if state == "COMPLETED":
            paths = self._deliveries.bring(self._client, job, taken.key, name_for(taken.file, found))
            self._teller.brought(taken.file, job.id, paths)
        else:
            why = f"{job.error.code}: {job.error.cause or job.error.message}" if job.HasField("error") else state
            self._teller.fell(taken.file, job.id, state, f"{why}; `reelmill explain {job.id[-8:]}` tells more")
        del self._under_way[taken.key]
