"""What came out of a watch folder's jobs, on its way to where people look for it: once, and by renames."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.cli import outputs
from reelmill.cli.downloading import fetch
from reelmill.cli.problems import USAGE, Problem

if TYPE_CHECKING:
    from reelmill.client import Client
    from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

_NOTES = ".reelmill"


class Deliveries:
    """The folder that outputs go to; below it stands, in a file each, what was brought there."""

    def __init__(self, out: Path, gateway: str | None) -> None:
        self._out = out
        self._notes = out / _NOTES
        self._gateway = gateway

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who brings files there. Raises Problem."""
        try:
            self._notes.mkdir(parents=True, exist_ok=True)
            lock = (self._notes / "lock").open("w")
        except OSError as error:
            raise Problem(f"can't write to {self._out}: {error.strerror}", exit_code=USAGE) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem(f"another `reelmill folder` writes to {self._out}") from None
            yield

    def has(self, key: str) -> bool:
        """Whether the outputs of a file were brought."""
        return (self._notes / key).exists()

    def bring(self, client: "Client", job: "Job", key: str, name: str) -> list[Path]:
        """Fetch a job's files, rename them to <name>-<output>.<ext>, and note that. Raises Problem, OSError."""
        for output in job.outputs:
            if output.file_count > len(output.files):
                every = list(client.output_files(job.id, output.name))
                del output.files[:]
                output.files.extend(every)
        with outputs.staging(self._out) as staged:
            files = {output.name: list(output.files) for output in job.outputs if output.files}
            for _ in fetch(job.id, files, staged, self._gateway):
                pass

            def source(output: "Output", file: "OutputFile") -> Path:
                return staged / output.name / file.path

            moved = outputs.move(job, name, self._out, keep=(), source=source)
        self.note(key)
        return moved

    def note(self, key: str) -> None:
        """The outputs of a file are where they belong."""
        path = self._notes / key
        new = path.with_name(f"{key}.new")
        new.touch()
        os.replace(new, path)  # noqa: PTH105 - replaces on every platform
