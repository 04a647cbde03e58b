"""A ladder for one title (`package.target_vmaf`) to a fixed and to our usual one: bits at equal VMAF, of real clips.

The fixed one has Apple's rates, in two passes: at the usual effort and, called even, at that of a ladder for one title.
The usual one has our sizes at one crf. All are made of the same excerpts by the same encoder, and each rung is held
against its excerpt by an ffmpeg of its own, all frames, at the excerpt's size. Between rungs, VMAF and the logarithm of
the bit rate go in a straight line (Bjøntegaard's delta rate).
"""

import math
import os
import resource
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from google.protobuf.json_format import ParseDict

from benchmarks import clips_of_packages, fixed_ladder
from benchmarks.report import Report
from benchmarks.servers import Servers
from reelmill.media import probe_child
from reelmill.media.contract import Graph, Needs, PlanContext, Quality, Source, Tried
from reelmill.media.plan import plan, probes
from reelmill.media.probe import probed
from reelmill.media.readers.findings import mean_vmaf
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.steps import Program, Step
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
TARGET = 95
GOAL = 0.20
_THREADS, _LINES = 2, 1080
_STEPS = 100  # at which ladders are compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """What came out."""

    name: str
    bps: float
    vmaf: float


def run(_servers: Servers, report: Report) -> None:
    """The bits that are saved, clip by clip, and what that takes."""
    seconds, saved = (1.0 if report.quick else 3.0), dict[str, list[float]](fixed=[], even=[], usual=[])
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as name:
        folder = Path(name)
        clips = clips_of_packages.fetched(folder)
        report.head(f"bits at equal VMAF, per title ({TARGET}) to other ladders: {seconds:g} s of each clip")
        for clip in clips[:1] if report.quick else clips:
            film = _excerpt(clip, folder, seconds)
            asked = {
                "fixed": fixed_ladder.outputs(_shown(film)[1], "FAST"),
                "even": fixed_ladder.outputs(_shown(film)[1], "MEDIUM"),
                "usual": [{"name": "out", "package": {"mute": True}}],
                "own": [{"name": "out", "package": {"mute": True, "target_vmaf": TARGET}}],
            }
            spent: dict[str, float] = {}
            made = {
                kind: _made(film, folder / clip.stem / kind, spent, kind, outputs) for kind, outputs in asked.items()
            }
            told = []
            for kind, found in saved.items():
                rate = delta_rate(made[kind], made["own"])
                found += [rate] if rate is not None else []
                told.append(f"{_told(rate)} to {kind}")
            report.line(clip.stem, *told, f"CPU {', '.join(f'{kind} {cpu:.0f} s' for kind, cpu in spent.items())}")
            for kind, ladder in made.items():
                report.line(
                    f"  {kind}", ", ".join(f"{one.name} {one.bps / 1000:.0f}k {one.vmaf:.1f}" for one in ladder)
                )
        for kind, found in saved.items():
            if found:
                mean, goal = sum(found) / len(found), f"goal: -{100 * GOAL:.0f} %"
                columns = [goal if mean >= GOAL else f"{goal}, missed"] if kind == "fixed" else []
                report.line(f"mean of {len(found)} to {kind}", _told(mean), *columns)


def _told(saved: float | None) -> str:
    return "no VMAF in common" if saved is None else f"{-100 * saved:+.1f} %"


def delta_rate(other: Sequence[Rung], own: Sequence[Rung]) -> float | None:
    """The part of the bits that is saved on average where both have the same VMAF; None: they never have."""
    low = max(min(one.vmaf for one in ladder) for ladder in (other, own))
    high = min(max(one.vmaf for one in ladder) for ladder in (other, own))
    if high <= low:
        return None
    places = [low + (high - low) * i / _STEPS for i in range(_STEPS + 1)]
    mean = sum(_log_rate(own, at) - _log_rate(other, at) for at in places) / len(places)
    return 1 - math.exp(mean)


def _log_rate(ladder: Sequence[Rung], vmaf: float) -> float:
    points = sorted((one.vmaf, math.log(one.bps)) for one in ladder)
    for (score, rate), (next_score, next_rate) in pairwise(points):
        if score <= vmaf <= next_score:
            return rate + (next_rate - rate) * (vmaf - score) / max(1e-9, next_score - score)
    return points[0][1] if vmaf < points[0][0] else points[-1][1]


def _excerpt(clip: Path, folder: Path, seconds: float) -> Path:
    """Its beginning, no larger than some lines, as good as lossless, in the colours that come out too."""
    film = folder / f"{clip.stem}.film.mp4"
    size = f"-2:'min({_LINES},trunc(ih/2)*2)'"
    scaled = f"scale={size}:flags=bicubic:out_color_matrix=bt709:out_range=limited,format=yuv420p"
    encoder: tuple[str, ...] = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "6", "-an", "-t", f"{seconds}")
    encoder += tuple(part for name in ("colorspace", "color_primaries", "color_trc") for part in (f"-{name}", "bt709"))
    subprocess.run([*FFMPEG, "-i", str(clip), "-vf", scaled, *encoder, str(film)], check=True)
    return film


def _made(
    film: Path, folder: Path, spent: dict[str, float], kind: str, outputs: Sequence[dict[str, Any]]
) -> list[Rung]:
    """The pictures of outputs, the best first; CPU-seconds of making them are told in `spent`."""
    folder.mkdir(parents=True)
    job = with_defaults(ParseDict({"inputs": [{"uri": film.as_uri()}], "outputs": outputs}, Job()))
    placed = Placed(inputs={"": str(film)}, threads=_THREADS)
    facts: dict[Any, Any] = dict.fromkeys(probes(job), _source(film))
    before = _cpu()
    while isinstance(graph := plan(job, PlanContext(threads=_THREADS, facts=facts)), Needs):
        for one in graph.measurements:
            assert isinstance(one, Quality)
            for step in one.steps:
                _run(step, placed, folder)
            size = (folder / one.made).stat().st_size
            facts[one] = Tried(vmaf=mean_vmaf(folder / one.scores), size_bytes=size)
    assert isinstance(graph, Graph)
    encoding = [step for step in graph.steps if step.program is Program.FFMPEG and step.encoders & {"libx264"}]
    for step in encoding:
        _run(step, placed, folder)
    spent[kind] = _cpu() - before
    paths = [writing.path for step in encoding for writing in step.writes if writing.promised]
    return [_rung(film, folder / path, folder) for path in paths]


def _run(step: Step, placed: Placed, folder: Path) -> None:
    for writing in step.writes:
        (folder / writing.path).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*FFMPEG, *rendered(step, placed).argv], cwd=folder, check=True)


def _rung(film: Path, made: Path, folder: Path) -> Rung:
    width, height = _shown(film)
    scores = folder / f"{made.stem}.csv"
    graph = f"[0:v]scale={width}:{height}:flags=bicubic,settb=AVTB,setpts=PTS-STARTPTS[made];"
    graph += "[1:v]settb=AVTB,setpts=PTS-STARTPTS[film];"
    graph += f"[made][film]libvmaf=log_fmt=csv:log_path={scores.name}:n_threads={os.cpu_count() or 1}"
    argv = [*FFMPEG, "-i", str(made), "-i", str(film), "-lavfi", graph, "-f", "null", "-"]
    subprocess.run(argv, cwd=folder, check=True)
    bits = made.stat().st_size * 8
    seconds = _source(made).info.duration_seconds
    return Rung(name=made.stem.removeprefix("h264-"), bps=bits / seconds, vmaf=mean_vmaf(scores))


def _shown(film: Path) -> tuple[int, int]:
    """Its width and height."""
    (picture,) = _source(film).info.streams
    return picture.width, picture.height


def _source(film: Path) -> Source:
    file = os.open(film, os.O_RDONLY)
    try:
        found = probed(probe_child.answer(file))
    finally:
        os.close(file)
    return Source(info=found.info, demuxer=found.demuxer, measured=found.timeline)


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
