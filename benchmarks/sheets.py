"""What a sprite of a film takes, to decoding the whole film: its own command, as a worker runs it, one thread each."""

import os
import resource
import subprocess
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
from reelmill.media.render.command import Placed
from reelmill.media.render.rendering import rendered
from reelmill.media.validate import with_defaults
from reelmill.v1.jobs_pb2 import Input, Job, Output

FFMPEG = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
_CLIP_SECONDS = 20


def run(_servers: Servers, report: Report) -> None:
    """CPU-seconds of a storyboard's ffmpeg and of a full decode of the same film."""
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as name:
        folder = Path(name)
        film = _film(folder, 40 if report.quick else 600)
        decode = ("-threads", "1", "-i", str(film), "-map", "0:v", "-f", "null", "-")
        contestants: dict[str, Callable[[], float]] = {
            "sprite": partial(_cpu_seconds, _sprite(film, folder), folder),
            "full decode": partial(_cpu_seconds, decode, folder),
        }
        values = alternate(contestants, report.rounds, report.round)
    seconds = 40 if report.quick else 600
    report.head(f"a storyboard of {seconds} s of 1280 × 720, key frames 2 s apart: CPU-seconds")
    for contestant, found in values.items():
        report.line(contestant, f"{sorted(found)[len(found) // 2]:8.2f}")
    report.ratios(values, ("sprite",))


def _film(folder: Path, seconds: int) -> Path:
    """A clip, again and again."""
    clip, film = folder / "clip.mp4", folder / "film.mp4"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=25:duration={_CLIP_SECONDS},noise=alls=8:allf=t")
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "50", "-b:v", "2M")
    subprocess.run([*FFMPEG, *picture, *h264, str(clip)], check=True)
    again = str(seconds // _CLIP_SECONDS - 1)
    subprocess.run([*FFMPEG, "-stream_loop", again, "-i", str(clip), "-c", "copy", str(film)], check=True)
    return film


def _sprite(film: Path, folder: Path) -> tuple[str, ...]:
    """The arguments of ffmpeg."""
    file = os.open(film, os.O_RDONLY)
    found = probed(probe_child.answer(file))
    os.close(file)
    source = Source(info=found.info, demuxer=found.demuxer, measured=found.timeline)
    job = with_defaults(Job(inputs=[Input(uri=film.as_uri())], outputs=[Output(name="o", preset="storyboard")]))
    graph = plan(job, PlanContext(threads=1, facts=dict.fromkeys(probes(job), source)))
    assert isinstance(graph, Graph)
    (folder / "o").mkdir()
    return rendered(graph.steps[0], Placed(inputs={"": str(film)}, threads=1)).argv


def _cpu_seconds(arguments: tuple[str, ...], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*FFMPEG, *arguments], check=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
