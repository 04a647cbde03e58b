"""What ends a stream from outside, in the moments that a client can't choose."""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import grpc
from api.test_service import OPEN
from prometheus_client import REGISTRY

from reelmill.api.checks import Checks
from reelmill.api.interceptors import Guard
from reelmill.capacity import Limits
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.telemetry.metrics import expose
from reelmill.v1 import jobs_pb2 as pb


class Details(NamedTuple):
    """Of a call, as grpc gives them."""

    method: str


async def test_a_client_that_leaves_while_an_answer_is_sent_ends_the_method_and_is_no_success() -> None:
    ended = []

    async def method(request: Any, context: Any) -> AsyncGenerator[pb.JobEvent]:
        try:
            while True:
                yield pb.JobEvent()
        finally:
            ended.append(request.id)

    async def continuation(details: Details) -> Any:
        return grpc.unary_stream_rpc_method_handler(method, pb.WatchJobRequest.FromString)

    def counted(code: str) -> float:
        return REGISTRY.get_sample_value("reelmill_api_requests_total", {"method": "WatchJob", "code": code}) or 0

    expose("api")
    guard = Guard(Checks(Storage.from_settings(Settings())), Limits(request_max_bytes=1000, batch_max_bytes=1000), OPEN)
    handler = await guard.intercept_service(continuation, Details("/reelmill.v1.JobService/WatchJob"))
    before = counted("OK"), counted("CANCELLED")
    job_id = "01a20f54-614c-764d-9ec2-1395bd6d3e39"
    answers = handler.unary_stream(pb.WatchJobRequest(id=job_id).SerializeToString(), None)
    await anext(answers)
    await answers.aclose()  # grpc lets go of it there, and Python closes it
    assert ended == [job_id]
    assert (counted("OK"), counted("CANCELLED")) == (before[0], before[1] + 1)
