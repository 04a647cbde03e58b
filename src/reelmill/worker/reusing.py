"""Outputs that an earlier job of the same tenant made are taken, not made again."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed, Unavailable
from reelmill.media import reuse
from reelmill.media.builds import builds
from reelmill.media.contract import Graph, PlanContext
from reelmill.media.inputs import OF_OUTPUT, output_read
from reelmill.media.spreading import JOIN_PIECES, MAKE_OUTPUTS, piece_in
from reelmill.media.steps import Program
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.points import reach
from reelmill.settings import Settings
from reelmill.storage.fetch import Fetched
from reelmill.storage.folders import StoredFile
from reelmill.storage.storage import Storage
from reelmill.storage.taking import sha256_of
from reelmill.storage.unchanged import place_of
from reelmill.store.database import Database
from reelmill.store.leases import MadeFile, NewTask
from reelmill.store.results import Result, ResultStore
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import REUSE_HITS, REUSE_MISSES
from reelmill.v1.jobs_pb2 import Job, OutputFile
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.worker.attempt import Attempt
from reelmill.worker.receipts import found_by, taken

log = get_logger(__name__)


_NOTHING = Graph(steps=(), outputs=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What was there, and what is left to be made."""

    graph: Graph = _NOTHING
    files: tuple[MadeFile, ...] = ()
    findings: tuple[OutputFindings, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reuse:
    """How a worker takes results."""

    results: ResultStore
    builds: Mapping[Program, str]
    """Of all that makes steps here."""
    within: timedelta
    """How old a result may be."""
    least_cpu_seconds: float
    """A job that is reckoned to take less is made: to look costs more."""

    @classmethod
    def of(cls, settings: Settings, database: Database, engine: str) -> "Reuse | None":
        """As the settings say; None where nothing is taken. `engine`: names the build of ffmpeg."""
        if not settings.reuse_days:
            return None
        return cls(
            results=ResultStore(database),
            builds=builds(engine),
            within=timedelta(days=settings.reuse_days),
            least_cpu_seconds=settings.reuse_cpu_seconds,
        )

    @property
    def engine(self) -> str:
        """Names all builds."""
        return " ".join(self.builds.values())

    async def take(
        self,
        attempt: Attempt,
        job: Job,
        graph: Graph,
        storage: Storage,
        inputs: Mapping[str, Fetched],
        made: Mapping[str, str],
        context: PlanContext,
    ) -> Taken:
        """Copy to the attempt's prefix what is known of a job's outputs; it notes the keys of all in the attempt.

        `made`: SHA-256 of the job's own outputs that are read, by the names of inputs. Whatever is wrong with a result,
        or with looking for it, the output is made instead. Raises Stopped, and AttemptFailed INPUT_CHANGED.
        """
        task = attempt.task
        cpu = reuse.cpu_seconds(graph)
        # What reads inputs alone was looked for by the task that planned all.
        late = not attempt.in_pieces and any(output_read(item.name) for item in job.inputs)
        if (task.spec and not late) or not reuse.wants(job) or cpu < self.least_cpu_seconds:
            return Taken(graph=graph)
        try:
            digests = await attempt.unless_stopped(self._digests(job, storage, inputs, made, cpu))
            keys = reuse.keys(job, graph, digests, builds=self.builds)
            found = await self.results.find(task.tenant_id, set(keys.values()), within=self.within)
            memos = reuse.asked(job, digests, self.engine, context)
            if told := {memo: keys[name] for name, memo in memos.items() if name in keys}:
                await self.results.keep_digests(storage.tenant_id, told)
        except Unavailable as error:  # the work needs no database
            log.warning("can't look for results now", reason=str(error))
            return Taken(graph=graph)
        self.note(attempt, storage, keys, digests)
        copied = await self.copies(
            attempt, storage, {name: found[key] for name, key in keys.items() if key in found}, graph
        )
        REUSE_MISSES.inc(len(keys) - len({one.output for one in copied.files}))
        return replace(copied, graph=reuse.without(graph, {one.output for one in copied.files}))

    def note(self, attempt: Attempt, storage: Storage, keys: Mapping[str, str], digests: Mapping[str, str]) -> None:
        """Put into an attempt what its outputs and inputs are."""
        attempt.digests = {**attempt.digests, **digests}
        if attempt.task.output_prefix.startswith(f"{storage.outputs()}/"):  # what a client may change is no result
            attempt.keys = {**attempt.keys, **keys}

    async def copies(
        self, attempt: Attempt, storage: Storage, results: Mapping[str, Result], graph: Graph | None = None
    ) -> Taken:
        """What could be copied of results, by the outputs that they are to become. Raises Stopped.

        `graph`: plans the outputs; needed for results that had other names.
        """
        files, findings = list[MadeFile](), list[OutputFindings]()
        for output, result in results.items():
            if copied := await self._take(attempt, graph, storage, output, result):
                files += copied.files
                findings += copied.findings
                attempt.log(f"took this output from job {result.job_id}", output=output)
                REUSE_HITS.inc()
        return Taken(files=tuple(files), findings=tuple(findings))

    async def _take(
        self, attempt: Attempt, graph: Graph | None, storage: Storage, output: str, result: Result
    ) -> "_Copied | None":
        """An output's files, copied, and what is told of it, in the attempt too; None where one is not as it was."""
        prefix = attempt.task.output_prefix
        try:
            files = await self.results.files(attempt.task.tenant_id, result, limit=reuse.MOST_FILES + 1)
            names = _names(graph, output, result, files)
            if not files or len(files) > reuse.MOST_FILES or len(names) != len(files):
                return None
            known = await self.results.told(attempt.task.tenant_id, result.job_id)
            await reach("task.taking")

            async def one(place: tuple[int, OutputFile, str]) -> MadeFile | None:
                position, file, name = place
                uri = f"{prefix}{quote(name)}"
                stored = StoredFile(size_bytes=file.size_bytes, sha256=file.sha256)
                if not await storage.take(file.uri, uri, stored, file.content_type):
                    return None
                told = OutputFile(uri=uri, path=name.removeprefix(f"{output}/"), reused_from=str(result.job_id))
                for field in ("size_bytes", "sha256", "content_type"):
                    setattr(told, field, getattr(file, field))
                if file.HasField("media"):
                    told.media.CopyFrom(file.media)
                return MadeFile(output=output, position=position, file=told)

            places = list(zip(range(len(files)), files, names, strict=True))
            copies = abreast(one, places, at_once=FILES_AT_ONCE)
            made = [file for file in await attempt.unless_stopped(copies) if file is not None]
            if len(made) == len(files):
                attempt.receipts += taken(known.receipts, result.output, output, str(result.job_id))
                return _Copied(files=made, findings=found_by(known.findings, result.output, output))
            reason = "a file of it is gone, or not as it was stored"
        except (AttemptFailed, Unavailable) as error:
            reason = str(error)
        log.warning("can't take a result", output=output, of_job=str(result.job_id), reason=reason)
        await self.drop(attempt, storage, output)
        return None

    async def drop(self, attempt: Attempt, storage: Storage, output: str) -> None:
        """Remove what was copied of an output; what stays is in no list, and goes with the attempt."""
        with suppress(AttemptFailed):
            await storage.delete_prefix(f"{attempt.task.output_prefix}{quote(output)}/")

    async def _digests(
        self, job: Job, storage: Storage, inputs: Mapping[str, Fetched], made: Mapping[str, str], cpu: float
    ) -> dict[str, str]:
        """SHA-256 of a job's inputs by name, hashed unless that is known; not of those that take long to hash."""
        uris = {item.name: item.uri for item in job.inputs}
        found, new = {name: made[name] for name in uris if name in made}, dict[str, str]()
        fetched_from = {name: one for name, one in inputs.items() if name in uris and name not in found}
        places = {
            name: place
            for name, one in fetched_from.items()
            if (place := await asyncio.to_thread(place_of, storage, uris[name], one))
        }
        known = await self.results.digests(storage.tenant_id, places.values()) if places else {}
        for name, fetched in fetched_from.items():
            place = places.get(name, "")
            if place in known:
                found[name] = known[place]
            elif not fetched.lacking_bytes and reuse.worth_hashing(fetched.size_bytes, cpu):
                try:
                    _, found[name] = await sha256_of(fetched.path)
                except OSError as error:
                    log.warning("can't hash an input", reason=str(error))
                    continue
                await storage.check_unchanged(uris[name], fetched)
                if place and place == await asyncio.to_thread(place_of, storage, uris[name], fetched):
                    new |= {place: found[name], reuse.seen(uris[name]): found[name]}
        if new:
            await self.results.keep_digests(storage.tenant_id, new)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Copied:
    """One output that was taken."""

    files: list[MadeFile]
    findings: list[OutputFindings]


def _names(graph: Graph | None, output: str, result: Result, files: Sequence[OutputFile]) -> list[str]:
    """What an output's files are called here, in their order; of a set that has another name they stay as they were."""
    paths = reuse.paths_of(graph, output) if graph and result.output != output else None
    return [str(path) for path in paths] if paths else [f"{output}/{file.path}" for file in files]


async def take(
    mine: Reuse | None,
    attempt: Attempt,
    job: Job,
    graph: Graph,
    storage: Storage,
    inputs: Mapping[str, Fetched],
    made: Mapping[str, OutputFile],
    context: PlanContext,
) -> Taken:
    """As Reuse.take, if there is one. `made`: files of the job's own outputs, by the outputs' names."""
    if mine is None:
        return Taken(graph=graph)
    digests = {f"{OF_OUTPUT}{name}": file.sha256 for name, file in made.items()}
    return await mine.take(attempt, job, graph, storage, inputs, digests, context)


def with_known(tasks: Iterable[NewTask], attempt: Attempt, engine: str) -> tuple[NewTask, ...]:
    """Tasks that tell what the outputs are that they make, if such builds make them, and of what.

    `attempt`: the one that planned them; `engine`: names all builds there.
    """

    def spec(told: bytes) -> bytes:
        fields = json.loads(told)
        mine = {name: attempt.keys[name] for name in fields["outputs"] if name in attempt.keys}
        return json.dumps({**fields, "keys": mine, "digests": attempt.digests, "engine": engine}).encode()

    whole = (MAKE_OUTPUTS, JOIN_PIECES)
    return tuple(replace(t, spec=spec(t.spec)) if attempt.digests and t.kind in whole else t for t in tasks)


def know(attempt: Attempt, engine: str) -> None:
    """Put into an attempt what its task's spec tells of it, its outputs and inputs; `engine`: names our own builds."""
    spec = attempt.task.spec
    attempt.in_pieces = bool(spec) and piece_in(spec) is not None
    fields = json.loads(spec or b"{}")
    attempt.keys = fields.get("keys", {}) if fields.get("engine") == engine else {}
    attempt.digests = fields.get("digests", {})
