"""The gRPC api as the gateway sees it: one channel, calls, health."""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.datastructures import Headers

from reelmill import keepalive
from reelmill.gateway.bindings import Binding
from reelmill.gateway.callers import Callers
from reelmill.gateway.problems import from_rpc
from reelmill.jobs.errors import Unavailable, Violation
from reelmill.jobs.rules import CHECK_ONLY
from reelmill.telemetry import traces

_UNARY_SECONDS = 30.0
_HEALTH_SECONDS = 2.0
_MAX_MESSAGE_BYTES = 16 * 2**20

_OPTIONS = (
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    *keepalive.CLIENT,
    # An api that comes back, at the same or another address, is found within 2 s.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    ("grpc.enable_http_proxy", 0),  # a proxy for the internet does not lead to the api
)


class Upstream:
    """Opens lazily and reconnects by itself."""

    def __init__(
        self, target: str, callers: Callers | None = None, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        """`credentials`: of TLS; without them the channel is plain."""
        self._target = target
        self._callers = callers or Callers(required=False, exposed=False)
        self._credentials = credentials
        self._channel: Any = None

    def open(self) -> None:
        """Make the channel, in the running event loop."""
        if self._credentials is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(self._target, self._credentials, options=_OPTIONS)

    async def close(self) -> None:
        """End all calls."""
        await self._channel.close()

    async def call(self, binding: Binding, request: Message, headers: Headers) -> Any:
        """The answer of a unary method, within 30 s. Raises Problem."""
        method = self._channel.unary_unary(
            binding.rpc,
            request_serializer=binding.request_class.SerializeToString,
            response_deserializer=binding.response_class.FromString,
        )
        try:
            answer = await method(request, timeout=_UNARY_SECONDS, metadata=self._metadata(headers))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                self._callers.ended(headers, good=False)
            raise from_rpc(error) from error
        self._callers.ended(headers, good=True)
        return answer

    async def violations(self, binding: Binding, request: Message, headers: Headers) -> Sequence[Violation]:
        """What the api finds wrong with a request that it only checks; nothing where it can't be asked."""
        method = self._channel.unary_unary(binding.rpc, request_serializer=binding.request_class.SerializeToString)
        try:
            await method(request, timeout=_UNARY_SECONDS, metadata=(*self._metadata(headers), CHECK_ONLY))
        except grpc.aio.AioRpcError as error:
            return from_rpc(error).violations
        return ()

    def stream(self, binding: Binding, request: Message, headers: Headers) -> Any:
        """A streaming call, to be read and cancelled."""
        method = self._channel.unary_stream(
            binding.rpc,
            request_serializer=binding.request_class.SerializeToString,
            response_deserializer=binding.response_class.FromString,
        )
        return method(request, metadata=self._metadata(headers))

    def _metadata(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        return (*metadata(headers), *self._callers.metadata(headers))

    async def check(self) -> None:
        """Raises Unavailable unless the api says that it serves."""
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"the api at {self._target}: {error.code().name}: {error.details()}") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            raise Unavailable(f"the api at {self._target} is {name}")


def metadata(headers: Headers) -> tuple[tuple[str, str], ...]:
    """What goes along with a call: the trace."""
    traceparent = traces.traceparent(traces.received(headers.items()))
    return (("traceparent", traceparent),) if traceparent else ()
