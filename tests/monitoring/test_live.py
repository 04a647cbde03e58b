"""A real Prometheus scrapes the whole system under load: every query finds data, and what stops is told."""

import asyncio
import math
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import httpx
import pytest
from fault.kit.deployment import Deployment
from live import Reelmill
from monitoring.conftest import Watched
from monitoring.files import queries
from prometheus_client.parser import text_string_to_metric_families
from services.prometheus import Prometheus
from waiting import PATIENCE_SECONDS, patient

from reelmill.client import NotFound
from reelmill.jobs.codes import CODES
from reelmill.jobs.operations import operation_of
from reelmill.v1.jobs_pb2 import Input, Job, Output

pytestmark = pytest.mark.asyncio(loop_scope="module")
_LABELS = """
    state operation priority outcome category code method part route result server dependency le process version python
    implementation major minor patchlevel generation by field
    pool
"""
LABELS = frozenset(_LABELS.split())
MOST_SERIES = 1200


async def mixed_load(system: Deployment) -> None:
    """Jobs of each kind that end in each way, over both APIs, and requests that are refused."""
    clip = system.talk
    sound = Job(inputs=[Input(uri=clip.as_uri())], outputs=[Output(name="a", preset="podcast-audio")])
    bad = system.quick_job(clip.with_name("missing.mp4"))
    quick = [system.quick_job(clip, priority=priority) for priority in (10, 50, 90)]
    [cancelled] = await system.submit(system.long_job(clip))
    jobs = await system.submit(*quick, sound, bad, system.short_encode(clip))
    await system.client.cancel_job(cancelled.id)
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS) as http:
        for path in (*(f"/v1/jobs/{job.id}" for job in jobs), "/v1/jobs", "/v1/jobs/none", "/nowhere", "/readyz"):
            await http.get(path)
    with pytest.raises(NotFound):
        await system.client.get_job("00000000-0000-0000-0000-000000000000")
    await system.finish(cancelled, *jobs)


def without_data(prometheus: Prometheus, asked: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Queries, each with its place, that give no number."""
    return [
        (place, query)
        for place, query in asked
        if not any(math.isfinite(float(series["value"][1])) for series in prometheus.query(query))
    ]


async def test_every_query_of_panels_and_rules_finds_data(watched: Watched) -> None:
    deadline = time.monotonic() + 200
    missing = list(queries())
    assert missing
    while missing:
        assert time.monotonic() < deadline, missing
        await mixed_load(watched.system)
        missing = await asyncio.to_thread(without_data, watched.prometheus, missing)


async def test_every_job_is_counted_once_when_it_comes_and_when_it_ends(watched: Watched) -> None:
    if not watched.system.acknowledged:  # the test before has loaded it
        await mixed_load(watched.system)
    expected = Counter(
        (operation_of(job), Job.State.Name(job.state), CODES[job.error.code].category if job.error.code else "NONE")
        for job in await watched.system.finish(*watched.system.acknowledged.values())
    )
    never_begun = sum(count for key, count in expected.items() if key[1] == "CANCELLED")
    found: Counter[object] = Counter()
    with suppress(TimeoutError):
        async with patient():  # a worker tells of an end before it has counted it
            while found["finished"] < expected.total() or not (
                found["attempts"] == found["waits"] >= expected.total() - never_begun
            ):
                found = await asyncio.to_thread(totals, watched.system)
    assert found["submitted"] == expected.total()
    assert {key: found[key] for key in expected} == expected
    assert found["input"] and found["output"] and found["cpu"] > 0.1
    assert found["attempts"] == found["waits"] >= expected.total() - never_begun


def totals(system: Deployment) -> Counter[object]:
    """What all processes have counted: jobs by operation, state and category, and some sums."""
    found: Counter[object] = Counter()
    sums = {
        "reelmill_jobs_submitted_total": "submitted",
        "reelmill_jobs_finished_total": "finished",
        "reelmill_worker_attempts_total": "attempts",
        "reelmill_worker_queue_wait_seconds_count": "waits",
        "reelmill_worker_input_bytes_total": "input",
        "reelmill_worker_output_bytes_total": "output",
        "reelmill_worker_ffmpeg_cpu_seconds_total": "cpu",
    }
    for process in system.all:
        for family in text_string_to_metric_families(text(process)):
            for sample in family.samples:
                if name := sums.get(sample.name):
                    found[name] += sample.value
                if sample.name == "reelmill_jobs_finished_total":
                    found[tuple(sample.labels[x] for x in ("operation", "state", "category"))] += sample.value
    return found


def text(process: Reelmill) -> str:
    """What a process shows at /metrics."""
    with urllib.request.urlopen(f"{process.url}/metrics", timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode()


def series(process: Reelmill) -> list[str]:
    """The series that a process shows, without their values."""
    lines = text(process).splitlines()
    return [line.rpartition(" ")[0] for line in lines if not line.startswith("#") and "_created" not in line]


async def test_the_number_of_series_does_not_grow_with_jobs(watched: Watched) -> None:
    if not watched.system.acknowledged:
        await mixed_load(watched.system)
    before = {p.port: await asyncio.to_thread(series, p) for p in watched.system.all}
    await mixed_load(watched.system)
    after = {p.port: await asyncio.to_thread(series, p) for p in watched.system.all}
    grown = {line for port in after for line in set(after[port]) - set(before[port])}
    assert not {line for line in grown if 'code="' not in line}  # of the few codes one may come late
    assert all(len(found) < MOST_SERIES for found in after.values()), {p: len(f) for p, f in after.items()}
    lines = "\n".join(line for found in after.values() for line in found)
    assert set(re.findall(r'[{,](\w+)="', lines)) <= LABELS
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", lines)


async def test_a_certificate_that_expires_soon_is_told(watched: Watched) -> None:
    # Sent once, so asked for before another test forgets what came.
    alert = await asyncio.to_thread(watched.receiver.wait, "ReelmillCertificateExpires")
    summary = alert["annotations"]["summary"]
    assert re.fullmatch(r"The certificate of 127\.0\.0\.1:\d+ expires in 23h \d+m \d+s", summary)


async def test_no_workers_is_told_while_work_waits(watched: Watched) -> None:
    system = watched.system
    watched.receiver.forget()
    await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in system.workers))
    try:
        await system.submit(system.quick_job(system.talk))
        alert = await asyncio.to_thread(watched.receiver.wait, "ReelmillNoWorkers")
    finally:
        await system.revive()
    # Those that the scheduler counted last: some of the load before may be among them.
    assert re.fullmatch(r"No worker runs; tasks that wait: [1-9]\d*", alert["annotations"]["summary"])


async def test_redis_that_stops_is_told_and_that_it_is_back(watched: Watched) -> None:
    watched.receiver.forget()
    await asyncio.to_thread(watched.redis.stop)
    try:
        alert = await asyncio.to_thread(watched.receiver.wait, "ReelmillCacheDown")
    finally:
        await asyncio.to_thread(watched.redis.start)
    await asyncio.to_thread(watched.receiver.wait, "ReelmillCacheDown", status="resolved")
    assert alert["annotations"]["runbook_url"] == "docs/runbook.md#reelmillcachedown"


async def test_a_scheduler_that_stops_is_told(watched: Watched) -> None:
    watched.receiver.forget()
    scheduler = watched.system.processes["scheduler"]
    await asyncio.to_thread(scheduler.stop)
    try:
        alert = await asyncio.to_thread(watched.receiver.wait, "ReelmillSchedulerAbsent")
    finally:
        await asyncio.to_thread(scheduler.start)
    assert alert["labels"]["severity"] == "critical"


# The last of this module: its broker does not come back.
async def test_kafka_that_stops_is_told(watched: Watched) -> None:
    watched.receiver.forget()
    await asyncio.to_thread(watched.kafka.kill)
    alert = await asyncio.to_thread(watched.receiver.wait, "ReelmillDependencyDown", dependency="queue")
    assert alert["annotations"]["summary"] == "queue is away"
