"""Refused calls, with all that their rich status tells."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status


@dataclass(kw_only=True)
class Refusal:
    """Why a call was refused; filled in at the end of `refused`."""

    code: str = ""
    message: str = ""
    reason: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None

    def read(self, status: Status) -> None:
        """Take what a status tells."""
        self.message = status.message
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details:
            if detail.Unpack(info):
                assert info.domain == "reelmill"
                self.reason = info.reason
            elif detail.Unpack(bad):
                self.fields |= {v.field: v.description for v in bad.field_violations}
            elif detail.Unpack(retry):
                self.retry_seconds = retry.retry_delay.ToNanoseconds() / 1e9


@contextmanager
def refused() -> Iterator[Refusal]:
    """The call inside must be refused."""
    refusal = Refusal()
    with pytest.raises(grpc.RpcError) as caught:
        yield refusal
    error: Any = caught.value
    refusal.code = error.code().name
    status = rpc_status.from_call(error)
    assert status is not None, error
    refusal.read(status)


def fields_of(call: Callable[..., object], request: object) -> dict[str, str]:
    """The fields that an INVALID_ARGUMENT names."""
    with refused() as refusal:
        call(request)
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    return refusal.fields
