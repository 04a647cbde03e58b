"""The executor that runs media jobs: fetch, probe, plan, ffmpeg, check, upload."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.places import with_label
from reelmill.jobs.states import Phase
from reelmill.media import run as ffmpeg_run
from reelmill.media.contract import Facts, Graph, Loudness, Quality, Source, Tried
from reelmill.media.engines import Engine, engine_of
from reelmill.media.estimating import AFTER, BEFORE
from reelmill.media.fonts import FONT
from reelmill.media.foreseeing import Limit, limits
from reelmill.media.launcher import Launcher
from reelmill.media.pieces import Chunk, Join, Piece, Sound
from reelmill.media.plan import sources
from reelmill.media.probe import Prober
from reelmill.media.programs import shown
from reelmill.media.progress import RunProgress
from reelmill.media.promises import Levels
from reelmill.media.reckoning import works
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.run import RunResult
from reelmill.media.settling import settle
from reelmill.media.sources import believable_seconds
from reelmill.media.spreading import outputs_of, part_of, piece_in
from reelmill.media.stages import stages, without
from reelmill.media.steps import MODEL, Step
from reelmill.media.stills import Stills
from reelmill.media.verify import Verified
from reelmill.media.warm import WarmChildren
from reelmill.points import reach
from reelmill.storage.fetch import Fetched
from reelmill.storage.kept import KeptInputs
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import AttemptFolder, WorkRoot
from reelmill.store.leases import MadeFile, NewTask
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import JOINS_REFUSED
from reelmill.v1.jobs_pb2 import Job
from reelmill.v1.messages_pb2 import OutputFindings
from reelmill.worker.asking import take_again
from reelmill.worker.attempt import Attempt
from reelmill.worker.contracts import findings
from reelmill.worker.copies import copy_inputs, with_copies
from reelmill.worker.explaining import Explaining
from reelmill.worker.finishing import Finishing
from reelmill.worker.history import History
from reelmill.worker.joining import bring, told
from reelmill.worker.keyring import keyring, laid_out
from reelmill.worker.lacking import Lacking, remove_files
from reelmill.worker.listening import listen
from reelmill.worker.media_limits import MediaLimits
from reelmill.worker.meter import Meter
from reelmill.worker.receipts import note
from reelmill.worker.reusing import Reuse, know, take, with_known
from reelmill.worker.runs import Run, tell_written
from reelmill.worker.secrets import Secrets
from reelmill.worker.sourcing import Fetcher, Sourcing, handed_on, made_elsewhere
from reelmill.worker.spans import SUSPECT, Hollow, check_begins, with_extents
from reelmill.worker.spreading import PieceRoom, Spreader, sizes_of
from reelmill.worker.stage import Stage

log = get_logger(__name__)
_MISFITS = ("OUTPUT_INVALID", "FFMPEG_FAILED", "INPUT_CORRUPT")  # of pieces that were right, each by itself
_DOES = {Engine.PROCESS: "runs {}", Engine.WARM: "makes stills as this would"}
"""What the processing log says of a step, with its command."""


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
        secrets: Secrets | None = None,
    ) -> None:
        """`slots`: of all workers that serve a place; 0 where jobs of several tasks may not be written.

        `history` hears what steps take; `reuse` takes what is there, if any does; `secrets` opens those of jobs.
        """
        self._storage = storage
        self._work = work
        self._launcher = launcher
        self._stills = Stills(children)
        self._limits = limits
        self._spreader = Spreader(limits.worth, slots)
        self._kept = KeptInputs(work, max_bytes=limits.cache_bytes)
        self._fetcher = Fetcher(
            storage=storage, work=work, prober=Prober(children), kept=self._kept, secrets=secrets or Secrets(None)
        )
        for room in (storage.room, work.room):
            room.yields(self._kept.give_way)
        self._history, self._reuse, self._builds = history, reuse, reuse.engine if reuse else limits.engine

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
        know(attempt, self._builds)
        folder = self._work.folder(task.id, task.fence)
        try:
            if isinstance(piece, Join):
                return await self._join(attempt, job, folder, piece)
            return await self._make(attempt, job, folder, piece)
        finally:
            self._kept.release(task.lease)
            await folder.remove()

    async def _join(self, attempt: Attempt, job: Job, folder: AttemptFolder, join: Join) -> tuple[MadeFile, ...]:
        """The outputs out of their pieces; where these don't fit together they are made whole, here."""
        storage, limits = self._storage.of(attempt.task.tenant_id), self._limits
        try:
            bringing = bring(join, await attempt.results(), storage, folder.path, max_bytes=limits.output_max_bytes)
            brought = await attempt.unless_stopped(bringing)
            attempt.keys = attempt.keys if brought.engine == limits.engine else {}
            return await self._make(attempt, job, folder, brought.join, brought.paths, brought.failed)
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
        lost: Sequence[Failure] = (),
    ) -> tuple[MadeFile, ...]:
        """All that is asked for, or a piece of each output; `pieces`: paths of those that are joined.

        `lost`: why there are no pieces of some.
        """
        began, lacking = time.monotonic(), Lacking(attempt, job, piece, lost)
        meter = Meter(attempt, (), self._history.rates, self._limits.context.threads)
        elsewhere = await made_elsewhere(attempt, job)
        coming = () if lacking.everything else stages(without(job, lost))
        storage, context = self._storage.of(attempt.task.tenant_id), self._limits.context
        if again := await take_again(self._reuse, attempt, coming, storage, context):
            return lacking.told(again.files, again.findings)
        fetched, made, checked = dict[str, Fetched](), list[MadeFile](), list[Verified]()
        found_out: list[OutputFindings] = []

        async def run(command: Command, seconds: float) -> object:
            return await self._ffmpeg(attempt, command, folder.path, self._limits.wall(seconds), lambda progress: None)

        async def hear(wanted: Loudness | Quality, placed: Placed) -> Levels | Tried | Failure:
            return await listen(attempt, wanted, placed, folder.path, ffmpeg=self._limits.ffmpeg, run=run)

        for i, part in enumerate(coming):
            sourcing = Sourcing(
                fetcher=self._fetcher,
                attempt=attempt,
                job=part,
                folder=folder,
                lacking=lacking,
                made=elsewhere,
                fetched=fetched,
                listen=hear,
            )
            stage = Stage(
                sourcing=sourcing,
                made=made,
                meter=meter,
                piece=piece,
                pieces=pieces or {},
                checked=checked,
                found_out=found_out,
                explaining=Explaining(self._limits.ffmpeg),
                first=i == 0,
                later=coming[i + 1 :],
            )
            if not await self._make_stage(stage):
                break
        else:
            await reach("task.uploaded")
            self._history.task(time.monotonic() - began)
        if isinstance(piece, Chunk | Sound):
            attempt.result = told(piece.name, checked, made, self._limits.engine, lacking.failures)
            return ()
        return lacking.told(tuple(made), found_out)

    async def _make_stage(self, stage: Stage) -> bool:
        """Make one stage's outputs; answers whether more is made here."""
        sourcing, piece, hollow, began = stage.sourcing, stage.piece, False, time.monotonic()
        attempt, job, lacking, folder = sourcing.attempt, sourcing.job, sourcing.lacking, sourcing.folder
        task = attempt.task
        try:
            context = replace(self._limits.context, piece=piece)
            graph, facts = await settle(job, context, sourcing.measure)
            lacking.planned(graph.failed)
            lacking.lost(stage.later)
            stage.check_suspect(hollow=sourcing.hollow)
            storage, prober = self._storage.of(task.tenant_id), self._fetcher.prober.of(task.tenant_id)
            taken = await take(
                self._reuse, attempt, job, graph, storage, sourcing.fetched, stage.made_before, self._limits.context
            )
            graph = stage.take(taken)
            ring = await keyring(attempt, graph.steps, self._fetcher.secrets, storage)
            spreads = stage.first and not task.spec
            if lacking.everything or (spreads and graph.steps and await self._spread(stage, graph, facts)):
                return False
            if not graph.steps:
                return True
            of_inputs = sources(job, facts, piece)
            found = of_inputs.values()
            paths = {name: str(fetched.path) for name, fetched in sourcing.fetched.items()} | dict(stage.pieces)
            model = self._limits.speech_model or MODEL
            placed = Placed(inputs=paths, threads=self._limits.context.threads, font=str(FONT), model=model)

            def run_of(step: Step) -> Run:
                """A step as it is to be run, which the job's log tells."""
                command, engine = rendered(step, placed), engine_of(step)
                text = shown(command, self._limits.ffmpeg)
                attempt.log(_DOES[engine].format(step.program.value), output=", ".join(command.outputs), command=text)
                bounds = () if isinstance(piece, Chunk | Sound) else limits(job, step, of_inputs)
                taking = works(job, step, of_inputs)
                return Run(step=step, command=command, engine=engine, works=taking, limits=bounds)

            runs = list(map(run_of, graph.steps))
            if hollow := sourcing.hollow:
                check_begins(graph.steps, task.spec)
            # Of a length that its bytes can't hold no output comes out as planned, however often it is tried.
            damaged = any(s.timeline.damaged or s.info.duration_seconds > believable_seconds(s.info) for s in found)
            finishing = Finishing(attempt, storage, prober, folder, graph, lacking, ring, input_damaged=damaged)
            stage.meter.follow(
                [(one.command, one.works) for one in runs], stage.reckoned(graph, of_inputs, self._limits.context)
            )
            made_all = 0.0

            async def make() -> None:
                nonlocal made_all
                await self._transcode(stage, runs, found, finishing, run_of)
                if finishing.complained and hollow:
                    raise Hollow("ffmpeg complained")
                made_all = time.monotonic()
                await sourcing.check_unchanged()
                if not stage.later:
                    sourcing.fetched.clear()  # nobody reads them any more
                await attempt.enter(Phase.PACKAGING)

            await attempt.enter(Phase.TRANSCODING)
            if stage.first:
                self._history.beside(BEFORE, time.monotonic() - began)
            await finishing.beside(make)
            await finishing.check()
            stage.check_suspect(hollow=hollow)
            if not isinstance(piece, Chunk | Sound):
                told_of = await findings(attempt, job, of_inputs, finishing.every, folder, lacking)
                stage.found_out.extend(told_of)
            lacking.lost(stage.later)
            sourcing.fetched |= handed_on(stage.later, finishing.files, folder)
            await attempt.enter(Phase.UPLOADING)
            made = await finishing.store()
            tell_written(self._history, runs, made)
            if not stage.later:
                self._history.beside(AFTER, time.monotonic() - made_all)
            stage.checked.extend(finishing.files)
            stage.made.extend(made)
            if not isinstance(piece, Chunk | Sound):
                note(attempt, finishing.ran, of_inputs, stage.pieces, self._limits.engine, placed.threads)
            return True
        except AttemptFailed as error:
            if hollow and error.code in SUSPECT:
                raise Hollow(error.failure.message) from error
            await sourcing.check_unchanged()  # if it was, that is why
            prober = self._fetcher.prober.of(task.tenant_id)
            raise await stage.explaining.of(error, job, sourcing.fetched, prober) from error

    async def _spread(self, stage: Stage, graph: Graph, facts: Facts) -> bool:
        """Whether the outputs become tasks of their own, which are written as this one completes."""
        sourcing = stage.sourcing
        attempt, task, inputs = sourcing.attempt, sourcing.attempt.task, sourcing.fetched
        found = sources(sourcing.job, facts)
        room = PieceRoom(
            attempt,
            self._storage.room,
            lambda: sizes_of(sourcing.job, graph, found, self._history.rates),
            most_bytes=self._limits.worth.pieces_bytes,
        )
        attempt.spawned = await self._spreader.tasks(
            sourcing.job,
            graph,
            facts,
            {name: fetched.validator for name, fetched in inputs.items()},
            sourcing.measure,
            place=task.place,
            later=stage.later,
            cpu=stage.cpu(graph, found, self._limits.context),
            fits=room.fits,
            there=tuple(file.output for file in stage.made),
        )
        if not attempt.spawned:
            return False
        await sourcing.check_unchanged()
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
        spawned = await with_extents(attempt.spawned, far, self._fetcher.prober.of(task.tenant_id))
        guarded = {item.name for item in task.job.inputs if item.headers and item.name not in copied}
        for name, fetched in inputs.items():
            if name in guarded:
                continue
            told = replace(fetched, validator=copied[name].validator) if name in copied else fetched
            self._kept.adopt(storage, places[name], told)
        return with_known(with_copies(spawned, copied, task.output_prefix), attempt, self._builds)

    def close(self) -> None:
        """Keep no input any more; no attempt runs. Bears being called twice, and going on."""
        self._kept.close()

    async def discard(self, attempt: Attempt) -> None:
        """Remove what an attempt wrote that lost its lease."""
        try:
            await self._storage.delete_prefix(attempt.task.output_prefix)
        except AttemptFailed as error:
            log.warning("can't remove a lost attempt's files; the scheduler will", reason=str(error))

    async def _transcode(
        self,
        stage: Stage,
        runs: Sequence[Run],
        sources: Iterable[Source],
        finishing: Finishing,
        run_of: Callable[[Step], Run],
    ) -> None:
        """Run all of them, one after the other.

        Where one fails that made optional outputs, what it made else is made by others in its place.
        """
        sourcing, meter = stage.sourcing, stage.meter
        attempt, lacking, folder = sourcing.attempt, sourcing.lacking, sourcing.folder
        wall = self._limits.wall(max((believable_seconds(s.info) for s in sources), default=0.0))
        threads = self._limits.context.threads
        waiting, every = deque(runs), [one.step for one in runs]
        while waiting:
            attempt.check_stop()
            one = waiting.popleft()
            meter.begin()
            stage.explaining.begin(one)
            try:
                made = await self._still(attempt, one, finishing) if one.engine is Engine.WARM else None
                if made is None:
                    for writing in one.step.writes:
                        (folder.path / writing.path).parent.mkdir(parents=True, exist_ok=True)
                    async with laid_out(one.step, folder.path, finishing.keys):
                        made = await self._ffmpeg(attempt, one.command, folder.path, wall, meter.update, one.limits)
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
            stage.explaining.note(one, made.warnings)
            for warning in made.warnings:
                attempt.log(warning, level="WARNING", output=", ".join(one.command.outputs))
            finishing.begin(one.step)

    async def _still(self, attempt: Attempt, one: Run, finishing: Finishing) -> RunResult | None:
        """Have a warm child make a step; None where ffmpeg must."""
        with traces.span("still", {"reelmill.output": ", ".join(one.command.outputs)}):
            making = self._stills.make(
                one.step,
                path=Path(one.command.reads[0]),
                tenant=str(attempt.task.tenant_id),
                max_bytes=self._limits.output_max_bytes,
                holder=attempt.holder,
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
        bounds: Sequence[Limit] = (),
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
                limits=bounds,
            )
