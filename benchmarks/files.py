"""Checking, hashing and writing a job's files, from the end of its ffmpeg to COMPLETED, on folders and on S3.

With BENCHMARK_BEFORE, the Python of another checkout's environment, that code takes its turns too.
"""

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import clips
import httpx
import imageio_ffmpeg
from services.moto import Moto

from benchmarks import system
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job, JobEvent
from reelmill.v1.operations_pb2 import AudioExtract


def run(servers: Servers, report: Report) -> None:
    """Seconds from PACKAGING to the end, and ours to those of the code before."""
    pythons = {"now": sys.executable}
    if before := os.environ.get("BENCHMARK_BEFORE"):
        pythons["before"] = before
    with Moto() as moto:
        httpx.put(f"{moto.url}/bucket").raise_for_status()
        for where, options in {"folders": {}, "S3": _s3(moto.url)}.items():
            with contextlib.ExitStack() as stack:
                started = {
                    name: stack.enter_context(_started(servers, python, options)) for name, python in pythons.items()
                }
                for what, make in {"100 stills": _stills, "4 sounds": _sounds}.items():
                    contestants = {
                        name: partial(_seconds, client, make(folder, report.quick))
                        for name, (client, folder) in started.items()
                    }
                    seconds = alternate(contestants, report.rounds, report.round)
                    report.head(f"{what} on {where}: seconds from PACKAGING to COMPLETED")
                    for name, values in seconds.items():
                        report.line(name, f"{statistics.median(values):8.3f}")
                    report.ratios(seconds, ("now",))


@contextlib.contextmanager
def _started(servers: Servers, python: str, options: dict[str, str]) -> Iterator[tuple[Client, Path]]:
    """A client of the full set-up and a folder for its inputs."""
    path = {} if python == sys.executable else {"PYTHONPATH": ""}  # its own code, not ours
    with (
        system.full(servers, workers=1, options=options | path, python=python) as running,
        Client(running.target) as client,
    ):
        yield client, running.folder


def _s3(endpoint: str) -> dict[str, str]:
    return {
        "REELMILL_STORAGE_URL": "s3://bucket/bench",
        "REELMILL_S3_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def _stills(folder: Path, quick: bool) -> Job:
    """Stills of some 5 kB each."""
    clip = folder / "clip.mp4"
    job = Job()
    job.inputs.add(uri=(clip if clip.exists() else clips.make_clip(clip)).as_uri())
    still = job.outputs.add(name="still").thumbnail
    still.count, still.width = 10 if quick else 100, 160
    return job


def _sounds(folder: Path, quick: bool) -> Job:
    """Four WAVs of 58 MB each."""
    tone = folder / "tone.flac"
    source = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={6 if quick else 600}"]
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-loglevel", "error", *source, str(tone)]
    subprocess.run(argv, check=True)
    job = Job()
    job.inputs.add(uri=tone.as_uri())
    for i in range(4):
        job.outputs.add(name=f"sound-{i}").audio.format = AudioExtract.WAV
    return job


def _seconds(client: Client, job: Job) -> float:
    done = client.wait(client.create_job(job).id)
    assert done.state == Job.COMPLETED, done
    events: list[JobEvent] = list(client.job_events(done.id))
    began = next(event.time for event in events if event.phase == Job.PACKAGING)
    return (done.end_time.ToNanoseconds() - began.ToNanoseconds()) / 1e9
