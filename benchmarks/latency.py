"""From the call that submits a tiny job to its COMPLETED, one job at a time."""

import contextlib
import itertools
import time
from functools import partial
from pathlib import Path

import clips

from benchmarks import system
from benchmarks.report import Report
from benchmarks.rounds import alternate, percentile
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.v1.jobs_pb2 import Job

_WAYS = ("wakeup", "poll")
_TAKEN = ("message", "sweep")
_POLLED_MOST = 0.1  # of changes: a poll each 1.5 to 2 s is sometimes there before the wake-up


def run(servers: Servers, report: Report) -> None:
    """The distribution over all rounds, in both set-ups; between which events the time passes."""
    count = 5 if report.quick else 40
    stages: dict[str, dict[str, list[float]]] = {"full": {}, "up": {}}
    totals: dict[str, list[float]] = {"full": [], "up": []}
    late: dict[str, list[float]] = {"full": [], "up": []}
    with contextlib.ExitStack() as stack:
        running = {"full": stack.enter_context(system.full(servers, workers=2)), "up": stack.enter_context(system.up())}

        def contestant(name: str) -> float:
            clip = running[name].folder / "clip.mp4"
            if not clip.exists():
                clips.make_clip(clip)
            with Client(running[name].target) as client:
                _once(client, clip, {}, [])  # connected and warm
                taken = [_once(client, clip, stages[name], late[name]) for _ in range(count)]
            totals[name] += taken
            return percentile(taken, 50)

        alternate({name: partial(contestant, name) for name in running}, report.rounds, report.round)
        ways = {
            name: {way: one.counted("reelmill_api_watched_changes_total", by=way) for way in _WAYS}
            | {way: one.counted("reelmill_worker_claimed_tasks_total", by=way) for way in _TAKEN}
            for name, one in running.items()
        }
    report.head("submit to COMPLETED of one thumbnail: milliseconds")
    for name, values in totals.items():
        shown = ", ".join(f"p{p} {1000 * percentile(values, p):.0f}" for p in (50, 90, 99))
        report.line(name, shown, f"worst {1000 * max(values):.0f}")
        heard = percentile(late[name], 90)
        report.line("  an event is heard after", f"p90 {1000 * heard:.0f}")
        report.line("  changes heard", *(f"by {by} {ways[name][by]:.0f}" for by in _WAYS))
        report.line("  tasks taken", *(f"by {by} {ways[name][by]:.0f}" for by in _TAKEN))
        polled = ways[name]["poll"] / (ways[name]["wakeup"] + ways[name]["poll"])
        assert polled <= _POLLED_MOST, f"{name}: {polled:.0%} of changes are heard by the poll: nobody is woken"
        for stage, waits in stages[name].items():
            report.line(f"  until {stage}", f"p50 {1000 * percentile(waits, 50):.0f}")


def _once(client: Client, clip: Path, stages: dict[str, list[float]], late: list[float]) -> float:
    job = Job()
    job.inputs.add(uri=clip.as_uri())
    job.outputs.add(name="still").thumbnail.count = 1
    started = time.monotonic()
    job = client.create_job(job)
    stages.setdefault("CreateJob's answer", []).append(time.monotonic() - started)
    times: list[tuple[str, float]] = []
    for event in client.watch_job(job.id, timeout_seconds=60):
        if event.sequence:
            late.append(time.time() - event.time.ToNanoseconds() / 1e9)
        name = Job.State.Name(event.state)
        times.append((f"{name} {Job.Phase.Name(event.phase)}" if event.phase else name, event.time.ToNanoseconds()))
    seconds = time.monotonic() - started
    assert event.state == Job.COMPLETED, event
    for (_, before), (name, after) in itertools.pairwise(times):
        stages.setdefault(name, []).append((after - before) / 1e9)
    return seconds
