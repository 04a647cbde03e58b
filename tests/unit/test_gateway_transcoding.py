"""HTTP requests → gRPC requests: what is accepted, and how what is wrong is told."""

import json
from typing import Any

import pytest
from starlette.datastructures import Headers

from reelmill.gateway import ranges, transcoding
from reelmill.gateway.bindings import Binding, Template, bindings, services
from reelmill.gateway.problems import Problem, invalid
from reelmill.gateway.transcoding import to_json
from reelmill.v1 import jobs_pb2

BINDINGS = {b.method.name: b for b in bindings(services())}
JOB: dict[str, Any] = {
    "inputs": [{"uri": "file:///media/talk.mov"}],
    "outputs": [{"name": "web", "transcode": {"video": {"codec": "H264", "crf": 23, "bitrate_bps": 100000}}}],
}


def read(method: str, body: Any = None, *, query: str = "", headers: dict[str, str] | None = None) -> Any:
    binding: Binding = BINDINGS[method]
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    variables = dict.fromkeys(binding.template.variables, "abc")
    reading = transcoding.read(binding, variables, query.encode(), Headers(headers or {}), raw)
    if reading.violations:
        raise invalid(reading.violations)
    return reading.message


def errors(method: str, body: Any = None, **options: Any) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        read(method, body, **options)
    assert caught.value.status == 400
    return {v.field: v.description for v in caught.value.violations}


def job_with(video: dict[str, Any]) -> dict[str, Any]:
    return {**JOB, "outputs": [{"name": "web", "transcode": {"video": video}}]}


def test_every_method_has_a_rest_form() -> None:
    methods = {m.name for service in services() for m in service.methods}
    assert {b.method.name for b in bindings(services())} == methods


@pytest.mark.parametrize(
    ("template", "path", "variables"),
    [
        ("/v1/jobs/{id}", "/v1/jobs/abc", {"id": "abc"}),
        ("/v1/jobs/{id}", "/v1/jobs/abc:cancel", None),
        ("/v1/jobs/{id}", "/v1/jobs/a%3Acancel", {"id": "a%3Acancel"}),
        ("/v1/jobs/{id}", "/v1/jobs/a/b", None),
        ("/v1/jobs/{id}", "/v1/jobs/", None),
        ("/v1/jobs/{id}:cancel", "/v1/jobs/abc:cancel", {"id": "abc"}),
        ("/v1/jobs/{id}:cancel", "/v1/jobs/abc:retry", None),
        ("/v1/jobs:batchCreate", "/v1/jobs:batchCreate", {}),
        ("/v1/jobs/{id}/watch", "/v1/jobs/abc/watch", {"id": "abc"}),
        ("/v1/{id}/{path=**}", "/v1/abc/a/b:c//d%2F", {"id": "abc", "path": "a/b:c//d%2F"}),
        ("/v1/{id}/{path=**}", "/v1/abc/", None),
    ],
)
def test_a_template_matches_whole_paths_only(template: str, path: str, variables: dict[str, str] | None) -> None:
    match = Template(template).compile().fullmatch(path)
    assert (match.groupdict() if match else None) == variables


def test_a_template_that_is_not_understood_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="only literals"):
        Template("/v1/{name=jobs/*}").compile()
    with pytest.raises(ValueError, match="only the last"):
        Template("/v1/{path=**}/files").compile()


def test_the_body_is_the_job() -> None:
    request = read("CreateJob", JOB)
    assert request.job.inputs[0].uri == "file:///media/talk.mov"
    assert request.job.outputs[0].transcode.video.crf == 23


def test_both_spellings_of_a_name_mean_the_same() -> None:
    assert read("CreateJob", job_with({"bitrateBps": 100000})) == read("CreateJob", job_with({"bitrate_bps": 100000}))
    assert read("ListJobs", query="pageSize=7") == read("ListJobs", query="page_size=7")


def test_a_field_given_in_both_spellings_is_refused() -> None:
    found = errors("CreateJob", job_with({"bitrateBps": 1, "bitrate_bps": 1}))
    assert found == {"job.outputs[0].transcode.video.bitrate_bps": "is given twice, as bitrateBps and as bitrate_bps"}
    assert errors("ListJobs", query="pageSize=7&page_size=7") == {
        "page_size": "is given twice, as pageSize and as page_size"
    }


def test_a_repeated_key_is_refused() -> None:
    assert errors("CreateJob", b'{"inputs": [{"uri": "a", "uri": "b"}]}') == {"job.inputs[0].uri": "is given twice"}
    assert errors("CreateJob", b'{"labels": {"a": "1", "a": "2"}}') == {"job.labels['a']": "is given twice"}


def test_all_that_is_wrong_is_told_at_once_with_its_path() -> None:
    job = job_with({"codec": "H246", "width": "wide", "colour": 1, "crf": True, "height": 2**31})
    found = errors("CreateJob", {**job, "prioritty": 1, "deadline": "soon", "labels": {"a": 1}, "inputs": [7]})
    video = "job.outputs[0].transcode.video"
    assert found == {
        f"{video}.codec": "'H246' is not one of H264, H265, VP9, AV1; did you mean H265?",
        f"{video}.width": "must be an integer, not 'wide'",
        f"{video}.colour": "is not a known field",
        f"{video}.crf": "must be a number, not true",
        f"{video}.height": "must be between -2147483648 and 2147483647",
        "job.prioritty": "is not a known field; did you mean priority?",
        "job.deadline": "must be a time as in RFC 3339, such as \"2026-01-31T12:00:00Z\", not 'soon'",
        "job.labels['a']": "must be a string, not 1",
        "job.inputs[0]": "must be an object, not 7",
    }


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"inputs": {}}, "job.inputs", "must be a list"),
        ({"inputs": None}, "job.inputs", "is null; leave it out"),
        ({"labels": []}, "job.labels", "must be an object"),
        ({"priority": 1.5}, "job.priority", "must be an integer, not 1.5"),
        ({"priority": "1"}, "job.priority", "must be an integer, not '1'"),
        ({"destination": 1}, "job.destination", "must be a string, not 1"),
        ({"destination": "\ud800"}, "job.destination", "not valid Unicode"),
        ({"retry_policy": {"max_backoff": 3}}, "job.retry_policy.max_backoff", "suffix s"),
        ({"retry_policy": {"max_backoff": "3"}}, "job.retry_policy.max_backoff", "suffix s"),
        ({"state": 1}, "job.state", "must be one of QUEUED"),
        ({"version": ""}, "job.version", "must be an integer, not ''"),
        ({"version": str(2**63)}, "job.version", "must be between"),
        ({"progress": {"percent": 10**400}}, "job.progress.percent", "finite"),
        ({"outputs": [{"name": "a", "preset": "b", "audio": {}}]}, "job.outputs[0]", "has audio and preset; only one"),
    ],
)
def test_a_wrong_value_is_told(fields: dict[str, Any], path: str, words: str) -> None:
    found = errors("CreateJob", {**JOB, **fields})
    assert list(found) == [path]
    assert words in found[path]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "is not JSON"),
        (b"[]", "must be a JSON object, not a list"),
        (b"null", "must be a JSON object, not null"),
        (b'{"priority": NaN}', "NaN is not a number"),
        (b'{"destination": "\xff"}', "is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"  ", "is required"),
        (b"", "is required"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(raw: bytes, words: str) -> None:
    assert words in errors("CreateJob", raw)["job"]


def test_at_most_100_violations_are_told() -> None:
    assert len(errors("CreateJob", {f"field{i}": 1 for i in range(1000)})) == 100


def test_integers_may_be_written_as_whole_floats_and_longs_as_strings() -> None:
    request = read("CreateJob", {**JOB, "priority": 7.0, "version": "12"})
    assert (request.job.priority, request.job.version) == (7, 12)


def test_an_absent_body_is_fine_where_nothing_is_required() -> None:
    assert read("CancelJob") == jobs_pb2.CancelJobRequest(id="abc")
    assert read("RetryJob") == jobs_pb2.RetryJobRequest(id="abc")
    assert errors("BatchCreateJobs") == {"requests": "is required: the body is empty"}
    assert errors("ProbeMedia") == {"uri": "is required: the body is empty"}


def test_what_the_path_gives_is_not_taken_from_the_body() -> None:
    assert errors("CancelJob", {"id": "x"}) == {"id": "is given by the path; leave it out of the body"}


def test_paths_of_a_batch_begin_with_its_item() -> None:
    assert list(errors("BatchCreateJobs", {"requests": [{}, {"job": {"x": 1}}]})) == ["requests[1].job.x"]


@pytest.mark.parametrize(
    ("method", "query", "parameter", "words"),
    [
        ("ListJobs", "page_size=", "page_size", "must be an integer, not ''"),
        ("ListJobs", "page_size=+5", "page_size", "must be an integer"),
        ("ListJobs", "page_size=1_0", "page_size", "must be an integer"),
        ("ListJobs", "page_size=2147483648", "page_size", "must be between"),
        ("ListJobs", "page_size=1&page_size=2", "page_size", "more than once"),
        ("ListJobs", "page_siz=1", "page_siz", "did you mean page_size?"),
        ("ListPresets", "x=1", "x", "is not a known query parameter"),
        ("GetJob", "view=ALL", "view", "'ALL' is not one of BASIC, FULL"),
        ("GetJob", "view=2", "view", "'2' is not one of"),
        ("GetJob", "id=x", "id", "is not a known query parameter"),
        ("ListJobEvents", "after_sequence=", "after_sequence", "must be an integer, not ''"),
        ("ListJobEvents", "after_sequence=9223372036854775808", "after_sequence", "must be between"),
        ("ListJobs", "filter=%ff", "query", "can't be read"),
        ("CancelJob", "reason=x", "reason", "is not a known query parameter"),
    ],
)
def test_a_wrong_query_parameter_is_told(method: str, query: str, parameter: str, words: str) -> None:
    found = errors(method, query=query)
    assert list(found) == [parameter]
    assert words in found[parameter]


def test_query_parameters_fill_the_request() -> None:
    request = read("ListJobs", query="page_size=5&filter=state%20%3D%20%22FAILED%22&page_token=")
    assert request == jobs_pb2.ListJobsRequest(page_size=5, filter='state = "FAILED"')
    assert read("GetJob", query="view=FULL") == jobs_pb2.GetJobRequest(id="abc", view=jobs_pb2.FULL)


def test_the_idempotency_key_is_the_request_id() -> None:
    assert read("CreateJob", JOB, headers={"idempotency-key": "k"}).request_id == "k"
    assert read("CreateJob", JOB, query="request_id=k", headers={"idempotency-key": "k"}).request_id == "k"


def test_two_idempotency_keys_are_refused() -> None:
    assert (
        "differs" in errors("CreateJob", JOB, query="request_id=a", headers={"idempotency-key": "b"})["Idempotency-Key"]
    )
    assert "is empty" in errors("CreateJob", JOB, headers={"idempotency-key": ""})["Idempotency-Key"]


def test_last_event_id_goes_before_the_parameter() -> None:
    assert read("WatchJob", query="after_sequence=1", headers={"last-event-id": "4"}).after_sequence == 4
    assert "must be an integer" in errors("WatchJob", headers={"last-event-id": "x"})["Last-Event-ID"]


def test_answers_have_the_protos_names_and_longs_as_strings() -> None:
    output = jobs_pb2.Output(name="web", files=[jobs_pb2.OutputFile(uri="file:///é", size_bytes=5)])
    job = jobs_pb2.Job(state=jobs_pb2.Job.COMPLETED, version=3, outputs=[output])
    assert json.loads(to_json(job)) == {
        "outputs": [{"name": "web", "files": [{"uri": "file:///é", "size_bytes": "5"}]}],
        "state": "COMPLETED",
        "version": "3",
    }


@pytest.mark.parametrize(
    ("headers", "span"),
    [
        ({}, None),
        ({"range": "bytes=0-3"}, ranges.Span(0, 4)),
        ({"range": "bytes=4-"}, ranges.Span(4, 10)),
        ({"range": "bytes=-3"}, ranges.Span(7, 10)),
        ({"range": "bytes=-30"}, ranges.Span(0, 10)),
        ({"range": "bytes=8-99"}, ranges.Span(8, 10)),
        ({"range": "bytes=8-" + "9" * 30}, ranges.Span(8, 10)),
        ({"range": "bytes=0-1,3-4"}, None),
        ({"range": "bytes=5-4"}, None),
        ({"range": "bytes=-"}, None),
        ({"range": "lines=0-1"}, None),
        ({"range": "bytes=0-3", "if-range": '"tag"'}, ranges.Span(0, 4)),
        ({"range": "bytes=0-3", "if-range": '"old"'}, None),
        ({"range": "bytes=0-3", "if-range": 'W/"tag"'}, None),
    ],
)
def test_a_range_of_ten_bytes(headers: dict[str, str], span: ranges.Span | None) -> None:
    assert ranges.requested(Headers(headers), 10, '"tag"') == span


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_range_past_the_end_is_unsatisfiable(text: str) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.requested(Headers({"range": text}), 10, '"tag"')


@pytest.mark.parametrize(
    ("condition", "same"), [('"tag"', True), ('W/"tag"', True), ('"a", "tag"', True), ("*", True), ('"a"', False)]
)
def test_if_none_match_compares_tags(condition: str, same: bool) -> None:
    assert ranges.not_modified(Headers({"if-none-match": condition}), '"tag"') is same
