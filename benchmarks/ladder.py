"""Four rungs of one decode, as a package makes them, to four ffmpegs of the same settings by `xargs -P2`."""

import os
import resource
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imageio_ffmpeg
from google.protobuf.json_format import ParseDict

from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.media import probe_child
from reelmill.media.contract import Graph, PlanContext, Source
from reelmill.media.plan import plan, probes
from reelmill.media.probe import probed
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.steps import Program
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Job

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
_HEIGHTS = (720, 540, 360, 240)
_THREADS = 2


def run(_servers: Servers, report: Report) -> None:
    """Seconds by the clock and of the processors, of a ladder's ffmpeg and of its rungs one by one."""
    seconds = 2 if report.quick else 8
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as name:
        folder = Path(name)
        film = _film(folder, seconds)
        together = _commands(film, {"package": {"rungs": [_rung(height) for height in _HEIGHTS]}})
        alone = [
            command
            for i, height in enumerate(_HEIGHTS)
            for command in _commands(film, {"transcode": {"video": _rung(height), "mute": True}}, name=f"rung{i}")
        ]
        for command in (*together, *alone):
            Path(folder, command[-1]).parent.mkdir(parents=True, exist_ok=True)
        for output in (".out", *(f"rung{i}" for i in range(len(_HEIGHTS)))):
            (folder / output).mkdir(exist_ok=True)
        spent: dict[str, list[float]] = {"ladder": [], "one by one": []}
        contestants: dict[str, Callable[[], float]] = {
            "ladder": partial(_clock, together, folder, spent["ladder"]),
            "one by one": partial(_clock, alone, folder, spent["one by one"]),
        }
        clock = alternate(contestants, report.rounds, report.round)
    report.head(f"four rungs of {seconds} s of 1280 × 720: seconds by the clock")
    for contestant, found in clock.items():
        report.line(contestant, f"{sorted(found)[len(found) // 2]:8.2f}")
    report.ratios(clock, ("ladder",))
    report.head("the same: CPU-seconds")
    for contestant, found in spent.items():
        report.line(contestant, f"{sorted(found)[len(found) // 2]:8.2f}")
    report.ratios(spent, ("ladder",))


def _rung(height: int) -> dict[str, object]:
    return {"height": height, "crf": 26, "fit": "SHRINK"}


def _film(folder: Path, seconds: int) -> Path:
    film = folder / "film.mp4"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=25:duration={seconds},noise=alls=8:allf=t")
    h264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-crf", "20")

    subprocess.run([*FFMPEG, *picture, *h264, str(film)], check=True)
    return film


def _commands(film: Path, output: dict[str, object], name: str = "out") -> list[tuple[str, ...]]:
    """What ffmpeg is given for the pictures of an output."""
    file = os.open(film, os.O_RDONLY)
    found = probed(probe_child.answer(file))
    os.close(file)
    source = Source(info=found.info, demuxer=found.demuxer, measured=found.timeline)
    asked = ParseDict({"inputs": [{"uri": film.as_uri()}], "outputs": [{"name": name, **output}]}, Job())
    job = with_defaults(asked)
    graph = plan(job, PlanContext(threads=_THREADS, facts=dict.fromkeys(probes(job), source)))
    assert isinstance(graph, Graph)
    placed = Placed(inputs={"": str(film)}, threads=_THREADS)
    return [rendered(step, placed).argv for step in graph.steps if step.program is Program.FFMPEG]


def _clock(commands: list[tuple[str, ...]], folder: Path, spent: list[float]) -> float:
    """Run them, two at once; answers seconds by the clock, and adds those of the processors to `spent`."""
    lines = "\0".join(shlex.join((*FFMPEG, *command)) for command in commands)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(["/usr/bin/xargs", "-0", "-n1", "-P2", "sh", "-c"], input=lines.encode(), check=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return time.monotonic() - began
