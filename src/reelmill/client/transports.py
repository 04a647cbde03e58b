"""How calls go by gRPC, blocking and for asyncio. Both raise ReelmillError, and nothing of gRPC's."""

from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol

import grpc

from reelmill.client.calls import Answer, Call
from reelmill.client.channel import OPTIONS, Place
from reelmill.client.errors import from_rpc_error


class Transport(Protocol):
    """What a blocking client's calls go by; `timeout_seconds` None: no bound."""

    def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        ...

    def events(self, call: Call[Answer], timeout_seconds: float | None) -> Generator[Answer, None, None]:
        """One connection's answers; closing it ends the call."""
        ...

    def close(self) -> None:
        """Disconnect. Bears being called twice."""
        ...


class AsyncTransport(Protocol):
    """The same for asyncio."""

    async def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        ...

    def events(self, call: Call[Answer], timeout_seconds: float | None) -> AsyncGenerator[Answer, None]:
        """One connection's answers; closing it ends the call."""
        ...

    async def close(self) -> None:
        """Disconnect. Bears being called twice."""
        ...


class Grpc:
    """Connects at the first call."""

    def __init__(self, where: Place) -> None:
        self._metadata = where.metadata
        if where.credentials is None:
            self._channel = grpc.insecure_channel(where.target, options=OPTIONS)
        else:
            self._channel = grpc.secure_channel(where.target, where.credentials, options=OPTIONS)

    def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        method = self._channel.unary_unary(call.path, **_serializers(call))
        try:
            answer: Answer = method(call.request, timeout=timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        return answer

    def events(self, call: Call[Answer], timeout_seconds: float | None) -> Generator[Answer, None, None]:
        """One connection's answers; closing it ends the call."""
        method = self._channel.unary_stream(call.path, **_serializers(call))
        stream = method(call.request, timeout=timeout_seconds, metadata=self._metadata)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        finally:
            stream.cancel()

    def close(self) -> None:
        """Disconnect."""
        self._channel.close()


class AsyncGrpc:
    """The same for one event loop."""

    def __init__(self, where: Place) -> None:
        self._metadata = where.metadata
        if where.credentials is None:
            self._channel = grpc.aio.insecure_channel(where.target, options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(where.target, where.credentials, options=OPTIONS)

    async def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        method = self._channel.unary_unary(call.path, **_serializers(call))
        try:
            answer: Answer = await method(call.request, timeout=timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        return answer

    async def events(self, call: Call[Answer], timeout_seconds: float | None) -> AsyncGenerator[Answer, None]:
        """One connection's answers; closing it ends the call."""
        method = self._channel.unary_stream(call.path, **_serializers(call))
        stream = method(call.request, timeout=timeout_seconds, metadata=self._metadata)
        try:
            async for answer in stream:
                yield answer
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        finally:
            stream.cancel()

    async def close(self) -> None:
        """Disconnect."""
        await self._channel.close()


def _serializers(call: Call[Any]) -> dict[str, Any]:
    return {
        "request_serializer": type(call.request).SerializeToString,
        "response_deserializer": call.answer.FromString,
    }
