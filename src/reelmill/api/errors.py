"""Errors as rich gRPC statuses (google.rpc.Status with BadRequest, ErrorInfo, RetryInfo)."""

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from reelmill.jobs.errors import (
    Busy,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    ReelmillError,
    Unauthenticated,
    Unavailable,
    Violation,
    WrongState,
)

_CODES: dict[type[ReelmillError], int] = {
    InvalidRequest: code_pb2.INVALID_ARGUMENT,
    NotFound: code_pb2.NOT_FOUND,
    Conflict: code_pb2.ALREADY_EXISTS,
    WrongState: code_pb2.FAILED_PRECONDITION,
    Unauthenticated: code_pb2.UNAUTHENTICATED,
    Forbidden: code_pb2.PERMISSION_DENIED,
    Unavailable: code_pb2.UNAVAILABLE,
    Busy: code_pb2.RESOURCE_EXHAUSTED,
}
_REASONS: dict[type[ReelmillError], str] = {
    InvalidRequest: "INVALID_REQUEST",
    NotFound: "NOT_FOUND",
    Conflict: "IDEMPOTENCY_CONFLICT",
    WrongState: "WRONG_STATE",
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "PERMISSION_DENIED",
    Unavailable: "UNAVAILABLE",
    Busy: "BUSY",
}
RETRY_SECONDS = 1
# gRPC's clients take 8 KiB of metadata: the message, percent-encoded, and the status with all its details, in base64.
_MAX_MESSAGE_BYTES = 500
_MAX_DETAILS_BYTES = 3500
_OVERHEAD_BYTES = 4  # of an item of a list


def to_status(error: ReelmillError) -> Status:
    """The status that tells a client all that it can act on."""
    status = Status(code=_CODES.get(type(error), code_pb2.INTERNAL), message=_cut(str(error)))
    info = error_details_pb2.ErrorInfo(reason=_REASONS.get(type(error), "INTERNAL"), domain="reelmill")
    _add(status, info)
    if isinstance(error, InvalidRequest):
        _add(status, _bad_request(error.violations))
    if isinstance(error, Unavailable | Busy):
        _add(status, error_details_pb2.RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS)))
    return status


def _add(status: Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    """As many as there is room for; the last says how many more there are."""
    told, room = error_details_pb2.BadRequest(), _MAX_DETAILS_BYTES
    for i, violation in enumerate(violations):
        field = told.field_violations.add(field=violation.field, description=violation.description)
        room -= field.ByteSize() + _OVERHEAD_BYTES
        if room < 0 and i:
            field.field, field.description = "", f"and {len(violations) - i} more"
            break
    return told


def _cut(text: str) -> str:
    """A text that is no longer than it may be when it is percent-encoded, as gRPC does it."""
    raw = text.encode(errors="replace")
    return text if len(raw) <= _MAX_MESSAGE_BYTES else f"{raw[:_MAX_MESSAGE_BYTES].decode(errors='ignore')}…"
