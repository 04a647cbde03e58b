"""The executor that runs media jobs: fetch, probe, plan, ffmpeg, check, upload."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.jobs.places import with_label
from reelmill.jobs.states import Phase
from reelmill.media.contract import Facts, Graph, Source
from reelmill.media.estimating import AFTER, BEFORE
from reelmill.media.keys import Keys
from reelmill.media.launcher import Launcher
from reelmill.media.pieces import Chunk, Join, Piece, Sound
from reelmill.media.plan import sources
from reelmill.media.probe import Prober
from reelmill.media.settling import settle
from reelmill.media.sources import believable_seconds
from reelmill.media.spreading import outputs_of, part_of, piece_in
from reelmill.media.stages import stages, without
from reelmill.media.stills import Stills
from reelmill.media.verify import Verified
from reelmill.media.warm import WarmChildren
from reelmill.points import reach
from reelmill.storage.fetch import Fetched
from reelmill.storage.kept import KeptInputs
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import AttemptFolder, WorkRoot
from reelmill.store.leases import MadeFile, NewTask
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
from reelmill.worker.keyring import keyring
from reelmill.worker.lacking import Lacking
from reelmill.worker.making import Maker
from reelmill.worker.media_limits import MediaLimits
from reelmill.worker.meter import Meter
from reelmill.worker.receipts import note
from reelmill.worker.reusing import Reuse, know, take, with_known
from reelmill.worker.runs import tell_written
from reelmill.worker.secrets import Secrets
from reelmill.worker.sourcing import Fetcher, Sourcing, handed_on, made_elsewhere
from reelmill.worker.spans import SUSPECT, Hollow, check_begins, with_extents
from reelmill.worker.spreading import PieceRoom, Spreader, sizes_of
from reelmill.worker.stage import Stage

log = get_logger(__name__)
_MISFITS = ("OUTPUT_INVALID", "FFMPEG_FAILED", "INPUT_CORRUPT")  # of pieces that were right, each by itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What is to be made of a stage."""

    graph: Graph
    sources: Mapping[str, Source]
    """By the names of inputs."""
    keys: Mapping[str, Keys]
    """Of outputs that are encrypted."""


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
        self._limits = limits
        self._spreader = Spreader(limits.worth, slots)
        self._kept = KeptInputs(work, max_bytes=limits.cache_bytes)
        self._fetcher = Fetcher(
            storage=storage, work=work, prober=Prober(children), kept=self._kept, secrets=secrets or Secrets(None)
        )
        for room in (storage.room, work.room):
            room.yields(self._kept.give_way)
        self._maker = Maker(work, launcher, Stills(children), limits, history)
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
            try:
                await self._kept.release(task.lease)
            finally:
                await folder.remove()

    async def _join(self, attempt: Attempt, job: Job, folder: AttemptFolder, join: Join) -> tuple[MadeFile, ...]:
        """The outputs out of their pieces; where these don't fit together they are made whole, here."""
        storage, limits = self._storage.of(attempt.task.tenant_id), self._limits
        try:
            results, path = await attempt.results(), await folder.make()
            bringing = bring(join, results, storage, path, max_bytes=limits.output_max_bytes)
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
        listen = self._maker.listening(attempt, folder)
        for i, part in enumerate(coming):
            sourcing = Sourcing(
                fetcher=self._fetcher,
                attempt=attempt,
                job=part,
                folder=folder,
                lacking=lacking,
                made=elsewhere,
                fetched=fetched,
                listen=listen,
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
        sourcing, hollow, began = stage.sourcing, False, time.monotonic()
        try:
            planned = await self._plan(stage)
            if planned is None:
                return False
            hollow = sourcing.hollow
            if planned.graph.steps:
                await self._produce(stage, planned, began)
            return True
        except AttemptFailed as error:
            if hollow and error.code in SUSPECT:
                raise Hollow(error.failure.message) from error
            await sourcing.check_unchanged()  # if it was, that is why
            prober = self._fetcher.prober.of(sourcing.attempt.task.tenant_id)
            raise await stage.explaining.of(error, sourcing.job, sourcing.ever, prober) from error

    async def _plan(self, stage: Stage) -> Planned | None:
        """What is left to be made of a stage; None where nothing more is made here, by this attempt."""
        sourcing, lacking = stage.sourcing, stage.sourcing.lacking
        attempt, job, task = sourcing.attempt, sourcing.job, sourcing.attempt.task
        graph, facts = await settle(job, replace(self._limits.context, piece=stage.piece), sourcing.measure)
        lacking.planned(graph.failed)
        lacking.lost(stage.later)
        stage.check_suspect(hollow=sourcing.hollow)
        storage, context = self._storage.of(task.tenant_id), self._limits.context
        taken = await take(self._reuse, attempt, job, graph, storage, sourcing.fetched, stage.made_before, context)
        graph = stage.take(taken)
        keys = await keyring(attempt, graph.steps, self._fetcher.secrets, storage)
        spreads = stage.first and not task.spec
        if lacking.everything or (spreads and graph.steps and await self._spread(stage, graph, facts)):
            return None
        return Planned(graph=graph, sources=sources(job, facts, stage.piece), keys=keys)

    async def _produce(self, stage: Stage, planned: Planned, began: float) -> None:
        """Make, check and store what is planned; the stage `began` then, in seconds of the monotonic clock."""
        sourcing, attempt, graph = stage.sourcing, stage.sourcing.attempt, planned.graph
        run_of = self._maker.prepared(stage, planned.sources)
        runs = list(map(run_of, graph.steps))
        if hollow := sourcing.hollow:
            check_begins(graph.steps, attempt.task.spec)
        finishing = self._finishing(stage, planned)
        stage.meter.follow(
            [(one.command, one.works) for one in runs], stage.reckoned(graph, planned.sources, self._limits.context)
        )
        made_all = 0.0

        async def make() -> None:
            nonlocal made_all
            await self._maker.make(stage, runs, planned.sources.values(), finishing, run_of)
            if finishing.complained and hollow:
                raise Hollow("ffmpeg complained")
            made_all = time.monotonic()
            await sourcing.check_unchanged()
            if not stage.later:
                sourcing.let_go()
            await attempt.enter(Phase.PACKAGING)

        await attempt.enter(Phase.TRANSCODING)
        if stage.first:
            self._history.beside(BEFORE, time.monotonic() - began)
        await finishing.beside(make)
        made = await self._finish(stage, planned, finishing, hollow=hollow)
        tell_written(self._history, runs, made)
        if not stage.later:
            self._history.beside(AFTER, time.monotonic() - made_all)

    def _finishing(self, stage: Stage, planned: Planned) -> Finishing:
        sourcing, tenant = stage.sourcing, stage.sourcing.attempt.task.tenant_id
        # Of a length that its bytes can't hold no output comes out as planned, however often it is tried.
        damaged = any(
            one.timeline.damaged or one.info.duration_seconds > believable_seconds(one.info)
            for one in planned.sources.values()
        )
        return Finishing(
            sourcing.attempt,
            self._storage.of(tenant),
            self._fetcher.prober.of(tenant),
            sourcing.folder,
            planned.graph,
            sourcing.lacking,
            planned.keys,
            input_damaged=damaged,
        )

    async def _finish(
        self, stage: Stage, planned: Planned, finishing: Finishing, *, hollow: bool
    ) -> tuple[MadeFile, ...]:
        """Check and store all that was made; answers it."""
        sourcing, whole = stage.sourcing, not isinstance(stage.piece, Chunk | Sound)
        attempt, job, lacking, folder = sourcing.attempt, sourcing.job, sourcing.lacking, sourcing.folder
        await finishing.check()
        stage.check_suspect(hollow=hollow)
        if whole:
            stage.found_out.extend(await findings(attempt, job, planned.sources, finishing.every, folder, lacking))
        lacking.lost(stage.later)
        sourcing.fetched |= handed_on(stage.later, finishing.files, folder)
        await attempt.enter(Phase.UPLOADING)
        made = await finishing.store()
        stage.checked.extend(finishing.files)
        stage.made.extend(made)
        if whole:
            threads = self._limits.context.threads
            note(attempt, finishing.ran, planned.sources, stage.pieces, self._limits.engine, threads)
        return made

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
            await self._kept.adopt(storage, places[name], told)
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
