"""From the call that submits a tiny job to its COMPLETED, one job at a time."""

import contextlib
import itertools
import os
import time
from functools import partial
from pathlib import Path

import clips

from benchmarks import system
from benchmarks.report import Report
from benchmarks.rounds import alternate, percentile
from benchmarks.servers import Servers
from reelmill.client import Client
from reelmill.media import still_child
from reelmill.v1.jobs_pb2 import Job

_WAYS = ("wakeup", "poll")
_TAKEN = ("message", "sweep")
_FILTERS = [
    ["scale", "320:180:flags=bicubic:in_color_matrix=bt601:out_color_matrix=bt601:out_range=full"],
    *(["setsar", "1"], ["format", "yuv420p"], ["sidedata", "mode=delete"]),
]
_STILL = {
    "demuxer": "mov",
    "stills": [
        {"stream": 0, "seek": 1.96, "filters": _FILTERS, "encoder": "mjpeg", "options": {"qmin": "8", "qmax": "8"}}
        | {"frames": 1, "decoding": {}}
    ],
}
"""What a worker has made of the job below."""
_POLLED_MOST = 0.1  # of changes: a poll each 1.5 to 2 s is sometimes there before the wake-up


def run(servers: Servers, report: Report) -> None:
    """The distribution over all rounds, in both set-ups, and with a key; between which events the time passes."""
    count = 5 if report.quick else 40
    names = ("full", "up", "up with a key")
    stages: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    totals: dict[str, list[float]] = {name: [] for name in names}
    alone: list[float] = []
    late: dict[str, list[float]] = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        running = {"full": stack.enter_context(system.full(servers, workers=2)), "up": stack.enter_context(system.up())}
        running["up with a key"] = running["up"]
        with Client(running["up"].target, token="") as client:
            tokens = {"up with a key": client.create_key("bench", "submitter").token}

        def contestant(name: str) -> float:
            clip = running[name].folder / "clip.mp4"
            if not clip.exists():
                clips.make_clip(clip)
            with Client(running[name].target, token=tokens.get(name, "")) as client:
                _once(client, clip, {}, [])  # connected and warm
                taken = [_once(client, clip, stages[name], late[name]) for _ in range(count)]
            totals[name] += taken
            return percentile(taken, 50)

        def in_process() -> float:
            taken = [_in_process(running["full"].folder) for _ in range(count)]
            alone.extend(taken)
            return percentile(taken, 50)

        contestants = {name: partial(contestant, name) for name in running} | {"PyAV in process": in_process}
        alternate(contestants, report.rounds, report.round)
        ways = {
            name: {way: one.counted("reelmill_api_watched_changes_total", by=way) for way in _WAYS}
            | {way: one.counted("reelmill_worker_claimed_tasks_total", by=way) for way in _TAKEN}
            for name, one in running.items()
        }
    report.head("submit to COMPLETED of one thumbnail: milliseconds")
    report.line("PyAV in process", ", ".join(f"p{p} {1000 * percentile(alone, p):.1f}" for p in (50, 90, 99)))
    for name, values in totals.items():
        shown = ", ".join(f"p{p} {1000 * percentile(values, p):.0f}" for p in (50, 90, 99))
        report.line(name, shown, f"worst {1000 * max(values):.0f}")
        to_alone = ", ".join(f"p{p} {percentile(values, p) / percentile(alone, p):.2f} ×" for p in (50, 99))
        report.line("  to PyAV in process", to_alone)
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


def _in_process(folder: Path) -> float:
    """The same still of the same clip, by the same library, from opening the file to closing the written one."""
    started = time.monotonic()
    file = os.open(folder / "clip.mp4", os.O_RDONLY)
    try:
        ((picture,),), _ = still_child.made(file, _STILL)
    finally:
        os.close(file)
    (folder / "alone.jpg").write_bytes(picture)
    return time.monotonic() - started
