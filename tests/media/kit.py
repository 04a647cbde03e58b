"""The whole way of a job's media part on real files: check, defaults, probe, plan, ffmpeg, verify, decode."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import films
import imageio_ffmpeg
from jobs import job

from reelmill.jobs.errors import AttemptFailed
from reelmill.media import run as ffmpeg_run
from reelmill.media.contract import Facts, Graph, Measurement, PlanContext, Probe, Quality, Source
from reelmill.media.engines import Engine, engine_of
from reelmill.media.fonts import FONT
from reelmill.media.foreseeing import Limit
from reelmill.media.keys import Keys
from reelmill.media.launcher import Launcher
from reelmill.media.pieces import Piece
from reelmill.media.probe import Prober
from reelmill.media.progress import RunProgress
from reelmill.media.promises import PlannedFile
from reelmill.media.readers.findings import levels_in, levels_of
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.settling import settle
from reelmill.media.steps import MODEL, Step
from reelmill.media.stills import Stills, write
from reelmill.media.validate import job_violations, with_defaults
from reelmill.media.verify import Verified, verify
from reelmill.v1.media_pb2 import MediaInfo
from reelmill.worker.keyring import laid_out
from reelmill.worker.listening import tried

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """What a decoder sees in a file."""

    video_codec: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    audio_codec: str = ""
    sample_rate_hz: int = 0
    channels: int = 0
    samples: int = 0
    duration_seconds: float = 0.0
    times: tuple[float, ...] = ()
    """When each frame is shown."""


def decode(path: Path) -> Decoded:
    """Decode every frame of a file's first picture and first sound."""
    found: dict = {}
    with av.open(str(path)) as container:
        if container.duration:
            found["duration_seconds"] = container.duration / 1e6
        times, samples = [], 0
        for frame in container.decode(*container.streams.video[:1], *container.streams.audio[:1]):
            if isinstance(frame, av.VideoFrame):
                times.append(float(frame.pts * frame.time_base) if frame.pts is not None else 0.0)
            else:
                samples += frame.samples
        for stream in container.streams.video[:1]:
            found |= {"video_codec": stream.codec.canonical_name, "width": stream.width, "height": stream.height}
        for stream in container.streams.audio[:1]:
            found |= {"audio_codec": stream.codec.canonical_name, "sample_rate_hz": stream.sample_rate}
            found |= {"channels": stream.channels}
    return Decoded(frames=len(times), times=tuple(times), samples=samples, **found)


def rgb(path: Path, x: int, y: int, *, index: int = 0, matrix: int | None = None) -> list[int]:
    """The colour at x, y of frame `index`; `matrix` is for files that don't say theirs."""
    with av.open(str(path)) as container:
        frame = next(frame for i, frame in enumerate(container.decode(video=0)) if i == index)
    if matrix is not None:
        frame.colorspace = matrix
    plane = frame.reformat(format="rgb24").planes[0]
    at = y * plane.line_size + 3 * x
    return list(bytes(plane)[at : at + 3])


def first_sound(path: Path) -> float:
    """Seconds from the start until a 16-bit or float file is no longer silent."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            kind, quiet = {"s16": ("h", 600), "fltp": ("f", 0.02)}[frame.format.name]
            values = memoryview(bytes(frame.planes[0])).cast(kind)[: frame.samples]
            found = next((i for i, value in enumerate(values) if abs(value) > quiet), None)
            if found is not None:
                return float(frame.pts * frame.time_base) + found / frame.sample_rate
    raise AssertionError("there is no sound")


def make(path: Path, *arguments: str) -> Path:
    """A file made by ffmpeg from `arguments`."""
    films.make(FFMPEG, arguments, path)
    return path


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A graph, and what runs it."""

    graph: Graph
    commands: tuple[Command, ...]
    source: Source
    """Its first input."""


@dataclass(slots=True)
class Studio:
    """Runs outputs on files in a folder of its own."""

    folder: Path
    launcher: Launcher
    prober: Prober

    async def source(self, path: Path, *looks: float, span: tuple[float, float] | None = None) -> Source:
        """A file as the worker sees it."""
        return (await self.prober.of("").probe(path, looks, span)).as_source("")

    async def plan(
        self,
        path: Path,
        *outputs: dict,
        threads: int = 1,
        memory_bytes: int = 0,
        piece: Piece | None = None,
        files: Mapping[str, Path] | None = None,
        inputs: Mapping[str, Path] | None = None,
        model: Path | str = MODEL,
    ) -> Planned:
        """The plan of outputs of one file, or of a piece of each; an output without a name is called out.

        `files`: of pieces that are joined, by their names; `inputs`: of several by their names, `path` first.
        """
        several = len(outputs) > 1
        named = ({"name": f"out{i}" if several else "out"} | output for i, output in enumerate(outputs))
        made = job(path.as_uri(), *named)
        context = PlanContext(threads=threads, memory_bytes=memory_bytes, piece=piece)

        paths = {name: str(file) for name, file in (files or {}).items()}
        placed = Placed(inputs={"": str(path), **paths}, threads=threads, font=str(FONT), model=str(model))
        others = dict(inputs or {})

        async def measure(wanted: Sequence[Measurement], known: Facts) -> list[object]:
            return [await self.measured(one, others.get(getattr(one, "input", ""), path), placed) for one in wanted]

        if inputs:
            made.inputs[0].name = next(iter(inputs))
            for name, file in list(inputs.items())[1:]:
                made.inputs.add(name=name, uri=file.as_uri())
            placed = replace(placed, inputs={**placed.inputs, **{name: str(file) for name, file in inputs.items()}})
        assert job_violations(made, "job") == []
        graph, facts = await settle(with_defaults(made), context, measure)
        source = next(fact for fact in facts.values() if isinstance(fact, Source))
        return Planned(graph=graph, commands=tuple(rendered(step, placed) for step in graph.steps), source=source)

    async def measured(self, wanted: Measurement, path: Path, placed: Placed) -> object:
        """What a plan asks for."""
        if isinstance(wanted, Probe):
            return replace(await self.source(path, *wanted.looks, span=wanted.span), name=wanted.input)
        if isinstance(wanted, Quality):
            for step in wanted.steps:
                (self.folder / step.writes[0].path).parent.mkdir(exist_ok=True)
                await self.run(rendered(step, placed))
            return tried(self.folder, wanted)
        lines = self.folder / wanted.step.writes[0].path
        lines.parent.mkdir(exist_ok=True)
        await self.run(rendered(wanted.step, placed))
        return levels_in(lines, wanted.seconds) if lines.exists() else levels_of((), wanted.seconds)

    def make_folders(self, graph: Graph) -> None:
        """Where its files go."""
        for step in graph.steps:
            for writing in step.writes:
                (self.folder / writing.path).parent.mkdir(parents=True, exist_ok=True)

    async def make(self, path: Path, *outputs: dict, others: Mapping[str, Path] | None = None) -> list[Path]:
        """Run outputs on a file, check what came out as the worker does; answers its paths."""
        named = {"film": path, **others} if others else None
        found = await self.made(path, await self.plan(path, *outputs, inputs=named))
        return [self.folder / file.path for file in found if file.stored]

    async def made(self, path: Path, planned: Planned, keys: Mapping[str, Keys] | None = None) -> list[Verified]:
        """Run a plan, check what came out as the worker does; `keys`: of outputs that are encrypted."""
        damaged = planned.source.timeline.damaged
        self.make_folders(planned.graph)
        for thing in planned.graph.promised:  # of what was made before; an attempt's folder is its own
            if isinstance(thing, PlannedFile):
                (self.folder / thing.path).unlink(missing_ok=True)
        for step, command in zip(planned.graph.steps, planned.commands, strict=True):
            for file in step.promised:  # of an output that is made again
                if isinstance(file, PlannedFile):
                    (self.folder / file.path).unlink(missing_ok=True)
            if engine_of(step) is Engine.WARM and await self.still(step, path) is not None:
                continue
            try:
                async with laid_out(step, self.folder, keys or {}):
                    damaged |= (await self.run(command)).input_damaged
            except AttemptFailed as error:
                error.add_note(f"{error.failure.command}\n{error.failure.stderr_tail}")
                raise
        promised, prober = planned.graph.promised, self.prober.of("")
        return await verify(promised, self.folder, prober, input_damaged=damaged, keys=keys)

    async def still(self, step: Step, path: Path, folder: Path | None = None) -> tuple[str, ...] | None:
        """Have a warm child make a step's files, and write them; answers its warnings."""
        made = await Stills(self.prober.children).make(step, path=path, tenant="", max_bytes=10**9)
        if made is None:
            return None
        stills, warnings = made
        write(folder or self.folder, stills)
        return warnings

    async def one(self, path: Path, *, others: Mapping[str, Path] | None = None, **output: object) -> Path:
        """The only file of one output."""
        (made,) = await self.make(path, dict(output), others=others)
        return made

    async def probe_made(self, path: Path) -> MediaInfo:
        """What the prober says of a file."""
        return (await self.prober.of("").probe(path)).info

    async def run(
        self,
        command: Command,
        *,
        stop: asyncio.Event | None = None,
        on_progress: Callable[[RunProgress], None] = lambda progress: None,
        ffmpeg: Path = FFMPEG,
        no_progress_seconds: float = 30.0,
        wall_seconds: float = 300.0,
        max_bytes: int = 10**9,
        memory_bytes: int = 2**31,
        check_space: Callable[[], None] = lambda: None,
        limits: Sequence[Limit] = (),
    ) -> ffmpeg_run.RunResult:
        """Run a command with generous limits."""
        return await ffmpeg_run.run(
            command,
            launcher=self.launcher,
            ffmpeg=ffmpeg,
            folder=self.folder,
            stop=stop or asyncio.Event(),
            on_progress=on_progress,
            no_progress_seconds=no_progress_seconds,
            wall_seconds=wall_seconds,
            max_bytes=max_bytes,
            memory_bytes=memory_bytes,
            check_space=check_space,
            limits=limits,
        )
