"""What `analyze` takes of a film, to decoding it and scaling it to 360 lines: its own commands, one thread each."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imageio_ffmpeg

from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.media import probe_child
from reelmill.media.contract import Graph, PlanContext, Source
from reelmill.media.plan import plan, probes
from reelmill.media.probe import probed
from reelmill.media.render.command import Command, Placed
from reelmill.media.render.rendering import rendered, typed
from reelmill.media.steps import Program
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Input, Job, Output

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
_CLIP_SECONDS = 20
_SIZES = {"720p": "1280x720", "1080p": "1920x1080"}


def run(_servers: Servers, report: Report) -> None:
    """CPU-seconds of all that an analysis runs, and of a decode to 360 lines with the sound, of the same film."""
    seconds = 20 if report.quick else 120
    for name, size in _SIZES.items():
        if report.wants(name):
            _of_film(report, size, seconds)


def _of_film(report: Report, size: str, seconds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as name:
        folder = Path(name)
        film = _film(folder, size, seconds)
        scaled = ("-map", "0:v", "-vf", "scale=w=-2:h=360:flags=bilinear,format=yuv420p", "-map", "0:a")
        decode = (*FFMPEG, "-threads", "1", "-i", str(film), *scaled, "-f", "null", "-")
        contestants: dict[str, Callable[[], float]] = {
            "analysis": partial(_cpu_seconds, _analysis(film, folder), folder),
            "decode to 360 lines": partial(_cpu_seconds, [decode], folder),
        }
        values = alternate(contestants, report.rounds, report.round)
    report.head(f"analysis of {seconds} s of {size} with sound: CPU-seconds")
    for contestant, found in values.items():
        report.line(contestant, f"{sorted(found)[len(found) // 2]:8.2f}")
    report.ratios(values, ("analysis",))


def _film(folder: Path, size: str, seconds: int) -> Path:
    """A clip with noise, again and again."""
    clip, film = folder / "clip.mp4", folder / "film.mp4"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25,noise=alls=8:allf=t")
    sound = ("-f", "lavfi", "-i", "anoisesrc=color=pink:sample_rate=48000", "-ac", "2", "-c:a", "aac")
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "50", "-b:v", "4M")
    subprocess.run([*FFMPEG, *picture, *sound, *h264, "-t", str(_CLIP_SECONDS), str(clip)], check=True)
    again = str(seconds // _CLIP_SECONDS - 1)
    subprocess.run([*FFMPEG, "-stream_loop", again, "-i", str(clip), "-c", "copy", str(film)], check=True)
    return film


def _analysis(film: Path, folder: Path) -> list[tuple[str, ...]]:
    """What is run for it."""
    file = os.open(film, os.O_RDONLY)
    found = probed(probe_child.answer(file))
    os.close(file)
    source = Source(info=found.info, demuxer=found.demuxer, measured=found.timeline)
    output = Output(name="o")
    output.analyze.SetInParent()
    job = with_defaults(Job(inputs=[Input(uri=film.as_uri())], outputs=[output]))
    graph = plan(job, PlanContext(threads=1, facts=dict.fromkeys(probes(job), source)))
    assert isinstance(graph, Graph)
    for writing in (writing for step in graph.steps for writing in step.writes):
        (folder / writing.path).parent.mkdir(parents=True, exist_ok=True)
    return [_argv(rendered(step, Placed(inputs={"": str(film)}, threads=1))) for step in graph.steps]


def _argv(command: Command) -> tuple[str, ...]:
    if command.program is Program.FFMPEG:
        return (*FFMPEG, *command.argv)
    return (sys.executable, *typed(command)[1:])


def _cpu_seconds(commands: list[tuple[str, ...]], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for argv in commands:
        subprocess.run(argv, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
