"""Values that nobody thought of are the client's fault: 400 with its field, with all else at once."""

from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
import shapes
from api.refusals import Refusal, fields_of, refused
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from jobs import job
from live import Reelmill, channel

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub
from reelmill.v1.media_pb2 import ProbeMediaRequest
from reelmill.v1.media_pb2_grpc import MediaServiceStub

JOB = {"inputs": [{"uri": "https://example.org/talk.mov"}], "outputs": [{"name": "sound", "audio": {}}]}
UNKNOWN = shapes.varint(1999 << 3) + b"\1"


@pytest.fixture(scope="module")
def connection(idle_api: Reelmill) -> Iterator[grpc.Channel]:
    with channel(idle_api.grpc) as opened:
        yield opened


def errors(answer: httpx.Response) -> dict[str, str]:
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), answer.text
    return {error["field"]: error["detail"] for error in answer.json()["errors"]}


@pytest.mark.parametrize(
    "filter",
    [
        'create_time > "0001-01-01T00:00:00+14:00"',
        'create_time < "9999-12-31T23:59:59-14:00"',
        'create_time < "9999-12-31T23:59:59.999999-00:01"',
        "create_time > 2026-02-30T00:00:00Z",
    ],
)
def test_a_time_that_is_none_in_a_filter(idle_http: httpx.Client, filter: str) -> None:
    assert list(errors(idle_http.get("/v1/jobs", params={"filter": filter}))) == ["filter"]


HOSTS = [
    "a..b",
    "xn--",
    "a" * 64 + ".org",
    "é" * 300,
    "[::1",
    "a:99999",
    "\u2100",
    ".".join(["a" * 63] * 5),
    "",
    "a:b",
    "a@",
]


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_of_no_host(idle_http: httpx.Client, connection: grpc.Channel, host: str) -> None:
    uri = f"http://{host}/x.mp4"
    assert list(errors(idle_http.post("/v1/media:probe", json={"uri": uri}))) == ["uri"]
    assert list(fields_of(MediaServiceStub(connection).ProbeMedia, ProbeMediaRequest(uri=uri))) == ["uri"]
    found = errors(idle_http.post("/v1/jobs", json=JOB | {"inputs": [{"uri": uri}]}))
    assert list(found) == ["job.inputs[0].uri"]


@pytest.mark.parametrize(
    "uri",
    [
        "file:///" + "x" * 3800,
        "file:///" + "é/" * 1800,
        "file:///" + "a%2F" * 1000,
        "file:///" + "x" * 300,
        "file:///%00",
        "file://[",
        "s3://" + "x" * 4000,
        "s3://[/x",
        "upload:" + "x" * 4000,
        "x" * 4096,
        "://a:b" * 600,
        "x" * 400_000,
    ],
)
def test_a_long_or_odd_uri_is_told_shortly(idle_http: httpx.Client, connection: grpc.Channel, uri: str) -> None:
    assert list(errors(idle_http.post("/v1/media:probe", json={"uri": uri}))) == ["uri"]
    found = errors(idle_http.post("/v1/jobs", json=JOB | {"inputs": [{"uri": uri}], "destination": uri}))
    assert found.keys() == {"job.inputs[0].uri", "job.destination"}
    assert max(map(len, found.values())) <= 400
    jobs = JobServiceStub(connection)
    many = pb.CreateJobRequest(job=pb.Job(inputs=[pb.Input(name=f"{i}", uri=uri[:4000]) for i in range(16)]))
    told = fields_of(jobs.CreateJob, many)
    assert "job.outputs" in told or any("more" in text for text in told.values())


BAD_TIMES = [
    Timestamp(seconds=2**62),
    Timestamp(seconds=-(2**62)),
    Timestamp(seconds=253_402_300_800),
    Timestamp(seconds=4_000_000_000, nanos=-1),
    Timestamp(seconds=4_000_000_000, nanos=1_000_000_000),
]
BAD_DURATIONS = [
    Duration(seconds=2**62),
    Duration(seconds=1, nanos=-1),
    Duration(seconds=1, nanos=1_000_000_000),
    Duration(nanos=-1),
    Duration(nanos=2**31 - 1),
]


def test_a_time_that_is_none_fails_its_own_job_only(connection: grpc.Channel) -> None:
    jobs, bad = JobServiceStub(connection), []
    for deadline in BAD_TIMES:
        made = job()
        made.deadline.CopyFrom(deadline)
        bad.append((made, "job.deadline"))
    for name in ("initial_backoff", "max_backoff"):
        for duration in BAD_DURATIONS:
            made = job()
            getattr(made.retry_policy, name).CopyFrom(duration)
            bad.append((made, f"job.retry_policy.{name}"))
    for made, field in bad:
        assert list(fields_of(jobs.CreateJob, pb.CreateJobRequest(job=made))) == [field]
        assert list(fields_of(jobs.ValidateJob, pb.ValidateJobRequest(job=made))) == [field]
    requests = [pb.CreateJobRequest(job=job()), *(pb.CreateJobRequest(job=made) for made, _ in bad)]
    results = jobs.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=requests)).results
    assert results[0].job.state == pb.Job.QUEUED
    for i, (_, field) in enumerate(bad, 1):
        refusal = Refusal()
        refusal.read(results[i].error)
        assert list(refusal.fields) == [f"requests[{i}].{field}"]


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x" * 10_000, ""])
def test_a_deadline_outside_of_time(idle_http: httpx.Client, value: str) -> None:
    assert list(errors(idle_http.post("/v1/jobs", json=JOB | {"deadline": value}))) == ["job.deadline"]


@pytest.mark.parametrize("value", ["-1s", "1" * 20 + "s", "s", "1e5s", "NaNs", "315576000001s", "1.0000000001s", "+1s"])
def test_a_duration_that_is_none(idle_http: httpx.Client, value: str) -> None:
    found = errors(idle_http.post("/v1/jobs", json=JOB | {"retry_policy": {"max_backoff": value}}))
    assert list(found) == ["job.retry_policy.max_backoff"]


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\xff", b"\x0a\x02\xff\xff", b"\x00", b"\x0b" * 200])
def test_bytes_that_are_no_message(connection: grpc.Channel, raw: bytes) -> None:
    for method in shapes.METHODS:
        path = f"/{method.containing_service.full_name}/{method.name}"
        with refused() as refusal:
            answer: Any = (connection.unary_stream if method.server_streaming else connection.unary_unary)(path)(raw)
            list(answer)
        assert (refusal.code, list(refusal.fields)) == ("INVALID_ARGUMENT", ["request"]), method.name


def test_fields_that_nobody_knows_are_refused_by_their_path(connection: grpc.Channel) -> None:
    jobs = JobServiceStub(connection)

    def request(*ways: str) -> pb.CreateJobRequest:
        made = pb.CreateJobRequest(job=job())
        places = {"request": made, "job": made.job, "job.outputs[0]": made.job.outputs[0]}
        places["job.outputs[0].audio"] = made.job.outputs[0].audio
        for way in ways:
            places[way].MergeFromString(UNKNOWN)
        return made

    for way in ("request", "job", "job.outputs[0]", "job.outputs[0].audio"):
        found = fields_of(jobs.CreateJob, request(way))
        assert found == {way: "has the field 1999, which this server does not know"}
    assert fields_of(jobs.CreateJob, request("job", "job.outputs[0]")).keys() == {"job", "job.outputs[0]"}
    batch = pb.BatchCreateJobsRequest(requests=[request(), request("job")])
    assert fields_of(jobs.BatchCreateJobs, batch).keys() == {"requests[1].job"}
    late = request()
    late.job.deadline.MergeFromString(UNKNOWN)
    assert fields_of(jobs.CreateJob, late).keys() == {"job.deadline"}


def test_types_rules_operations_and_uris_are_told_in_one_answer(
    idle_http: httpx.Client, connection: grpc.Channel
) -> None:
    body = {
        "inputs": [{"uri": "ftp://x"}],
        "outputs": [
            {
                "name": "a b",
                "transcode": {"video": {"crf": "x", "height": -4}, "trim": {"start_seconds": 5, "end_seconds": 2}},
            },
            {"name": "web", "preset": 7},
            {"name": "sound", "preset": "podcast-audoi", "input": "x"},
            {
                "name": "odd",
                "audio": {"format": "OGG", "channels": "many", "trim": {"start_seconds": 5, "end_seconds": 2}},
            },
        ],
        "priority": 1000,
        "deadline": "2000-01-01T00:00:00Z",
        "destination": "file:///nowhere/x",
        "nope": 1,
    }
    paths = {
        "job.inputs[0].uri",
        "job.outputs[0].name",
        "job.outputs[0].transcode.video.crf",
        "job.outputs[0].transcode.video.height",
        "job.outputs[0].transcode.trim.end_seconds",
        "job.outputs[1].preset",
        "job.outputs[2].preset",
        "job.outputs[2].input",
        "job.outputs[3].audio.format",
        "job.outputs[3].audio.channels",
        "job.outputs[3].audio.trim.end_seconds",
        "job.priority",
        "job.deadline",
        "job.destination",
        "job.nope",
    }
    for path in ("/v1/jobs", "/v1/jobs:validate"):
        assert errors(idle_http.post(path, json=body)).keys() == paths
    found = errors(idle_http.post("/v1/jobs:batchCreate", json={"requests": [{"job": JOB}, {"job": body}], "x": 1}))
    assert found.keys() == {"x", *(f"requests[1].{path}" for path in paths)}
    wrong = job("ftp://x", priority=1000, destination="file:///nowhere/x", deadline="2000-01-01T00:00:00Z")
    wrong.outputs[0].audio.channels = 99
    wrong.outputs[0].audio.format = 77  # type: ignore[assignment]
    expected = {
        "inputs[0].uri",
        "priority",
        "destination",
        "deadline",
        "outputs[0].audio.channels",
        "outputs[0].audio.format",
    }
    jobs = JobServiceStub(connection)
    assert fields_of(jobs.CreateJob, pb.CreateJobRequest(job=wrong)).keys() == {f"job.{path}" for path in expected}
    [result] = jobs.BatchCreateJobs(pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest(job=wrong)])).results
    refusal = Refusal()
    refusal.read(result.error)
    assert refusal.fields.keys() == {f"requests[0].job.{path}" for path in expected}


def test_a_batch_whose_json_is_wrong_stores_nothing(idle_http: httpx.Client) -> None:
    body = {"requests": [{"job": JOB | {"labels": {"batch": "wrong"}}}, {"job": {"x": 1}}]}
    assert "requests[1].job.x" in errors(idle_http.post("/v1/jobs:batchCreate", json=body))
    assert "jobs" not in idle_http.get("/v1/jobs", params={"filter": 'labels.batch = "wrong"'}).json()


def test_a_hundred_things_that_are_wrong_fit_into_an_answer(idle_http: httpx.Client, connection: grpc.Channel) -> None:
    outputs = [{"name": "é" * 60 + str(i), "transcode": {"video": {"width": 9999, "crf": 99}}} for i in range(64)]
    found = errors(idle_http.post("/v1/jobs", json=JOB | {"outputs": outputs}))
    assert len(found) >= 20
    assert found[""].endswith(" more")
    typed = errors(idle_http.post("/v1/jobs", json={f"field{i}": 1 for i in range(1000)}))
    assert len(typed) == 100
