"""Fetches and probes what an attempt reads, and holds it against what is known of it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reelmill.abreast import abreast
from reelmill.jobs.codes import CODES
from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.validators import Validator
from reelmill.media.contract import Facts, Loudness, Measurement, Probe, Quality, Source, Tried
from reelmill.media.inputs import output_read
from reelmill.media.probe import Prober, described
from reelmill.media.promises import Levels
from reelmill.media.render.command import Placed
from reelmill.media.spreading import expected_inputs
from reelmill.media.stages import not_made
from reelmill.media.verify import FILES_AT_ONCE, Verified
from reelmill.points import reach
from reelmill.storage.fetch import Fetched
from reelmill.storage.kept import KeptInputs
from reelmill.storage.storage import Storage
from reelmill.storage.uris import scheme_of
from reelmill.storage.workdir import AttemptFolder, WorkRoot
from reelmill.telemetry import traces
from reelmill.telemetry.metrics import INPUT_BYTES
from reelmill.v1.jobs_pb2 import Input, Job, OutputFile
from reelmill.v1.messages_pb2 import TaskResult
from reelmill.worker.attempt import Attempt
from reelmill.worker.copies import copies_in
from reelmill.worker.lacking import Lacking
from reelmill.worker.secrets import Secrets
from reelmill.worker.spans import Hollow, Wanted, digest, wanted_in

Listen = Callable[[Loudness | Quality, Placed], Awaitable[Levels | Tried | Failure]]
"""Answers how loud a sound is, or how good a sample, of inputs that are here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetcher:
    """What a worker fetches and probes with."""

    storage: Storage
    work: WorkRoot
    prober: Prober
    kept: KeptInputs
    secrets: Secrets


@dataclass(kw_only=True, slots=True)
class Sourcing:
    """The inputs of one attempt, or of one stage of it."""

    fetcher: Fetcher
    attempt: Attempt
    job: Job
    folder: AttemptFolder
    lacking: Lacking
    listen: Listen
    made: dict[str, OutputFile | Failure] = field(default_factory=dict)
    """By an input's name: what another task made of the output that it names, or why it did not."""
    fetched: dict[str, Fetched] = field(default_factory=dict)
    """By an input's name: what is here."""
    _gone: dict[str, Fetched] = field(default_factory=dict)

    @property
    def hollow(self) -> bool:
        """Whether something was left out of an input."""
        return any(fetched.lacking_bytes for fetched in self.fetched.values())

    async def measure(self, wanted: Sequence[Measurement], known: Facts) -> list[Source | Levels | Tried | Failure]:
        """Fetch and probe inputs, several at once, or listen to them. A Failure where a job can do without one."""
        items = {item.name: (i, item) for i, item in enumerate(self.job.inputs)}

        async def source(probe: Measurement) -> Source | Levels | Tried | Failure:
            if not isinstance(probe, Probe):
                paths = {name: str(one.path) for name, one in self.fetched.items()}
                return await self.listen(probe, Placed(inputs=paths))
            failure = self.made.get(probe.input) or self._not_made(probe.input)
            if isinstance(failure, Failure):
                return self.lacking.input(probe.input, AttemptFailed.of(failure), final=True)
            try:
                return await self._source(probe, *items[probe.input])
            except AttemptFailed as error:
                failure = self.lacking.input(probe.input, error)
                self.fetched.pop(probe.input, None)
                return failure

        # One ffmpeg at a time: a slot has the memory of one.
        at_once = FILES_AT_ONCE if all(isinstance(one, Probe) for one in wanted) else 1
        return await self.attempt.unless_stopped(abreast(source, wanted, at_once=at_once))

    def let_go(self) -> None:
        """Nobody reads them any more, but who explains why nothing good came of them."""
        self._gone |= self.fetched
        self.fetched.clear()

    @property
    def ever(self) -> dict[str, Fetched]:
        """All that were fetched, those too that were let go."""
        return self._gone | self.fetched

    async def check_unchanged(self) -> None:
        """Raise AttemptFailed INPUT_CHANGED where an input is another file than the one that was probed."""
        for item in self.job.inputs:
            if item.name in self.fetched and item.uri:
                await self._storage.check_unchanged(item.uri, self.fetched[item.name])

    def _not_made(self, name: str) -> Failure | None:
        """Why a stage before has not made what an input names."""
        failure = self.lacking.failure(output_read(name)) if name not in self.fetched else None
        return not_made(failure) if failure else None

    @property
    def _storage(self) -> Storage:
        return self.fetcher.storage.of(self.attempt.task.tenant_id)

    async def _source(self, probe: Probe, i: int, item: Input) -> Source:
        await reach("task.fetching")
        task, work = self.attempt.task, self.fetcher.work
        wanted = None if self.attempt.whole else wanted_in(task.spec).get(item.name)
        if (fetched := self.fetched.get(item.name)) is None:
            fetched = self.fetched[item.name] = await self._fetch(item, f"input-{i}", wanted)
            INPUT_BYTES.inc(fetched.size_bytes - fetched.lacking_bytes)
            # The outputs may be as large again. In a thread: what is only kept may have to go.
            await asyncio.to_thread(work.check_space, fetched.size_bytes - fetched.lacking_bytes)
        try:
            with traces.span("probe"):
                prober, partial = self.fetcher.prober.of(task.tenant_id), fetched.lacking_bytes > 0
                stills = any(output.HasField("thumbnail") for output in self.job.outputs)
                holder = self.attempt.holder if stills else ""
                probed = await prober.probe(fetched.path, probe.looks, probe.span, partial=partial, holder=holder)
        except AttemptFailed as error:
            if fetched.lacking_bytes:
                raise Hollow(error.failure.message) from error
            of = f"input {item.name}: " if item.name else ""
            raise AttemptFailed.of(replace(error.failure, message=f"{of}{error.failure.message}")) from error
        if wanted and fetched.lacking_bytes and digest(probed.info.SerializeToString()) != wanted.info:
            raise Hollow("the prober says something else of it")
        self.attempt.log(f"input {item.name or i + 1}: {described(probed.info)}")
        return probed.as_source(item.name)

    async def _fetch(self, item: Input, name: str, wanted: Wanted | None) -> Fetched:
        spec, storage = self.attempt.task.spec, self._storage
        made, copies = self.made.get(item.name), copies_in(spec)
        expected: Validator | None
        if isinstance(made, OutputFile):
            uri, expected = made.uri, Validator(size_bytes=made.size_bytes)
        else:
            assert not output_read(item.name), "what reads an output comes after it"
            uri, expected = copies.get(item.name, item.uri), expected_inputs(spec).get(item.name) if spec else None
        # A copy lies in our own storage.
        headers = self.fetcher.secrets.headers(self.attempt.task, item.name) if uri == item.uri and item.headers else {}
        with traces.span("fetch", {"reelmill.scheme": scheme_of(uri)}) as span:
            fetched = await self.fetcher.kept.fetch(
                storage,
                uri,
                await self.folder.make() / name if storage.is_remote(uri) else None,
                expected=expected,
                keep=self.attempt.task.part is not None,
                holder=self.attempt.task.lease,
                away=self.attempt.slot.left,
                made=made is not None or uri in copies.values(),
                extents=wanted.extents if wanted else (),
                headers=headers,
            )
            span.set({"reelmill.size_bytes": fetched.size_bytes})
        if isinstance(made, OutputFile) and await asyncio.to_thread(_sha256, fetched.path) != made.sha256:
            raise AttemptFailed("INPUT_CHANGED", f"{uri} is not what the job made: its bytes are others")
        return fetched


async def made_elsewhere(attempt: Attempt, job: Job) -> dict[str, OutputFile | Failure]:
    """What the tasks which an attempt waited for made of the outputs that it reads; as in Sourcing."""
    wanted = {item.name: output_read(item.name) for item in job.inputs if output_read(item.name)}
    if not wanted:
        return {}
    files = await attempt.files_before(tuple(wanted.values()))
    told = [error for result in await attempt.results() for error in TaskResult.FromString(result).output_errors]
    failed = {
        error.output: Failure(code=_known(error.code), message=error.message, output=error.output) for error in told
    }
    missing = "the task that makes it told nothing of it"
    return {
        name: files.get(output)
        or not_made(failed.get(output) or Failure(code="OUTPUT_UNAVAILABLE", message=missing, output=output))
        for name, output in wanted.items()
    }


def handed_on(later: Iterable[Job], files: Iterable[Verified], folder: AttemptFolder) -> dict[str, Fetched]:
    """What an attempt made itself that later stages of its read, by the names of inputs."""
    wanted = {item.name: output_read(item.name) for stage in later for item in stage.inputs}
    made = {file.output: file.path for file in files}
    return {name: _here(folder.path / made[output]) for name, output in wanted.items() if output in made}


def _here(path: Path) -> Fetched:
    told = path.stat()
    found = Validator(size_bytes=told.st_size, modified=str(told.st_mtime_ns // 1000))
    return Fetched(path=path, size_bytes=told.st_size, validator=found)


def _known(code: str) -> str:
    """A code of a later release is none of ours."""
    return code if code in CODES else "OUTPUT_UNAVAILABLE"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
