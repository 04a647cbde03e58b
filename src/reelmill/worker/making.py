"""Runs the steps of an attempt, by ffmpeg or by a warm child."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.media import run as ffmpeg_run
from reelmill.media.contract import Loudness, Quality, Source, Tried
from reelmill.media.engines import Engine, engine_of
from reelmill.media.fonts import FONT
from reelmill.media.foreseeing import Limit, limits
from reelmill.media.launcher import Launcher
from reelmill.media.pieces import Chunk, Sound
from reelmill.media.programs import shown
from reelmill.media.progress import RunProgress
from reelmill.media.promises import Levels
from reelmill.media.reckoning import works
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.run import RunResult
from reelmill.media.sources import believable_seconds
from reelmill.media.steps import MODEL, Step
from reelmill.media.stills import Stills
from reelmill.storage.workdir import AttemptFolder, WorkRoot
from reelmill.telemetry import traces
from reelmill.worker.attempt import Attempt
from reelmill.worker.finishing import Finishing
from reelmill.worker.history import History
from reelmill.worker.keyring import laid_out
from reelmill.worker.lacking import remove_files
from reelmill.worker.listening import listen
from reelmill.worker.media_limits import MediaLimits
from reelmill.worker.runs import Run
from reelmill.worker.sourcing import Listen
from reelmill.worker.stage import Stage

_DOES = {Engine.PROCESS: "runs {}", Engine.WARM: "makes stills as this would"}
"""What the processing log says of a step, with its command."""


class Maker:
    """What steps are run with, within a worker's limits; `history` hears what they take."""

    def __init__(
        self, work: WorkRoot, launcher: Launcher, stills: Stills, limits: MediaLimits, history: History
    ) -> None:
        self._work = work
        self._launcher = launcher
        self._stills = stills
        self._limits = limits
        self._history = history

    def prepared(self, stage: Stage, sources: Mapping[str, Source]) -> Callable[[Step], Run]:
        """How a stage's steps are to be run, of which its job's log is told; `sources` by the names of inputs."""
        sourcing = stage.sourcing
        paths = {name: str(fetched.path) for name, fetched in sourcing.fetched.items()} | dict(stage.pieces)
        model = self._limits.speech_model or MODEL
        placed = Placed(inputs=paths, threads=self._limits.context.threads, font=str(FONT), model=model)

        def run_of(step: Step) -> Run:
            command, engine = rendered(step, placed), engine_of(step)
            text = shown(command, self._limits.ffmpeg)
            does = _DOES[engine].format(step.program.value)
            sourcing.attempt.log(does, output=", ".join(command.outputs), command=text)
            bounds = () if isinstance(stage.piece, Chunk | Sound) else limits(sourcing.job, step, sources)
            taking = works(sourcing.job, step, sources)
            return Run(step=step, command=command, engine=engine, works=taking, limits=bounds)

        return run_of

    def listening(self, attempt: Attempt, folder: AttemptFolder) -> Listen:
        """What an attempt hears its inputs by."""

        async def run(command: Command, seconds: float) -> object:
            return await self.ffmpeg(attempt, command, folder.path, self._limits.wall(seconds), lambda progress: None)

        async def hear(wanted: Loudness | Quality, placed: Placed) -> Levels | Tried | Failure:
            return await listen(attempt, wanted, placed, await folder.make(), ffmpeg=self._limits.ffmpeg, run=run)

        return hear

    async def make(
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
                    path = await folder.make()
                    for writing in one.step.writes:
                        (path / writing.path).parent.mkdir(parents=True, exist_ok=True)
                    async with laid_out(one.step, path, finishing.keys):
                        made = await self.ffmpeg(attempt, one.command, path, wall, meter.update, one.limits)
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
        await finishing.keep(stills, check_space=lambda: self._work.check_space(0))
        return RunResult(warnings=warnings, input_damaged=False, wall_seconds=time.monotonic() - began)

    async def ffmpeg(
        self,
        attempt: Attempt,
        command: Command,
        folder: Path,
        wall_seconds: float,
        on_progress: Callable[[RunProgress], None],
        bounds: Sequence[Limit] = (),
    ) -> RunResult:
        """Run one command. Raises what `media.run` does, and where the disk has too little left."""
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
