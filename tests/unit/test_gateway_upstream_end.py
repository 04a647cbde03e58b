"""The gateway's channel to the api, by itself."""

import grpc
import pytest
from starlette.datastructures import Headers

from reelmill.gateway.upstream import Upstream, metadata
from reelmill.jobs.errors import Unavailable


async def test_after_its_end_nothing_is_called_any_more() -> None:
    upstream = Upstream("127.0.0.1:1")
    upstream.open()
    with pytest.raises(Unavailable, match=r"the api at 127\.0\.0\.1:1: UNAVAILABLE: "):
        await upstream.check()
    await upstream.close()
    with pytest.raises(grpc.aio.UsageError, match="closed"):
        await upstream.check()


def test_a_call_takes_the_callers_trace_along() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert metadata(Headers({"traceparent": trace, "other": "x"})) == (("traceparent", trace),)
    assert metadata(Headers({"traceparent": "nonsense"})) == ()
    assert metadata(Headers({})) == ()
