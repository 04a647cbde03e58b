"""Thumbnails through the whole full set-up, beside `xargs -P2` of the very same ffmpeg command."""

import asyncio
import resource
import shlex
import statistics
import subprocess
import time
from pathlib import Path

import asyncpg
import clips

from benchmarks import system
from benchmarks.report import Report
from benchmarks.rounds import alternate
from benchmarks.servers import Servers, cpu_seconds, own_cpu_seconds
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_SLOTS = 2


_SIZES = {"tiny": (320, 180), "720p": (1280, 720)}


def run(servers: Servers, report: Report) -> None:
    """Wall seconds, and ours to xargs', by the clip. One worker with two slots, as xargs has two."""
    for name, size in _SIZES.items():
        if report.wants(name):
            _of_clip(servers, report, name, size)


def _of_clip(servers: Servers, report: Report, name: str, size: tuple[int, int]) -> None:
    count = 10 if report.quick else 200
    options = {"REELMILL_WORKER_SLOTS": str(_SLOTS)}
    with system.full(servers, workers=1, options=options) as running, Client(running.target) as client:
        clip = clips.make_clip(running.folder / "clip.mp4", size=size)
        first = client.wait(client.create_job(_job(clip)).id)
        assert first.state == Job.COMPLETED, first
        command = next(line.command for line in client.job_logs(first.id) if line.command)
        spent: dict[str, float] = {}

        def pipeline() -> float:
            before = _spent(servers, running.pids)
            seconds = _pipeline(client, running.database_url, clip, count)
            for who, used in _spent(servers, running.pids).items():
                spent[who] = spent.get(who, 0.0) + used - before[who]
            return seconds

        def xargs() -> float:
            before = _of_children()
            seconds = _xargs(command, running.folder, count)
            spent["xargs"] = spent.get("xargs", 0.0) + _of_children() - before
            return seconds

        seconds = alternate({"pipeline": pipeline, "xargs": xargs}, report.rounds, report.round)
    report.head(f"{count} thumbnails, {name}: seconds")
    for contestant, values in seconds.items():
        report.line(contestant, f"{statistics.median(values):8.2f}")
    each = [f"{who} {1000 * used / count / report.rounds:.1f}" for who, used in spent.items()]
    report.line("CPU ms a job", ", ".join(each))
    report.ratios(seconds, ("pipeline",))


def _spent(servers: Servers, pids: tuple[int, ...]) -> dict[str, float]:
    """Seconds of CPU of each part so far."""
    api, scheduler, worker = pids
    own = own_cpu_seconds(worker)
    return {
        "api": cpu_seconds(api),
        "scheduler": cpu_seconds(scheduler),
        "worker": own,
        "its children": cpu_seconds(worker) - own,
        "PostgreSQL": cpu_seconds(servers.postgres.pid),
        "Kafka": cpu_seconds(servers.kafka.pid),
        "Redis": cpu_seconds(servers.redis.pid),
    }


def _of_children() -> float:
    """Seconds of CPU of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _job(clip: Path) -> Job:
    job = Job()
    job.inputs.add(uri=clip.as_uri())
    still = job.outputs.add(name="still").thumbnail
    still.count, still.width = 1, 320
    return job


def _pipeline(client: Client, database_url: str, clip: Path, count: int) -> float:
    """From the first call to the last COMPLETED."""
    started = time.monotonic()
    jobs = client.batch_create_jobs([_job(clip) for _ in range(count)])
    ids = [job.id for job in jobs if isinstance(job, Job)]
    assert len(ids) == count, jobs
    asyncio.run(_completed(database_url, ids))
    return time.monotonic() - started


async def _completed(database_url: str, ids: list[str]) -> None:
    """Return once all are COMPLETED. Raises RuntimeError where one ended otherwise."""
    connection = await asyncpg.connect(database_url)
    query = "SELECT state::text, count(*) FROM jobs WHERE id = ANY ($1::uuid[]) GROUP BY state"
    try:
        while (states := dict(await connection.fetch(query, ids))).get("COMPLETED", 0) < len(ids):
            if states.keys() & {"FAILED", "CANCELLED"}:
                raise RuntimeError(f"jobs ended otherwise: {states}")
            await asyncio.sleep(0.02)
    finally:
        await connection.close()


def _xargs(command: str, folder: Path, count: int) -> float:
    """The command that our log shows, each run with a folder of its own to write to."""
    argv = shlex.split(command)
    target = argv.pop()
    work = folder / "xargs"
    for i in range(count):
        (work / str(i) / target).parent.mkdir(parents=True, exist_ok=True)
    argv = [*argv, str(work / "{}" / target)]
    numbers = "\n".join(map(str, range(count)))
    started = time.monotonic()
    subprocess.run(
        ["xargs", f"-P{_SLOTS}", "-I{}", *argv], input=numbers, text=True, check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.monotonic() - started
    assert all((work / str(i) / target).stat().st_size for i in range(count))
    return seconds
