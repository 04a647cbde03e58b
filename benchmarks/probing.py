"""What it costs to look into a film of two hours: MP4, Matroska, MPEG-TS.

With BENCHMARK_BEFORE, the Python of another checkout's environment, that code takes its turns too.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import imageio_ffmpeg

from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers

_KINDS = ("mp4", "mkv", "ts")
_CLIP_SECONDS = 20
# In a process that loaded the library before: for each line that it reads it looks 20 times, and answers the least
# wall time, for neighbours only ever add to it. The code before descriptors took a path.
_CHILD = """
import inspect, os, sys, time
import av
from reelmill.media import probe_child
av.logging.set_level(av.logging.PANIC)
by_path = "path" in inspect.signature(probe_child.answer).parameters
if not by_path:
    probe_child.prepare()
def once():
    if by_path:
        return probe_child.answer(sys.argv[1])
    file = os.open(sys.argv[1], os.O_RDONLY)
    answer = probe_child.answer(file)
    os.close(file)
    return answer
assert "info" in once()
for _ in sys.stdin:
    least = 1e9
    for _ in range(20):
        began = time.perf_counter()
        once()
        least = min(least, time.perf_counter() - began)
    print(least, flush=True)
"""


def run(_servers: Servers, report: Report) -> None:
    """Milliseconds of the least of 20 probes, and ours to those of the code before."""
    pythons = {"now": sys.executable}
    if before := os.environ.get("BENCHMARK_BEFORE"):
        pythons["before"] = before
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        for kind in _KINDS:
            film = _film(Path(folder), kind, _CLIP_SECONDS if report.quick else 7200)
            with _children(pythons, film) as children:
                contestants = {name: partial(_milliseconds, child) for name, child in children.items()}
                values = alternate(contestants, report.rounds, report.round)
            report.head(f"a look into 2 hours of {kind}, {film.stat().st_size / 2**20:.0f} MiB: milliseconds")
            for name, found in values.items():
                report.line(name, f"{statistics.median(found):8.2f}")
            report.ratios(values, ("now",))
            film.unlink()


def _film(folder: Path, kind: str, seconds: int) -> Path:
    """A clip, again and again."""
    ffmpeg = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error")
    clip, film = folder / "clip.mp4", folder / f"film.{kind}"
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={_CLIP_SECONDS}")
    sound = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={_CLIP_SECONDS}")
    h264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "50", "-b:v", "300k")
    if not clip.exists():
        subprocess.run([*ffmpeg, *picture, *sound, *h264, "-c:a", "aac", "-b:a", "64k", str(clip)], check=True)
    again = str(seconds // _CLIP_SECONDS - 1)
    subprocess.run([*ffmpeg, "-stream_loop", again, "-i", str(clip), "-c", "copy", str(film)], check=True)
    return film


@contextmanager
def _children(pythons: dict[str, str], film: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    started = {}
    for name, python in pythons.items():
        own = os.environ if python == sys.executable else os.environ | {"PYTHONPATH": ""}
        argv = [python, "-c", _CHILD, str(film)]
        pipe = subprocess.PIPE
        started[name] = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=own)
    try:
        yield started
    finally:
        for child in started.values():
            child.communicate()


def _milliseconds(child: subprocess.Popen[str]) -> float:
    assert child.stdin and child.stdout
    child.stdin.write("again\n")
    child.stdin.flush()
    return 1000 * float(child.stdout.readline())
