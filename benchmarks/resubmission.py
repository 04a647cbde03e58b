"""What a job that is done costs when it is submitted again: CPU of all processes, their input known or only copied."""

import shutil
import time
from collections import defaultdict
from pathlib import Path

from google.protobuf.json_format import ParseDict

from benchmarks import system
from benchmarks.chunks import made_film
from benchmarks.report import Report
from benchmarks.servers import Servers, cpu_seconds
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_MINUTES = 2
_SETTLED_SECONDS = 3  # what was changed more lately is hashed each time
_OPTIONS = {"REELMILL_REUSE_DAYS": "1", "REELMILL_WORKER_SLOTS": "1"}
_FIRST, _AGAIN, _COPY = "first", "again", "again, of another copy"
_BOUND = 0.5  # CPU-seconds, that were promised


def run(servers: Servers, report: Report) -> None:
    """A film to H.264, made once, and then asked for again and again."""
    values: dict[str, list[float]] = defaultdict(list)
    with system.full(servers, workers=1, options=_OPTIONS) as running, Client(running.target) as client:
        film = made_film(running.folder, 1 if report.quick else _MINUTES)
        time.sleep(_SETTLED_SECONDS)
        for number in range(1 + report.rounds):
            copy = Path(shutil.copy(film, film.with_name(f"copy-{number}.mp4")))
            contestants = [(_FIRST, film)] if not number else [(_AGAIN, film), (_COPY, copy)]
            for name, source in contestants:
                used, began = sum(map(cpu_seconds, running.pids)), time.monotonic()
                _done(client, source, taken=name != _FIRST)
                values[name].append(sum(map(cpu_seconds, running.pids)) - used)
                report.round(name, time.monotonic() - began)
        size = film.stat().st_size
    report.head(f"{size / 2**20:.0f} MiB of 1920 × 1080 to H.264; CPU-seconds of api, scheduler and worker")
    for name, found in values.items():
        report.line(name, f"{min(found):7.3f} to {max(found):.3f} s")
    if max(values[_AGAIN]) > _BOUND:
        raise RuntimeError(
            f"a job that is done took {max(values[_AGAIN]):.2f} CPU-seconds, and {_BOUND:g} were promised"
        )


def _done(client: Client, film: Path, *, taken: bool) -> None:
    outputs = [{"name": "film", "transcode": {"container": "MP4", "video": {"codec": "H264"}, "chunk_seconds": 0}}]
    job = client.create_job(ParseDict({"inputs": [{"uri": film.as_uri()}], "outputs": outputs}, Job()))
    done = client.wait(job.id)
    if done.state != Job.COMPLETED or done.outputs[0].reused is not taken:
        raise RuntimeError(f"a job ended otherwise: {done}")
