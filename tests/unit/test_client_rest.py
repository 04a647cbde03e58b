"""A call's REST form, and how answers, events and problems of a gateway are read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.test_client_calls import CALLS

from reelmill.client import Conflict, InvalidRequest, NotFound, ReelmillError, Unavailable, WrongState, calls, rest
from reelmill.gateway.bindings import bindings, services
from reelmill.v1 import access_pb2 as access
from reelmill.v1 import jobs_pb2 as pb

JOB = pb.Job(labels={"ü": "42"})
BINDINGS = {b.rpc: b for b in bindings(services())}


@pytest.mark.parametrize(("call", "name", "request_"), CALLS, ids=[f"{c[1]}-{i}" for i, c in enumerate(CALLS)])
def test_every_method_goes_where_the_gateway_has_it(call: calls.Call[Any], name: str, request_: object) -> None:
    asked, binding = rest.request(call), BINDINGS[call.path]
    assert asked.verb == binding.verb
    found = binding.template.compile().fullmatch(asked.path)
    assert found is not None
    assert (asked.body is not None) == bool(binding.body)
    assert set(asked.query) <= {field.name for field in binding.query_fields}


def test_what_is_asked_lies_in_path_query_and_body() -> None:
    made = rest.request(calls.create_job(JOB, "key"))
    assert (made.verb, made.path, dict(made.query)) == ("POST", "/v1/jobs", {"request_id": "key"})
    assert json.loads(made.body or b"") == {"labels": {"ü": "42"}}
    got = rest.request(calls.get_job("a/b c", True, 60))
    assert (got.path, dict(got.query), got.body) == (
        "/v1/jobs/a%2Fb%20c",
        {"view": "FULL", "signed_urls_seconds": "60"},
        None,
    )
    cancelled = rest.request(calls.cancel_job("i", "why"))
    assert (cancelled.path, cancelled.body) == ("/v1/jobs/i:cancel", b'{"reason": "why"}')
    key = rest.request(calls.create_key("n", "viewer", expire_time=datetime(2027, 1, 2, tzinfo=UTC)))
    assert json.loads(key.body or b"") == {"name": "n", "role": "VIEWER", "expire_time": "2027-01-02T00:00:00Z"}


def test_a_method_without_a_rest_form_is_told() -> None:
    call = calls.Call(path="/reelmill.v1.UploadService/CreateUpload", request=pb.Job(), answer=pb.Job)
    from reelmill.v1 import uploads_pb2  # noqa: F401 - its descriptor is known once it is imported

    with pytest.raises(ValueError, match="no REST form"):
        rest.request(call)


def test_an_answer_may_have_fields_that_are_newer_than_we_are() -> None:
    found = rest.answer(calls.get_job("i", False), b'{"id": "i", "state": "FAILED", "version": "7", "newer": {"x": 1}}')
    assert (found.id, found.state, found.version) == ("i", pb.Job.FAILED, 7)


@pytest.mark.parametrize("content", [b"<html>", b"\xff", b'{"id": 5}'])
def test_what_is_no_answer_of_ours_is_told_so(content: bytes) -> None:
    with pytest.raises(ReelmillError, match=r"is no Job: is this address Reelmill's gateway\?"):
        rest.answer(calls.get_job("i", False), content)


@pytest.mark.parametrize(
    ("status", "code", "kind", "name"),
    [
        (400, "INVALID_REQUEST", InvalidRequest, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND", NotFound, "NOT_FOUND"),
        (409, "IDEMPOTENCY_CONFLICT", Conflict, "ALREADY_EXISTS"),
        (409, "WRONG_STATE", WrongState, "FAILED_PRECONDITION"),
        (413, "TOO_LARGE", InvalidRequest, "INVALID_ARGUMENT"),
        (429, "BUSY", ReelmillError, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL", ReelmillError, "INTERNAL"),
        (503, "UNAVAILABLE", Unavailable, "UNAVAILABLE"),
        (418, "", ReelmillError, "UNKNOWN"),
    ],
)
def test_a_problem_is_the_error_that_grpc_tells(status: int, code: str, kind: type, name: str) -> None:
    told = {"code": code, "detail": "words", "errors": [{"field": "job.outputs", "detail": "is required"}]}
    error = rest.problem(status, {"retry-after": "7"}, json.dumps(told).encode())
    assert (type(error), error.code, error.message, error.retry_seconds) == (kind, name, "words", 7)
    assert [(v.field, v.description) for v in error.violations] == [("job.outputs", "is required")]


def test_a_problem_without_words_is_one_still() -> None:
    for content in (b"", b"<html>bad gateway</html>", b"[1]"):
        error = rest.problem(502, {}, content)
        assert (type(error), error.message) == (Unavailable, "the server answered 502")


STREAM = (
    ": nothing yet\n\n"
    'id: 2\nevent: state\ndata: {"sequence": "2", "state": "PROCESSING"}\n\n'
    'event: progress\ndata: {"state": "PROCESSING", "progress": {"percent": 41.5}, '
    '"error": {"message": "a\u2028b"}}\r\n\r\n'
    ": keep-alive\n\n"
    'id: 5\nevent: state\ndata: {"sequence": "5", "state": "COMPLETED"}\n\n'
)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    events, data, found = rest.Events(pb.JobEvent), STREAM.encode(), list[Any]()
    for i in range(0, len(data), size):
        events.feed(data[i : i + size])
        found += list(events)
    assert [(e.sequence, e.state, e.progress.percent) for e in found] == [
        (2, pb.Job.PROCESSING, 0),
        (0, pb.Job.PROCESSING, 41.5),
        (5, pb.Job.COMPLETED, 0),
    ]
    assert found[1].error.message == "a\u2028b"


def test_an_error_ends_a_stream() -> None:
    events = rest.Events(pb.JobEvent)
    with pytest.raises(Unavailable, match="the api is away"):
        events.feed(b'event: error\ndata: {"status": 503, "code": "UNAVAILABLE", "detail": "the api is away"}\n\n')


def test_an_event_without_end_is_not_kept() -> None:
    events = rest.Events(pb.JobEvent)
    with pytest.raises(ReelmillError, match="has no end"):
        for _ in range(17):
            events.feed(b"x" * 2**20)


def test_a_role_is_a_name_in_json() -> None:
    call = calls.list_keys("t", 9).page("p")
    assert dict(rest.request(call).query) == {"tenant": "t", "page_size": "9", "page_token": "p"}
    assert call.answer is access.ListKeysResponse
