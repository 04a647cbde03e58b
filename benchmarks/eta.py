"""How far off the told time to go is at half of a job, over codecs, efforts and lengths, through `reelmill up`.

An error is the distance between the end that was foretold at half of a job and its end, to the time that was left then.
Jobs follow each other: from the second round on, what earlier ones took is known.
"""

import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from google.protobuf.json_format import ParseDict

from benchmarks import system
from benchmarks.report import Report
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_FILMS = {"short": 10, "long": 40}
"""Seconds; in turn a second of a fractal that is zoomed into, with noise, and a second of a moving test picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """A time to go, and when it was told; seconds."""

    at: float
    least: float
    likely: float
    most: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """How a job's time to go was told."""

    error: float
    inside: bool
    """Whether it ended within the range."""
    seconds: float


def run(_servers: Servers, report: Report) -> None:
    """Quantiles of the error at half of a job, by round and by what is made."""
    with system.up() as running, Client(running.target) as client:
        films = {name: _film(running.folder / f"{name}.mp4", seconds) for name, seconds in _FILMS.items()}
        rounds = []
        for _ in range(report.rounds):
            found = {}
            for name, film, outputs in _jobs(report.quick):
                if (one := _at_half(client, films[film], outputs)) is not None:
                    found[name] = one
                    report.round(name, one.error)
            rounds.append(found)
    report.head("error of the time to go at half of a job")
    for i, found in enumerate(rounds):
        _tell(report, f"round {i + 1}", list(found.values()))
    _tell(report, "all", [one for found in rounds for one in found.values()])
    for name in rounds[0]:
        each = [found[name] for found in rounds if name in found]
        columns = (
            f"{statistics.median(o.error for o in each):7.1%}",
            f"{statistics.median(o.seconds for o in each):6.1f} s",
        )
        report.line(name, *columns)


def _tell(report: Report, name: str, found: Sequence[_Found]) -> None:
    errors = sorted(one.error for one in found)
    if not errors:
        report.line(name, "no job took long enough")
        return
    inside = sum(one.inside for one in found) / len(found)
    ninth = errors[min(len(errors) - 1, round(0.9 * len(errors)))]
    report.line(
        name,
        f"median {statistics.median(errors):6.1%}",
        f"nine of ten {ninth:6.1%}",
        f"worst {errors[-1]:6.1%}",
        f"ended within the range {inside:4.0%}",
        f"{len(errors)} jobs",
    )


def _jobs(quick: bool) -> list[tuple[str, str, list[dict[str, Any]]]]:
    def film(height: int, **video: object) -> dict[str, Any]:
        return {"transcode": {"video": {"height": height} | video}}

    kinds: list[tuple[str, dict[str, Any]]] = [
        ("H.264 fast", film(360, effort="FAST")),
        ("H.264 medium", film(360, effort="MEDIUM")),
        ("H.264 slow", film(360, effort="SLOW")),
        ("H.265 fast", film(360, codec="H265", effort="FAST")),
        ("VP9 fast", film(240, codec="VP9", effort="FAST")),
        ("AV1 medium", film(360, codec="AV1", effort="MEDIUM")),
    ]
    made = [(f"{name}, {length}", length, [{"name": "o", **kind}]) for name, kind in kinds for length in _FILMS]
    several = [
        {"name": "high", **film(360)},
        {"name": "low", **film(240)},
        {"name": "vp9", **film(180, codec="VP9", effort="FAST")},
        {"name": "stills", "thumbnail": {"count": 10}},
    ]
    made += [(f"a ladder, VP9 and stills, {length}", length, several) for length in _FILMS]
    return made[:1] if quick else made


def _at_half(client: Client, film: Path, outputs: list[dict[str, Any]]) -> _Found | None:
    """None where nothing was told before half of it."""
    job = ParseDict({"inputs": [{"uri": film.as_uri()}], "outputs": outputs}, Job())
    told, begin = [], 0.0
    for event in client.watch_job(client.create_job(job).id):
        now = time.monotonic()
        if event.state == Job.PROCESSING and not begin:
            begin = now
        if event.HasField("progress") and event.progress.HasField("eta"):
            p = event.progress
            likely, least, most = (one.ToNanoseconds() / 1e9 for one in (p.eta, p.eta_earliest, p.eta_latest))
            told.append(_Told(at=now, least=least, likely=likely, most=most))
        if event.state in (Job.FAILED, Job.CANCELLED):
            raise RuntimeError(f"a job ended otherwise: {event}")
    end = time.monotonic()
    half = (begin + end) / 2
    known = [one for one in told if one.at <= half]
    if not known:
        return None
    one, left = known[-1], end - half
    return _Found(
        error=abs(one.at + one.likely - end) / left,
        inside=one.at + one.least <= end <= one.at + one.most,
        seconds=end - begin,
    )


def _film(path: Path, seconds: int) -> Path:
    fractal = f"mandelbrot=s=640x360:r=25:start_scale=2:end_scale=0.2:end_pts={seconds * 25},noise=alls=8:allf=t"
    graph = (
        f"{fractal},format=yuv420p[a];testsrc2=s=640x360:r=25,format=yuv420p[b];"
        f"[b][a]overlay=enable='lt(mod(t,2),1)',trim=duration={seconds}"
    )
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-filter_complex", graph]
    subprocess.run([*argv, "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", str(path)], check=True)
    return path
