"""Batches of small jobs through the whole full set-up, beside `xargs -P2` of the very same ffmpeg command.

The pipeline takes its turns with and without its sandbox. One worker with two slots, as xargs has two.
"""

import asyncio
import contextlib
import resource
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import clips

from benchmarks import system
from benchmarks.report import Report
from benchmarks.rounds import alternate, median_ratio, ratios
from benchmarks.servers import Servers, cpu_seconds, own_cpu_seconds
from benchmarks.system import System
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_SLOTS = 2
_OURS = {"pipeline": "require", "pipeline without a sandbox": "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    name: str
    size: tuple[int, int]
    seconds: int
    count: int
    job: Callable[[Path], Job]


def thumbnails(servers: Servers, report: Report) -> None:
    """Wall seconds of 200 thumbnails of a tiny clip and of 720p, to xargs'; CPU with the sandbox to that without."""
    for name, size in {"tiny": (320, 180), "720p": (1280, 720)}.items():
        work = _Work(
            name=f"thumbnails, {name}", size=size, seconds=clips.SECONDS, count=10 if report.quick else 200, job=_still
        )
        if report.wants(name):
            _beside_xargs(servers, report, work)


def transcodes(servers: Servers, report: Report) -> None:
    """The same of 12 transcodes of 6 s."""
    count = 2 if report.quick else 12
    work = _Work(name="transcodes of 6 s of 720p", size=(1280, 720), seconds=6, count=count, job=_film)
    _beside_xargs(servers, report, work)


def _beside_xargs(servers: Servers, report: Report, work: _Work) -> None:
    cpu: dict[str, list[float]] = {name: [] for name in (*_OURS, "xargs")}
    parts: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        running: dict[str, System] = {}
        for name, sandbox in _OURS.items():
            options = {"REELMILL_WORKER_SLOTS": str(_SLOTS), "REELMILL_SANDBOX": sandbox}
            running[name] = stack.enter_context(system.full(servers, workers=1, options=options))
        commands = {name: _first(one, work) for name, one in running.items()}

        def pipeline(name: str) -> float:
            one = running[name]
            before = spent(servers, one.pids)
            with Client(one.target) as client:
                seconds = _pipeline(client, one.database_url, work.job(one.folder / "clip.mp4"), work.count)
            used = {who: after - before[who] for who, after in spent(servers, one.pids).items()}
            cpu[name].append(used["worker"] + used["its children"])
            if name == "pipeline":
                parts.update({who: parts.get(who, 0.0) + seconds for who, seconds in used.items()})
            return seconds

        def xargs() -> float:
            before = of_children()
            seconds = _xargs(commands["pipeline"], running["pipeline"].folder, work.count)
            cpu["xargs"].append(of_children() - before)
            return seconds

        contestants = {name: partial(pipeline, name) for name in _OURS} | {"xargs": xargs}
        seconds = alternate(contestants, report.rounds, report.round)
    report.head(f"{work.count} {work.name}: seconds")
    for contestant, values in seconds.items():
        each = 1000 * statistics.median(cpu[contestant]) / work.count
        report.line(contestant, f"{statistics.median(values):8.2f}", f"CPU {each:.1f} ms each")
    report.line(
        "CPU ms a job", *(f"{who} {1000 * used / work.count / report.rounds:.1f}" for who, used in parts.items())
    )
    report.ratios(seconds, ("pipeline",))
    walls, without = (cpu[name] for name in _OURS)
    found = ratios(walls, without)
    told = f"{median_ratio(walls, without):8.2f} ×", f"{min(found):.2f} to {max(found):.2f}"
    report.line("CPU with / without the sandbox", *told)


def _first(one: System, work: _Work) -> str:
    """The command that one job of this work runs, which was run."""
    clip = clips.make_clip(one.folder / "clip.mp4", size=work.size, seconds=work.seconds)
    with Client(one.target) as client:
        first = client.wait(client.create_job(work.job(clip)).id)
        assert first.state == Job.COMPLETED, first
        return next(line.command for line in client.job_logs(first.id) if line.command)


def spent(servers: Servers, pids: tuple[int, ...]) -> dict[str, float]:
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


def of_children() -> float:
    """Seconds of CPU of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _still(clip: Path) -> Job:
    job = Job()
    job.inputs.add(uri=clip.as_uri())
    still = job.outputs.add(name="still").thumbnail
    still.count, still.width = 1, 320
    return job


def _film(clip: Path) -> Job:
    job = Job()
    job.inputs.add(uri=clip.as_uri())
    job.outputs.add(name="film").transcode.video.short_side = 480
    return job


def _pipeline(client: Client, database_url: str, job: Job, count: int) -> float:
    """From the first call to the last COMPLETED."""
    started = time.monotonic()
    jobs = client.batch_create_jobs([job] * count)
    ids = [job.id for job in jobs if isinstance(job, Job)]
    assert len(ids) == count, jobs
    asyncio.run(completed(database_url, ids))
    return time.monotonic() - started


async def completed(database_url: str, ids: list[str]) -> None:
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
