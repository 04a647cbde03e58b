"""What a call can raise, decoded from google.rpc.Status.

ReelmillError         `code` is gRPC's name of the status, such as INTERNAL
├── InvalidRequest    violations, each naming its field
├── NotFound
├── Conflict          same request_id, other job
├── WrongState        e.g. cancelling a COMPLETED job
├── Unauthenticated   no key, or one that is not good
├── PermissionDenied  the key may not do this
├── Unavailable       the server, or a part of it, is away; try again
└── JobFailed         a job FAILED or was CANCELLED, and raise_for_state asked
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Violation:
    """A field (path such as `job.outputs[0].transcode.video.crf`) and what it must be."""

    field: str
    description: str


class ReelmillError(Exception):
    """The server refused or failed."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        violations: Sequence[Violation] = (),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.violations = tuple(violations)
        """What breaks a rule, each with its field; empty unless the request does."""
        self.retry_seconds = retry_seconds
        """How long the server asks to wait before the next try; None where it does not say."""


class InvalidRequest(ReelmillError):
    """The request breaks a rule; violations say which."""


class NotFound(ReelmillError):
    """There is no such thing."""


class Conflict(ReelmillError):
    """The request_id was used with another job; use a new one for another job."""


class WrongState(ReelmillError):
    """The job's state does not allow it."""


class Unauthenticated(ReelmillError):
    """The server asks for a key, and this client has none that is good: token=…, or REELMILL_TOKEN."""


class PermissionDenied(ReelmillError):
    """The key's role does not allow it."""


class Unavailable(ReelmillError):
    """The server, or a part of it, is away; try again."""


class JobFailed(ReelmillError):
    """A job FAILED or was CANCELLED. `code` is the job's own, such as INPUT_NOT_FOUND, and CANCELLED for the second."""

    def __init__(
        self, message: str, *, job_id: str, code: str, cause: str, command: str = "", output: str = ""
    ) -> None:
        super().__init__(message, code=code)
        self.job_id = job_id
        self.cause = cause
        """What went wrong and what to do about it."""
        self.command = command
        """The command that failed, if one did."""
        self.output = output
        """Name of the output concerned, if one is."""


_KINDS: dict[str, type[ReelmillError]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": Conflict,
    "FAILED_PRECONDITION": WrongState,
    "UNAUTHENTICATED": Unauthenticated,
    "PERMISSION_DENIED": PermissionDenied,
    "UNAVAILABLE": Unavailable,
}


def from_status(status: Status) -> ReelmillError:
    """The error that a status tells."""
    bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    violations: list[Violation] = []
    retry_seconds = None
    for detail in status.details:
        if detail.Unpack(bad):
            violations += [Violation(v.field, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToNanoseconds() / 1e9
    known = status.code in code_pb2.Code.values()
    code = code_pb2.Code.Name(status.code) if known else "UNKNOWN"
    kind = _KINDS.get(code, ReelmillError)
    return kind(status.message or code, code=code, violations=violations, retry_seconds=retry_seconds)


def from_rpc_error(error: grpc.RpcError) -> ReelmillError:
    """The error that a failed call tells, by its rich status where the server sent one."""
    call: Any = error  # grpc's types do not say that it is a call too
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            try:
                return from_status(Status.FromString(value))
            except DecodeError:  # from something between us and the server; the plain code is right
                break
    code = call.code()
    return from_status(Status(code=code.value[0], message=call.details() or code.name))
