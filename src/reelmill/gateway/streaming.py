"""A gRPC stream as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import grpc
from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reelmill.gateway.problems import Problem, from_rpc
from reelmill.gateway.transcoding import to_json
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
# How long an error may take to become the answer's status. A stream without news begins after this.
_FIRST_SECONDS = 2.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Room:
    """How many streams may be open at once: they must leave connections for other requests."""

    def __init__(self, streams: int) -> None:
        self._left = streams

    def open(self, make: Callable[[], Any]) -> Any:
        """A streaming call, which has its place until it ends. Raises Problem where there is none left."""
        self._take()
        try:
            call = make()
        except BaseException:
            self._left += 1
            raise
        call.add_done_callback(self._leave)
        return call

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for as long as it is open. Raises Problem where there is none left."""
        self._take()
        try:
            yield
        finally:
            self._left += 1

    def _take(self) -> None:
        if self._left <= 0:
            detail = "too many jobs are watched here at once; try again, or ask for the job now and then"
            raise Problem(503, "TOO_MANY_WATCHES", detail, headers={"Retry-After": "5"})
        self._left -= 1

    def _leave(self, _call: Any) -> None:
        self._left += 1


async def respond(call: Any) -> Response:
    """The response that carries a streaming call's messages; cancels the call with the client.

    204, which ends a browser's reconnecting, where the stream has none. Raises Problem where the call fails at once.
    """
    first = asyncio.ensure_future(call.read())
    try:
        await asyncio.wait({first}, timeout=_FIRST_SECONDS)
        if first.done() and first.result() is grpc.aio.EOF:
            return Response(status_code=204, headers=_HEADERS)
    except grpc.aio.AioRpcError as error:
        raise from_rpc(error) from error
    except asyncio.CancelledError:
        call.cancel()
        raise
    return _EventStream(call, first)


class _EventStream(StreamingResponse):
    """Whatever ends it, the call ends too."""

    def __init__(self, call: Any, first: asyncio.Future[Any]) -> None:
        super().__init__(_frames(call, first), headers=_HEADERS, media_type=MEDIA_TYPE)
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the last event or the client's leave."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._call.cancel()


async def _frames(call: Any, reading: asyncio.Future[Any]) -> AsyncIterator[str]:
    if not reading.done():
        yield ": nothing yet\n\n"  # brings the headers to the client
    try:
        while True:
            while not reading.done():
                # Not wait_for: to cancel a read is to cancel the call.
                await asyncio.wait({reading}, timeout=KEEP_ALIVE_SECONDS)
                if not reading.done():
                    yield ": keep-alive\n\n"
            if (event := reading.result()) is grpc.aio.EOF:
                return
            yield frame(event)
            reading = asyncio.ensure_future(call.read())
    except grpc.aio.AioRpcError as error:
        problem = from_rpc(error)
        if problem.status >= 500:
            log.error("a stream failed", code=problem.code, reason=problem.cause)
        yield error_frame(problem)
    finally:
        reading.cancel()


def frame(event: Message) -> str:
    """An event's lines. What has no sequence number is progress: it is not kept, so can't be resumed from."""
    of: Any = type(event)
    return _frame(of, event.SerializeToString(deterministic=True))


@lru_cache(maxsize=1024)
def _frame(of: Any, data: bytes) -> str:
    """Written once for all who watch a job."""
    event = of.FromString(data)
    sequence = getattr(event, "sequence", 0)
    head = f"id: {sequence}\nevent: state\n" if sequence > 0 else "event: progress\n"
    return f"{head}data: {to_json(event)}\n\n"


def error_frame(problem: Problem) -> str:
    """The last event of a stream that failed."""
    return f"event: error\ndata: {problem.to_json()}\n\n"
