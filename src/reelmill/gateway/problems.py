"""Errors as RFC 9457 problems (application/problem+json)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import grpc
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from starlette.responses import Response

from reelmill.jobs.errors import InvalidRequest, NotFound, ReelmillError, Unavailable, Violation

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = 1

# The HTTP status of a gRPC code; what is not here is 500.
_STATUSES: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class Problem(Exception):
    """What a request is refused with. `code` is stable; `cause` goes to the log only."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        violations: Sequence[Violation] = (),
        headers: Mapping[str, str] | None = None,
        cause: str = "",
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.violations = tuple(violations)
        self.headers = dict(headers or {})
        self.cause = cause or detail
        super().__init__(f"{code}: {detail}")

    def to_dict(self) -> dict[str, Any]:
        """The members of the problem."""
        members: dict[str, Any] = {
            "type": f"urn:reelmill:problem:{self.code.lower().replace('_', '-')}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.violations:
            members["errors"] = [{"field": v.field, "detail": v.description} for v in self.violations]
        return members

    def to_json(self) -> str:
        """The problem on one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_response(self) -> Response:
        """The answer that carries it."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(self.to_json(), self.status, headers, media_type=MEDIA_TYPE)


def invalid(violations: Sequence[Violation]) -> Problem:
    """400 for fields, parameters or headers that break a rule."""
    error = InvalidRequest(violations)
    return Problem(400, "INVALID_REQUEST", str(error), violations=error.violations)


def also(found: Sequence[Violation], more: Sequence[Violation]) -> tuple[Violation, ...]:
    """What is wrong with a request's JSON form, and what the api says of the rest of it.

    What lies at or below a place where something is wrong already is a consequence.
    """
    places = {violation.field for violation in found}
    return (*found, *(v for v in more if not any(_within(v.field, place) for place in places)))


def _within(field: str, place: str) -> bool:
    return field == place or field.startswith((f"{place}.", f"{place}["))


def unavailable(detail: str, cause: str = "") -> Problem:
    """503 that asks to try again."""
    return Problem(503, "UNAVAILABLE", detail, headers={"Retry-After": str(_RETRY_SECONDS)}, cause=cause)


def internal(cause: str) -> Problem:
    """500 that tells the client nothing but where to look."""
    return Problem(500, "INTERNAL", "a fault of the gateway; its log has the cause", cause=cause)


def from_error(error: ReelmillError) -> Problem:
    """The problem for what the storage raises."""
    if isinstance(error, InvalidRequest):
        return invalid(error.violations)
    if isinstance(error, NotFound):
        return Problem(404, "NOT_FOUND", str(error))
    if isinstance(error, Unavailable):
        return unavailable(str(error))
    return internal(str(error))


def from_rpc(error: grpc.aio.AioRpcError) -> Problem:
    """The problem for a failed call, with the details of its google.rpc.Status."""
    code, message = error.code(), error.details() or ""
    status = _rich_status(error)
    if status is None and code is grpc.StatusCode.UNAVAILABLE:
        # gRPC itself says so, in words about sockets: they are for the log.
        return unavailable("the api is away; try again", cause=message)
    http_status = _STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    reason, violations, headers = code.name, [], {}
    for detail in status.details if status else ():
        info, bad, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            violations += [Violation(v.field, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            headers["Retry-After"] = str(max(1, round(retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)))
    if code is grpc.StatusCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    if code is grpc.StatusCode.UNAVAILABLE:
        headers.setdefault("Retry-After", str(_RETRY_SECONDS))
    return Problem(http_status, reason, message, violations=violations, headers=headers)


def _rich_status(error: grpc.aio.AioRpcError) -> Status | None:
    try:
        return rpc_status.from_call(error)
    except ValueError:  # it contradicts the plain status, which is then all there is
        return None
