"""The executor that runs media jobs: fetch, probe, plan, ffmpeg, check, upload."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reelmill.abreast import abreast
from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.places import with_label
from reelmill.jobs.states import Phase
from reelmill.jobs.validators import Validator
from reelmill.media import run as ffmpeg_run
from reelmill.media.contract import Facts, Graph, Measurement, PlanContext, Probe, Source
from reelmill.media.engines import Engine, engine_of
from reelmill.media.estimating import BEFORE
from reelmill.media.fonts import FONT
from reelmill.media.launcher import Launcher
from reelmill.media.pieces import Chunk, Join, Piece, Sound
from reelmill.media.plan import sources
from reelmill.media.probe import Prober, described
from reelmill.media.programs import shown
from reelmill.media.progress import RunProgress
from reelmill.media.promises import Levels
from reelmill.media.reckoning import works
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.run import RunResult
from reelmill.media.settling import Measure, settle
from reelmill.media.sources import believable_seconds
from reelmill.media.spreading import Worth, expected_inputs, outputs_of, part_of, piece_in
from reelmill.media.steps import Step
from reelmill.media.stills import Stills
from reelmill.media.verify import FILES_AT_ONCE
from reelmill.media.warm import WarmChildren
from reelmill.points import reach
from reelmill.storage.fetch import Fetched
from reelmill.storage.kept import KeptInputs
from reelmill.storage.storage import Storage
from reelmill.storage.uris import scheme_of
from reelmill.storage.workdir import AttemptFolder, WorkRoot
from reelmill.store.leases import MadeFile, NewTask
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import INPUT_BYTES, JOINS_REFUSED
from reelmill.v1.jobs_pb2 import Input, Job
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.worker.attempt import Attempt
from reelmill.worker.contracts import findings
from reelmill.worker.copies import copies_in, copy_inputs, with_copies
from reelmill.worker.finishing import Finishing
from reelmill.worker.history import History
from reelmill.worker.joining import bring, told
from reelmill.worker.lacking import Lacking, remove_files
from reelmill.worker.listening import listen
from reelmill.worker.meter import Meter
from reelmill.worker.receipts import note
from reelmill.worker.reusing import Reuse, know, take, with_known
from reelmill.worker.runs import Run, tell_end
from reelmill.worker.spans import SUSPECT, Hollow, Wanted, check_begins, digest, wanted_in, with_extents
from reelmill.worker.spreading import Spreader

log = get_logger(__name__)
_LEAST_WALL_SECONDS = 600.0
_MISFITS = ("OUTPUT_INVALID", "FFMPEG_FAILED", "INPUT_CORRUPT")  # of pieces that were right, each by itself
_DOES = {Engine.PROCESS: "runs {}", Engine.WARM: "makes stills as this would"}
"""What the processing log says of a step, with its command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLimits:
    """What an attempt may use; times in seconds."""

    ffmpeg: Path
    no_progress_seconds: float
    wall_limit_factor: float
    wall_limit_seconds: float
    output_max_bytes: int
    worth: Worth
    """What becomes a task of its own."""
    cache_bytes: int = 0
    """Most bytes of inputs that are kept for further tasks."""
    context: PlanContext
    """Threads of each codec, and memory of each process."""
    engine: str = ""
    """The label of this ffmpeg's build, which all workers of one job must have; empty: none."""


class MediaExecutor:
    """Runs one job, or some of its outputs, in a working directory of its own."""

    def __init__(
        self,
        storage: Storage,
        work: WorkRoot,
        launcher: Launcher,
        children: WarmChildren,
        limits: MediaLimits,
        slots: Callable[[str], Awaitable[int]],
        history: History,
        reuse: Reuse | None = None,
    ) -> None:
        """`slots`: of all workers that serve a place; 0 where jobs of several tasks may not be written.

        `history` hears what steps take; `reuse` takes what is there, if any does.
        """
        self._storage = storage
        self._work = work
        self._launcher = launcher
        self._prober = Prober(children)
        self._stills = Stills(children)
        self._limits = limits
        self._spreader = Spreader(limits.worth, slots)
        self._kept = KeptInputs(work, max_bytes=limits.cache_bytes)
        for room in (storage.room, work.room):
            room.yields(self._kept.give_way)
        self._history, self._reuse = history, reuse

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        """The files that the job asks for, written below the attempt's own prefix."""
        try:
            return await self._run(attempt)
        except Hollow as hollow:
            attempt.log(f"fetches the whole input: {hollow}", level="WARNING")
            attempt.whole = True
        return await self._run(attempt)

    async def _run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        task = attempt.task
        job = part_of(task.job, task.spec) if task.spec else task.job
        piece = piece_in(task.spec) if task.spec else None
        know(attempt, self._limits.engine)
        folder = self._work.folder(task.id, task.fence)
        try:
            if isinstance(piece, Join):
                return await self._join(attempt, job, folder, piece)
            return await self._make(attempt, job, folder, piece)
        finally:
            folder.remove()
            self._kept.release(task.lease)

    async def _join(self, attempt: Attempt, job: Job, folder: AttemptFolder, join: Join) -> tuple[MadeFile, ...]:
        """The outputs out of their pieces; where these don't fit together they are made whole, here."""
        storage, limits = self._storage.of(attempt.task.tenant_id), self._limits
        try:
            bringing = bring(join, await attempt.results(), storage, folder.path, max_bytes=limits.output_max_bytes)
            brought = await attempt.unless_stopped(bringing)
            attempt.keys = attempt.keys if brought.engine == limits.engine else {}
            return await self._make(attempt, job, folder, brought.join, brought.paths)
        except AttemptFailed as error:
            if error.code not in _MISFITS:
                raise
            JOINS_REFUSED.inc()
            log.warning("pieces don't fit together", code=error.code, reason=error.failure.message)
            attempt.log(f"the pieces don't fit together, all is made anew: {error.failure.message}", level="WARNING")
            attempt.whole = True
        return await self._make(attempt, job, folder, None)

    async def _make(
        self,
        attempt: Attempt,
        job: Job,
        folder: AttemptFolder,
        piece: Piece | None,
        pieces: Mapping[str, str] | None = None,
    ) -> tuple[MadeFile, ...]:
        """All that is asked for, or a piece of each output; `pieces`: paths of those that are joined."""
        task, inputs, hollow, began = attempt.task, dict[str, Fetched](), False, time.monotonic()
        lacking = Lacking(attempt, job, strict=piece is not None)

        async def measure(wanted: Sequence[Measurement], known: Facts) -> list[Source | Levels | Failure]:
            return await self._measure(attempt, job, folder, inputs, wanted, lacking)

        try:
            context = replace(self._limits.context, piece=piece)
            graph, facts = await settle(job, context, measure)
            lacking.planned(graph.failed)
            storage, prober = self._storage.of(task.tenant_id), self._prober.of(task.tenant_id)
            taken = await take(self._reuse, attempt, job, graph, storage, inputs)
            graph = taken.graph
            if not graph.steps or (not task.spec and await self._spread(attempt, graph, facts, inputs, measure)):
                return lacking.told(taken.files)
            found = (of_inputs := sources(job, facts, piece)).values()
            paths = {name: str(fetched.path) for name, fetched in inputs.items()} | dict(pieces or {})
            placed = Placed(inputs=paths, threads=self._limits.context.threads, font=str(FONT))

            def run_of(step: Step) -> Run:
                """A step as it is to be run, which the job's log tells."""
                command, engine = rendered(step, placed), engine_of(step)
                text = shown(command, self._limits.ffmpeg)
                attempt.log(_DOES[engine].format(step.program.value), output=", ".join(command.outputs), command=text)
                return Run(step=step, command=command, engine=engine, works=works(job, step, of_inputs))

            runs = list(map(run_of, graph.steps))
            if hollow := any(fetched.lacking_bytes for fetched in inputs.values()):
                check_begins(graph.steps, task.spec)
            # Of a length that its bytes can't hold no output comes out as planned, however often it is tried.
            damaged = any(s.timeline.damaged or s.info.duration_seconds > believable_seconds(s.info) for s in found)
            finishing = Finishing(attempt, storage, prober, folder, graph, lacking, input_damaged=damaged)
            made_all = 0.0

            async def make() -> None:
                nonlocal made_all
                await self._transcode(attempt, runs, folder, found, finishing, run_of, lacking)
                if finishing.complained and hollow:
                    raise Hollow("ffmpeg complained")
                made_all = time.monotonic()
                await self._check_unchanged(attempt, job, inputs)
                inputs.clear()  # nobody reads them any more
                await attempt.enter(Phase.PACKAGING)

            await attempt.enter(Phase.TRANSCODING)
            self._history.beside(BEFORE, time.monotonic() - began)
            await finishing.beside(make)
            await finishing.check()
            found_out: tuple[OutputFindings, ...] = ()
            if not isinstance(piece, Chunk | Sound):
                found_out = await findings(attempt, job, of_inputs, finishing.every, folder.path, lacking)
            await attempt.enter(Phase.UPLOADING)
            made = await finishing.store()
            await reach("task.uploaded")
            tell_end(self._history, began, made_all, runs, made)
            if isinstance(piece, Chunk | Sound):
                attempt.result = told(piece.name, finishing.files, made, self._limits.engine)
                return ()
            note(attempt, finishing.ran, of_inputs, pieces or (), self._limits.engine, placed.threads)
            return lacking.told((*taken.files, *made), found_out)
        except AttemptFailed as error:
            if hollow and error.code in SUSPECT:
                raise Hollow(error.failure.message) from error
            await self._check_unchanged(attempt, job, inputs)  # if it was, that is why
            raise

    async def _check_unchanged(self, attempt: Attempt, job: Job, inputs: Mapping[str, Fetched]) -> None:
        """Raise AttemptFailed INPUT_CHANGED where an input is another file than the one that was probed."""
        for item in (item for item in job.inputs if item.name in inputs):
            await self._storage.of(attempt.task.tenant_id).check_unchanged(item.uri, inputs[item.name])

    async def _spread(
        self, attempt: Attempt, graph: Graph, facts: Facts, inputs: Mapping[str, Fetched], measure: Measure
    ) -> bool:
        """Whether the outputs become tasks of their own, which are written as this one completes."""
        task, job = attempt.task, attempt.task.job
        validators = {name: fetched.validator for name, fetched in inputs.items()}
        attempt.spawned = await self._spreader.tasks(job, graph, facts, validators, measure, place=task.place)
        if not attempt.spawned:
            return False
        await self._check_unchanged(attempt, job, inputs)
        if self._limits.engine:
            where = with_label(task.place, self._limits.engine)
            attempt.spawned = tuple(replace(one, place=where) for one in attempt.spawned)
        kinds = Counter((one.kind, outputs_of(one.spec)) for one in attempt.spawned)
        attempt.spawned = await self._share_inputs(attempt, inputs)
        for (kind, outputs), count in kinds.items():
            attempt.log(f"{count} × {kind} for any worker", output=", ".join(outputs))
        return True

    async def _share_inputs(self, attempt: Attempt, inputs: Mapping[str, Fetched]) -> tuple[NewTask, ...]:
        """The tasks that follow, with inputs that will be there; they are kept for those of them that come here."""
        task, storage = attempt.task, self._storage.of(attempt.task.tenant_id)
        copied = await attempt.unless_stopped(copy_inputs(storage, task.job, inputs, task.output_prefix))
        places = {item.name: item.uri for item in task.job.inputs} | {name: copy.uri for name, copy in copied.items()}
        far = {name: fetched for name, fetched in inputs.items() if storage.in_bucket(places[name])}
        spawned = await with_extents(attempt.spawned, far, self._prober.of(task.tenant_id))
        for name, fetched in inputs.items():
            told = replace(fetched, validator=copied[name].validator) if name in copied else fetched
            self._kept.adopt(storage, places[name], told)
        return with_known(with_copies(spawned, copied, task.output_prefix), attempt, self._limits.engine)

    def close(self) -> None:
        """Keep no input any more; no attempt runs. Bears being called twice, and going on."""
        self._kept.close()

    async def discard(self, attempt: Attempt) -> None:
        """Remove what an attempt wrote that lost its lease."""
        try:
            await self._storage.delete_prefix(attempt.task.output_prefix)
        except AttemptFailed as error:
            log.warning("can't remove a lost attempt's files; the scheduler will", reason=str(error))

    async def _measure(
        self,
        attempt: Attempt,
        job: Job,
        folder: AttemptFolder,
        inputs: dict[str, Fetched],
        wanted: Sequence[Measurement],
        lacking: Lacking,
    ) -> list[Source | Levels | Failure]:
        """Fetch and probe inputs, several at once; each is put into `inputs`. A Failure where a job can do without."""
        items = {item.name: (i, item) for i, item in enumerate(job.inputs)}

        async def run(command: Command, seconds: float) -> object:
            return await self._ffmpeg(attempt, command, folder.path, self._wall(seconds), lambda progress: None)

        async def source(probe: Measurement) -> Source | Levels | Failure:
            if not isinstance(probe, Probe):
                placed = Placed(inputs={name: str(one.path) for name, one in inputs.items()})
                return await listen(attempt, probe, placed, folder.path, ffmpeg=self._limits.ffmpeg, run=run)
            try:
                return await self._source(attempt, folder, inputs, probe, *items[probe.input])
            except AttemptFailed as error:
                failure = lacking.input(probe.input, error)
                inputs.pop(probe.input, None)
                return failure

        # One ffmpeg at a time: a slot has the memory of one.
        at_once = FILES_AT_ONCE if all(isinstance(one, Probe) for one in wanted) else 1
        return await attempt.unless_stopped(abreast(source, wanted, at_once=at_once))

    async def _source(
        self, attempt: Attempt, folder: AttemptFolder, inputs: dict[str, Fetched], probe: Probe, i: int, item: Input
    ) -> Source:
        await reach("task.fetching")
        task = attempt.task
        known = expected_inputs(task.spec) if task.spec else {}
        uri = copies_in(task.spec).get(item.name, item.uri)
        wanted = None if attempt.whole else wanted_in(task.spec).get(item.name)
        if (fetched := inputs.get(item.name)) is None:
            with traces.span("fetch", {"reelmill.scheme": scheme_of(uri)}) as span:
                fetched = await self._fetch(attempt, uri, folder, f"input-{i}", known.get(item.name), wanted)
                inputs[item.name] = fetched
                span.set({"reelmill.size_bytes": fetched.size_bytes})
            INPUT_BYTES.inc(fetched.size_bytes - fetched.lacking_bytes)
            self._work.check_space(fetched.size_bytes - fetched.lacking_bytes)  # the outputs may be as large again
        try:
            with traces.span("probe"):
                probed = await self._prober.of(attempt.task.tenant_id).probe(fetched.path, probe.looks, probe.span)
        except AttemptFailed as error:
            if fetched.lacking_bytes:
                raise Hollow(error.failure.message) from error
            of = f"input {item.name}: " if item.name else ""
            raise AttemptFailed(error.code, f"{of}{error.failure.message}") from error
        if wanted and fetched.lacking_bytes and digest(probed.info.SerializeToString()) != wanted.info:
            raise Hollow("the prober says something else of it")
        attempt.log(f"input {item.name or i + 1}: {described(probed.info)}")
        return Source(name=item.name, info=probed.info, demuxer=probed.demuxer, measured=probed.timeline)

    async def _fetch(
        self,
        attempt: Attempt,
        uri: str,
        folder: AttemptFolder,
        name: str,
        expected: Validator | None,
        wanted: Wanted | None,
    ) -> Fetched:
        storage = self._storage.of(attempt.task.tenant_id)
        return await self._kept.fetch(
            storage,
            uri,
            folder.path / name if storage.is_remote(uri) else None,
            expected=expected,
            keep=attempt.task.part is not None,
            holder=attempt.task.lease,
            away=attempt.slot.left,
            made=uri in copies_in(attempt.task.spec).values(),
            extents=wanted.extents if wanted else (),
        )

    async def _transcode(
        self,
        attempt: Attempt,
        runs: Sequence[Run],
        folder: AttemptFolder,
        sources: Iterable[Source],
        finishing: Finishing,
        run_of: Callable[[Step], Run],
        lacking: Lacking,
    ) -> None:
        """Run all of them, one after the other.

        Where one fails that made optional outputs, what it made else is made by others in its place.
        """
        wall = self._wall(max((believable_seconds(s.info) for s in sources), default=0.0))
        threads = self._limits.context.threads
        meter = Meter(attempt, [(one.command, one.works) for one in runs], self._history.rates, threads)
        waiting, every = deque(runs), [one.step for one in runs]
        while waiting:
            attempt.check_stop()
            one = waiting.popleft()
            meter.begin()
            try:
                made = await self._still(attempt, one, finishing) if one.engine is Engine.WARM else None
                if made is None:
                    for writing in one.step.writes:
                        (folder.path / writing.path).parent.mkdir(parents=True, exist_ok=True)
                    made = await self._ffmpeg(attempt, one.command, folder.path, wall, meter.update)
            except AttemptFailed as error:
                again = list(map(run_of, lacking.instead(one.step, error, every)))
                await asyncio.to_thread(remove_files, folder.path, one.step)
                left = lacking.left(every)
                finishing.skip(1 + sum(other.step not in left for other in waiting))
                waiting = deque([*again, *(other for other in waiting if other.step in left)])
                meter.replan([(other.command, other.works) for other in waiting])
                continue
            meter.finish()
            self._history.step(one.works, cpu_seconds=made.cpu_seconds, wall_seconds=made.wall_seconds, threads=threads)
            finishing.complained |= made.input_damaged
            for warning in made.warnings:
                attempt.log(warning, level="WARNING", output=", ".join(one.command.outputs))
            finishing.begin(one.step)

    def _wall(self, seconds: float) -> float:
        """How long a process may run for so many seconds of media."""
        factor = self._limits.wall_limit_factor
        return min(self._limits.wall_limit_seconds, max(_LEAST_WALL_SECONDS, factor * seconds))

    async def _still(self, attempt: Attempt, one: Run, finishing: Finishing) -> RunResult | None:
        """Have a warm child make a step; None where ffmpeg must."""
        with traces.span("still", {"reelmill.output": ", ".join(one.command.outputs)}):
            making = self._stills.make(
                one.step,
                path=Path(one.command.reads[0]),
                tenant=str(attempt.task.tenant_id),
                max_bytes=self._limits.output_max_bytes,
            )
            began = time.monotonic()
            made = await attempt.unless_stopped(making)
        if made is None:
            return None
        stills, warnings = made
        finishing.keep(stills, check_space=lambda: self._work.check_space(0))
        return RunResult(warnings=warnings, input_damaged=False, wall_seconds=time.monotonic() - began)

    async def _ffmpeg(
        self,
        attempt: Attempt,
        command: Command,
        folder: Path,
        wall_seconds: float,
        on_progress: Callable[[RunProgress], None],
    ) -> RunResult:
        limits = self._limits
        with traces.span("ffmpeg", {"reelmill.output": ", ".join(command.outputs)}):
            return await ffmpeg_run.run(
                command,
                launcher=self._launcher,
                ffmpeg=limits.ffmpeg,
                folder=folder,
                stop=attempt.stop,
                on_progress=on_progress,
                no_progress_seconds=limits.no_progress_seconds,
                wall_seconds=wall_seconds,
                max_bytes=limits.output_max_bytes,
                memory_bytes=limits.context.memory_bytes,
                check_space=lambda: self._work.check_space(0),
            )
