"""Traces: one from a client's REST call to each ffmpeg run, through Kafka; and nothing where they are off."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from conftest import SharedServer
from fault.kit.checker import messages
from fault.kit.deployment import Deployment
from google.protobuf.json_format import MessageToDict
from jobs import job
from live import Reelmill, channel
from services.databases import Databases
from services.process import free_port
from telemetry.collector import Collector, attributes, collector
from waiting import PATIENCE_SECONDS

from reelmill.telemetry import traces
from reelmill.v1.jobs_pb2 import CreateJobRequest, Job
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["kafka", "postgres"])
async def traced(
    request: pytest.FixtureRequest, databases: Databases, clip: Path
) -> AsyncIterator[tuple[Deployment, Collector]]:
    """All four processes, with Kafka and without, that send their spans to a collector."""
    queue: SharedServer | None = request.getfixturevalue("kafka_server") if request.param == "kafka" else None
    url = await databases.create()
    with collector() as spans:
        settings = {"REELMILL_OTLP_ENDPOINT": spans.url}
        queue_url = queue.url if queue else "postgres:"
        async with Deployment(database_url=url, queue_url=queue_url, settings=settings) as deployment:
            shutil.copy(clip, deployment.talk)
            yield deployment, spans
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(traced: tuple[Deployment, Collector]) -> str:
    """A job of an ffmpeg run and of stills, submitted over REST as a part of a client's trace; its id."""
    deployment, spans = traced
    wanted = deployment.short_encode(deployment.talk, lines=720)  # a film so large shares no decode with stills
    wanted.outputs[0].transcode.trim.end_seconds = 1
    wanted.outputs.add(name="stills").thumbnail.count = 2
    body = MessageToDict(wanted, preserving_proto_field_name=True)
    async with httpx.AsyncClient(base_url=deployment.rest, timeout=PATIENCE_SECONDS) as http:
        created = await http.post("/v1/jobs", json=body, headers=HEADER)
        assert created.status_code == 200, created.text
    job_id = str(created.json()["id"])
    assert (await deployment.client.wait(job_id, 60)).state == Job.COMPLETED
    await asyncio.to_thread(spans.wait_for, lambda s: s.name == "attempt" and s.trace_id.hex() == TRACE)
    return job_id


async def test_one_trace_leads_from_the_rest_call_to_each_ffmpeg_run(
    traced: tuple[Deployment, Collector], done: str
) -> None:
    found = traced[1].trace(TRACE)
    by_id = {span.span_id: span for _, span in found}
    chain = [(service.removeprefix("reelmill-"), span.name) for service, span in found]
    assert chain[:3] == [("gateway", "POST /v1/jobs"), ("api", "CreateJob"), ("worker", "attempt")]
    assert {service for service, _ in chain[3:]} == {"worker"}
    names = [name for _, name in chain[3:]]
    assert set(names) == {"fetch", "probe", "ffmpeg", "still", "verify", "upload"}
    assert names.count("upload") == 3
    gateway, api, attempt, *steps = (span for _, span in found)
    assert gateway.parent_span_id.hex() == "b7ad6b7169203331"
    assert by_id[api.parent_span_id] is gateway
    assert by_id[attempt.parent_span_id] is api
    assert all(by_id[step.parent_span_id] is attempt for step in steps)
    assert attributes(attempt) == {"reelmill.job_id": done, "reelmill.attempt": 1, "reelmill.outcome": "completed"}


async def test_log_lines_have_the_trace_and_the_step(traced: tuple[Deployment, Collector], done: str) -> None:
    deployment, spans = traced
    lines = [json.loads(line) for process in deployment.all for line in process.log.read_text().splitlines()]
    mine = [line for line in lines if line.get("labels", {}).get("job_id") == done]
    assert {line["trace"]["id"] for line in mine} == {TRACE}
    by_id = {span.span_id.hex(): span.name for _, span in spans.trace(TRACE)}
    steps = {line["message"]: by_id[line["span"]["id"]] for line in mine if "span" in line}
    assert (steps["ffmpeg starts"], steps["attempt starts"]) == ("ffmpeg", "attempt")


@pytest.mark.parametrize("traced", ["kafka"], indirect=True)
async def test_the_message_carries_the_trace(traced: tuple[Deployment, Collector], done: str) -> None:
    deployment, spans = traced
    [mine] = [m for m in await asyncio.to_thread(messages, deployment, "tasks.normal") if m.key() == done.encode()]
    [api] = [span for _, span in spans.trace(TRACE) if span.name == "CreateJob"]
    assert dict(mine.headers())["traceparent"].decode() == f"00-{TRACE}-{api.span_id.hex()}-01"


async def test_a_call_without_a_trace_begins_one_and_a_malformed_header_is_no_trace(
    traced: tuple[Deployment, Collector],
) -> None:
    deployment, spans = traced
    async with httpx.AsyncClient(base_url=deployment.rest, timeout=PATIENCE_SECONDS) as http:
        assert (await http.get("/v1/jobs/none", headers={"traceparent": "nonsense"})).status_code == 404
    api = await asyncio.to_thread(spans.wait_for, lambda s: s.name == "GetJob" and "error.type" in attributes(s))
    gateway = await asyncio.to_thread(spans.wait_for, lambda s: s.trace_id == api.trace_id and s is not api)
    assert (gateway.parent_span_id, api.parent_span_id) == (b"", gateway.span_id)
    assert (attributes(api)["error.type"], attributes(gateway)["http.route"]) == ("NotFound", "/v1/jobs/{id}")


async def test_a_collector_that_is_away_holds_nobody_up(databases: Databases) -> None:
    url = await databases.create()
    nowhere = f"http://127.0.0.1:{free_port()}"
    with Reelmill("api", database_url=url, otlp_endpoint=nowhere) as api:
        with channel(api.grpc) as connection:
            assert JobServiceStub(connection).CreateJob(CreateJobRequest(job=job())).id
        began = time.monotonic()
        await asyncio.to_thread(api.stop)
        assert time.monotonic() - began < 10
        lines = [json.loads(line) for line in api.log.read_text().splitlines()]
    [accepted] = [line for line in lines if line["message"] == "job accepted"]
    assert len(accepted["trace"]["id"]) == 32


async def test_off_a_step_is_always_the_same_object() -> None:
    assert traces.span("one") is traces.span("two", {"a": 1}, parent=HEADER["traceparent"])
    assert traces.traceparent("received") == "received"
