"""Around every call: who makes it, its bytes bounded, its request checked; errors as statuses, metrics, logs."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import grpc
from google.rpc.status_pb2 import Status

from reelmill.api.checks import Checks
from reelmill.api.door import Door, Visit
from reelmill.api.errors import to_status
from reelmill.api.presets import Library, NoLibrary
from reelmill.api.reading import decode, read
from reelmill.capacity import Capacity, Limits, Share, off_loop
from reelmill.jobs.errors import InvalidRequest, ReelmillError, Violation
from reelmill.jobs.rules import CHECK_ONLY
from reelmill.store.tenancy import Identity
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import api_calls, api_seconds

log = get_logger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_OWN_MAX_BYTES = 2**14  # of a request to health and reflection, which gRPC brings along


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Reads and checks requests before a method sees them, and turns what it raises into a status."""

    def __init__(self, checks: Checks, limits: Limits, door: Door, library: Library | None = None) -> None:
        """`library`: of presets of tenants' own; without it there are none."""
        self._library = library or NoLibrary()
        self._checks = checks
        self._limits = limits
        self._door = door
        self._capacity = Capacity()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap the method's handler: it gets the request's bytes from gRPC, and reads them itself."""
        handler = await continuation(details)
        if handler is None:
            return None
        if not details.method.startswith("/reelmill."):
            return _decoding(handler)
        name = details.method.rsplit("/", 1)[1]
        if handler.response_streaming:
            call: Any = self._stream(name, details.method, handler)
            return grpc.unary_stream_rpc_method_handler(call, None, handler.response_serializer)
        call = self._unary(name, details.method, handler)
        return grpc.unary_unary_rpc_method_handler(call, None, handler.response_serializer)

    def _unary(self, name: str, path: str, handler: Any) -> Callable[[bytes, Any], Awaitable[Any]]:
        async def call(raw: bytes, context: Any) -> Any:
            start, code = time.monotonic(), "OK"
            metadata = context.invocation_metadata() or ()
            visit: Visit | None = None
            request = None
            try:
                with traces.span(
                    name, {"rpc.system": "grpc", "rpc.method": name}, kind="SERVER", parent=traces.received(metadata)
                ):
                    visit = await self._door.enter(path, context)
                    async with self._capacity.share() as share:
                        request = await self._request(raw, handler, visit, share, only=CHECK_ONLY in metadata)
                        answer = await handler.unary_unary(request, context)
                    await visit.ended(request, answer, code)
                    return answer
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except Exception as error:
                refusal = _status(name, error)
                code = _CODES[refusal.code].name
                if visit is not None and request is not None:
                    with suppress(ReelmillError):  # the refusal is told all the same
                        await visit.ended(request, None, code)
            finally:  # before the client hears: who asks for the metrics then finds the call in them
                api_calls(name, code).inc()
                api_seconds(name, code).observe(time.monotonic() - start)
            return await _abort(context, refusal)

        return call

    def _stream(self, name: str, path: str, handler: Any) -> Callable[[bytes, Any], AsyncGenerator[Any]]:
        async def call(raw: bytes, context: Any) -> AsyncGenerator[Any]:
            code, refusal = "OK", None
            try:
                visit = await self._door.enter(path, context)
                async with self._capacity.share() as share:
                    request = await self._request(raw, handler, visit, share)
                with visit.stream():
                    async with aclosing(handler.unary_stream(request, context)) as answers:
                        async for answer in answers:
                            yield answer
            except (asyncio.CancelledError, GeneratorExit):  # the second where the client left while one was sent
                code = "CANCELLED"
                raise
            except Exception as error:
                refusal = _status(name, error)
                code = _CODES[refusal.code].name
            finally:  # before the client hears: who asks for the metrics then finds the call in them
                api_calls(name, code).inc()
            if refusal is not None:
                await _abort(context, refusal)

        return call

    async def _request(self, raw: bytes, handler: Any, visit: Visit, share: Share, *, only: bool = False) -> Any:
        """The request, which breaks no rule and names nothing of others. Raises InvalidRequest (always where it is
        `only` checked), NotFound.
        """
        await share.grow(len(raw))
        request = await off_loop(len(raw), self._read, raw, handler.request_deserializer)
        await self._library.open(visit.identity.tenant_id, request)
        await off_loop(len(raw), self._check, request, visit.identity, only)
        await visit.check(request)
        return request

    def _read(self, raw: bytes, parse: Callable[[bytes], Any]) -> Any:
        limit = self._limits.of(parse.__self__.DESCRIPTOR.full_name)  # type: ignore[attr-defined]  # a class's FromString
        _bound(raw, limit)
        return read(raw, parse)

    def _check(self, request: Any, who: Identity, only: bool) -> None:
        checks = self._checks.of(who.tenant_id)
        found = checks.everything(request) if only else checks.request(request)
        if found or only:
            raise InvalidRequest(found)


def _bound(raw: bytes, limit: int) -> None:
    if len(raw) > limit:
        raise InvalidRequest([Violation("request", f"has {len(raw)} bytes; at most {limit} are allowed")])


def _decoding(handler: Any) -> Any:
    """A handler of gRPC's own services: bytes that can't be decoded are the client's fault, and no trace."""
    parse, serialize = handler.request_deserializer, handler.response_serializer

    async def request(raw: bytes, context: Any) -> Any:
        try:
            _bound(raw, _OWN_MAX_BYTES)
            return decode(raw, parse)
        except InvalidRequest as error:
            await _abort(context, to_status(error))

    async def requests(raws: AsyncIterable[bytes], context: Any) -> AsyncGenerator[Any]:
        async for raw in raws:
            yield await request(raw, context)

    async def unary(raw: bytes, context: Any) -> Any:
        return await (handler.unary_unary or handler.unary_stream)(await request(raw, context), context)

    async def stream(raws: AsyncIterable[bytes], context: Any) -> AsyncGenerator[Any]:
        async for answer in handler.stream_stream(requests(raws, context), context):
            yield answer

    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(stream, None, serialize)
    if handler.response_streaming:
        assert not inspect.isasyncgenfunction(handler.unary_stream)  # health's Watch writes by the context
        return grpc.unary_stream_rpc_method_handler(unary, None, serialize)
    return grpc.unary_unary_rpc_method_handler(unary, None, serialize)


def _status(name: str, error: Exception) -> Status:
    if not isinstance(error, ReelmillError):
        log.exception("a method failed", method=name)
        error = ReelmillError("a fault of the server; its log has the trace")
    return to_status(error)


async def _abort(context: Any, status: Status) -> None:
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, trailing_metadata=details)
