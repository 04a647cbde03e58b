"""Errors as rich gRPC statuses (google.rpc.Status with BadRequest, ErrorInfo, RetryInfo)."""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from reelmill.jobs.errors import Conflict, InvalidRequest, NotFound, ReelmillError, Unavailable, WrongState

_CODES: dict[type[ReelmillError], int] = {
    InvalidRequest: code_pb2.INVALID_ARGUMENT,
    NotFound: code_pb2.NOT_FOUND,
    Conflict: code_pb2.ALREADY_EXISTS,
    WrongState: code_pb2.FAILED_PRECONDITION,
    Unavailable: code_pb2.UNAVAILABLE,
}
_REASONS: dict[type[ReelmillError], str] = {
    InvalidRequest: "INVALID_REQUEST",
    NotFound: "NOT_FOUND",
    Conflict: "IDEMPOTENCY_CONFLICT",
    WrongState: "WRONG_STATE",
    Unavailable: "UNAVAILABLE",
}
RETRY_SECONDS = 1


def to_status(error: ReelmillError) -> Status:
    """The status that tells a client all that it can act on."""
    status = Status(code=_CODES.get(type(error), code_pb2.INTERNAL), message=str(error))
    info = error_details_pb2.ErrorInfo(reason=_REASONS.get(type(error), "INTERNAL"), domain="reelmill")
    _add(status, info)
    if isinstance(error, InvalidRequest):
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        _add(status, error_details_pb2.BadRequest(field_violations=fields))
    if isinstance(error, Unavailable):
        _add(status, error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS)))
    return status


def _add(status: Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)
