"""How the gateway tells what the api answered: statuses, hints, events of a stream."""

import json

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from reelmill.gateway import problems, streaming
from reelmill.gateway.problems import Problem, from_error, from_rpc
from reelmill.jobs import errors
from reelmill.v1 import jobs_pb2 as pb

# RFC 9110's meaning of each code; google.api.HttpRule's own table but for what a gateway says of itself.
STATUSES = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}


def call(code: str, *details: object, rich: bool = True, message: str = "told") -> grpc.aio.AioRpcError:
    status = Status(code=code_pb2.Code.Value(code), message=message)
    for detail in details:
        status.details.add().Pack(detail)
    trailing = [("grpc-status-details-bin", status.SerializeToString())] if rich else []
    return grpc.aio.AioRpcError(grpc.StatusCode[code], grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), message)


def test_every_code_of_grpc_has_its_status() -> None:
    assert set(STATUSES) == {code.name for code in grpc.StatusCode} - {"OK"}
    for code, status in STATUSES.items():
        problem = from_rpc(call(code))
        assert (problem.status, problem.code, problem.detail) == (status, code, "told"), code


@pytest.mark.parametrize(("seconds", "told"), [(0.001, "1"), (1, "1"), (1.4, "1"), (1.6, "2"), (7, "7")])
def test_the_wait_that_the_api_asks_for_is_told_in_whole_seconds(seconds: float, told: str) -> None:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromNanoseconds(round(seconds * 1e9))
    assert from_rpc(call("UNAVAILABLE", retry)).headers == {"Retry-After": told}
    assert from_rpc(call("RESOURCE_EXHAUSTED", retry)).headers == {"Retry-After": told}


def test_who_is_away_always_says_when_to_come_again() -> None:
    assert from_rpc(call("UNAVAILABLE")).headers == {"Retry-After": "1"}
    plain = from_rpc(call("UNAVAILABLE", rich=False, message="connect: refused"))
    assert (plain.status, plain.headers, plain.detail) == (503, {"Retry-After": "1"}, "the api is away; try again")
    assert plain.cause == "connect: refused"
    assert from_rpc(call("NOT_FOUND")).headers == {}


def test_reason_and_fields_are_told_whatever_the_order_of_the_details() -> None:
    bad = error_details_pb2.BadRequest(field_violations=[{"field": f, "description": f"is {f}"} for f in "ab"])
    info = error_details_pb2.ErrorInfo(reason="OF_THE_API")
    for details in ((info, bad), (bad, info)):
        problem = from_rpc(call("INVALID_ARGUMENT", *details))
        assert problem.code == "OF_THE_API"
        assert problem.to_dict()["errors"] == [{"field": "a", "detail": "is a"}, {"field": "b", "detail": "is b"}]


def test_a_status_that_contradicts_itself_is_told_by_its_plain_code() -> None:
    error = call("NOT_FOUND")
    other = grpc.aio.AioRpcError(
        grpc.StatusCode.ABORTED, grpc.aio.Metadata(), grpc.aio.Metadata(*error.trailing_metadata()), "plain"
    )
    assert (from_rpc(other).status, from_rpc(other).code, from_rpc(other).detail) == (409, "ABORTED", "plain")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequest([errors.Violation("a", "is odd")]), 400, "INVALID_REQUEST"),
        (errors.NotFound("no"), 404, "NOT_FOUND"),
        (errors.Unavailable("away"), 503, "UNAVAILABLE"),
        (errors.WrongState("no"), 500, "INTERNAL"),
    ],
)
def test_what_the_storage_raises_has_its_status(error: errors.ReelmillError, status: int, code: str) -> None:
    problem = from_error(error)
    assert (problem.status, problem.code) == (status, code)
    assert (problem.headers.get("Retry-After") == "1") is (status == 503)
    assert problem.cause in (str(error), problem.detail)
    assert [v.field for v in problem.violations] == (["a"] if status == 400 else [])


def test_a_fault_tells_the_client_nothing_but_where_to_look() -> None:
    problem = problems.internal("secret cause")
    assert "secret" not in problem.to_json()
    assert problem.cause == "secret cause"
    assert problem.detail == "a fault of the gateway; its log has the cause"


def test_a_problem_is_what_rfc_9457_says() -> None:
    problem = Problem(404, "NO_SUCH_ROUTE", "there is ☃", headers={"X": "y"})
    answer = problem.to_response()
    assert (answer.status_code, answer.media_type) == (404, "application/problem+json")
    assert (answer.headers["cache-control"], answer.headers["x"]) == ("no-store", "y")
    assert json.loads(answer.body) == {
        "type": "urn:reelmill:problem:no-such-route",
        "title": "No such route",
        "status": 404,
        "detail": "there is ☃",
        "code": "NO_SUCH_ROUTE",
    }
    assert str(problem) == "NO_SUCH_ROUTE: there is ☃"
    assert "☃" in problem.to_json() and "\n" not in problem.to_json()


def test_only_what_can_be_resumed_from_has_an_id() -> None:
    progress = streaming.frame(pb.JobEvent(job_id="x"))
    state = streaming.frame(pb.JobEvent(job_id="x", sequence=1))
    assert progress == 'event: progress\ndata: {"job_id": "x"}\n\n'
    assert state == 'id: 1\nevent: state\ndata: {"sequence": "1", "job_id": "x"}\n\n'
    assert streaming.error_frame(Problem(503, "UNAVAILABLE", "away")).startswith("event: error\ndata: {")
    assert streaming.error_frame(Problem(503, "UNAVAILABLE", "away")).endswith("}\n\n")
    assert (streaming.MEDIA_TYPE, streaming.KEEP_ALIVE_SECONDS) == ("text/event-stream", 15.0)
