"""Around every call: rules of its request, errors as rich statuses, metrics, a log line for faults."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.rpc.status_pb2 import Status

from reelmill.api.errors import to_status
from reelmill.api.validation import violations
from reelmill.jobs.errors import InvalidRequest, ReelmillError
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import api_calls, api_seconds
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest

log = get_logger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Checks requests before a method sees them, and turns what it raises into a status."""

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap the method's handler."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith("/reelmill."):
            return handler
        name = details.method.rsplit("/", 1)[1]
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                _stream(name, handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            _unary(name, handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )


def _unary(name: str, method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: Any) -> Any:
        start, code = time.monotonic(), "OK"
        parent = traces.received(context.invocation_metadata() or ())
        try:
            with traces.span(name, {"rpc.system": "grpc", "rpc.method": name}, kind="SERVER", parent=parent):
                _check(request)
                return await method(request, context)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception as error:
            status = _status(name, error)
            code = _CODES[status.code].name
            await _abort(context, status)
        finally:
            api_calls(name, code).inc()
            api_seconds(name, code).observe(time.monotonic() - start)

    return call


def _stream(name: str, method: Callable[[Any, Any], AsyncGenerator[Any]]) -> Callable[[Any, Any], AsyncGenerator[Any]]:
    async def call(request: Any, context: Any) -> AsyncGenerator[Any]:
        code = "OK"
        try:
            _check(request)
            async with aclosing(method(request, context)) as answers:
                async for answer in answers:
                    yield answer
        except (asyncio.CancelledError, GeneratorExit):  # the second where the client left while an answer was sent
            code = "CANCELLED"
            raise
        except Exception as error:
            status = _status(name, error)
            code = _CODES[status.code].name
            await _abort(context, status)
        finally:
            api_calls(name, code).inc()

    return call


def _check(request: Any) -> None:
    # Each item of a batch is accepted or refused by itself, by the method.
    if found := violations(request, deep=not isinstance(request, BatchCreateJobsRequest)):
        raise InvalidRequest(found)


def _status(name: str, error: Exception) -> Status:
    if not isinstance(error, ReelmillError):
        log.exception("a method failed", method=name)
        error = ReelmillError("a fault of the server; its log has the trace")
    return to_status(error)


async def _abort(context: Any, status: Status) -> None:
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, trailing_metadata=details)
