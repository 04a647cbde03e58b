"""A long film on two workers of one core each, in chunks, against one ffmpeg with two threads that does the same.

The peer is given what Reelmill runs: the same encoder, effort and quality, the sound beside it, the index at the front.
BENCHMARK_MINUTES makes the film shorter.
Joining is told as a share of the encode: seconds from the join's first line in the job's log to its end, to those of
both workers until then.
"""

import asyncio
import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import asyncpg
import imageio_ffmpeg
from google.protobuf.json_format import ParseDict

from benchmarks import system
from benchmarks.report import Report
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.store.switches import GRAPHS, turn
from reelmill.v1.jobs_pb2 import Job

_MINUTES, _QUICK_MINUTES = int(os.environ.get("BENCHMARK_MINUTES") or 10), 1
_OPTIONS = {"REELMILL_WORKER_SLOTS": "1", "REELMILL_WORKER_CORES": "1"}
_PEER, _WHOLE, _CHUNKED = "ffmpeg, 2 threads", "reelmill, whole", "reelmill, 2 workers, chunks"


def run(servers: Servers, report: Report) -> None:
    """Wall time of both in turn, and that of the same job made whole by one of the workers."""
    minutes = _QUICK_MINUTES if report.quick else _MINUTES
    chunked = {"chunk_seconds": 10} if report.quick else {}  # else the plan chooses
    with system.full(servers, workers=2, options=_OPTIONS) as running, Client(running.target) as client:
        asyncio.run(_turn_on_graphs(running.database_url))
        film = made_film(running.folder, minutes)
        _made(client, film, False, trim={"end_seconds": 2})  # workers are warm afterwards
        values: dict[str, list[float]] = defaultdict(list)
        shares: list[float] = []
        for _ in range(report.rounds):
            for name in filter(report.wants, (_PEER, _CHUNKED, _WHOLE)):
                began = time.monotonic()
                if name == _PEER:
                    _by_hand(film)
                else:
                    options = {"chunk_seconds": 0} if name == _WHOLE else chunked
                    job = _made(client, film, name == _CHUNKED, **options)
                    shares += [_joining(client, job)] if name == _CHUNKED else []
                values[name].append(time.monotonic() - began)
                report.round(name, values[name][-1])
    report.head(f"{minutes} minutes of 1920 × 1080 to H.264, FAST")
    for name, found in values.items():
        report.line(name, f"{min(found):7.1f} to {max(found):.1f} s")
    if shares:
        report.line("joining, of the encode", f"{min(shares):7.2%} to {max(shares):.2%}")
    report.ratios(values, ours=[_CHUNKED, _WHOLE])


async def _turn_on_graphs(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await turn(connection, GRAPHS, on=True)
    finally:
        await connection.close()


def _joining(client: Client, job: Job) -> float:
    """What it took to join a job's pieces, as a share of what it took two workers to make them."""
    lines = [line.time.ToDatetime() for line in client.job_logs(job.id) if " -f concat " in line.command]
    begin, end = job.start_time.ToDatetime(), job.end_time.ToDatetime()
    return (end - lines[-1]) / (2 * (lines[-1] - begin))


def _made(client: Client, film: Path, in_chunks: bool, **options: Any) -> Job:
    outputs = [{"name": "film", "transcode": {"container": "MP4", "video": {"codec": "H264"}, **options}}]
    job = client.create_job(ParseDict({"inputs": [{"uri": film.as_uri()}], "outputs": outputs}, Job()))
    done = client.wait(job.id)
    if done.state != Job.COMPLETED:
        raise RuntimeError(f"a job ended otherwise: {done.error}")
    tasks = len(list(client.job_tasks(job.id)))
    if (tasks > 1) is not in_chunks:
        raise RuntimeError(f"it had {tasks} tasks")
    return done


def _by_hand(film: Path) -> None:
    video = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-threads", "2")
    sound = ("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart")
    _ffmpeg("-threads", "2", "-i", str(film), *video, *sound, str(film.with_name("by-hand.mp4")))


def made_film(folder: Path, minutes: int) -> Path:
    """A minute of a moving test picture with noise and a tone, again and again."""
    minute, film = folder / "minute.mp4", folder / "film.mp4"
    picture = "testsrc2=size=1920x1080:rate=25:duration=60,noise=alls=6:allf=t,format=yuv420p"
    tone = "sine=frequency=440:sample_rate=48000:duration=60"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone)
    _ffmpeg(*inputs, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-c:a", "aac", str(minute))
    _ffmpeg("-stream_loop", str(minutes - 1), "-i", str(minute), "-c", "copy", str(film))
    return film


def _ffmpeg(*arguments: str) -> None:
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "error", *arguments]
    subprocess.run(argv, check=True)
