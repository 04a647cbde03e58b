"""REST requests → calls of the api → answers, bounded alone and together."""

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from reelmill.capacity import Capacity, Limits, Share, off_loop
from reelmill.gateway import streaming
from reelmill.gateway.admission import require_json
from reelmill.gateway.bindings import Binding
from reelmill.gateway.problems import also, invalid
from reelmill.gateway.routing import Endpoint
from reelmill.gateway.transcoding import read, read_body, to_json, too_large
from reelmill.gateway.upstream import Upstream
from reelmill.jobs.errors import MAX_VIOLATIONS


class Calls:
    """Requests → calls of the api, bounded alone and together."""

    def __init__(self, upstream: Upstream, limits: Limits, room: streaming.Room) -> None:
        self._upstream = upstream
        self._limits = limits
        self._room = room
        self._capacity = Capacity()

    def endpoint(self, binding: Binding) -> Endpoint:
        """A binding's endpoint."""

        async def unary(request: Request) -> Response:
            async with self._capacity.share() as share:
                message = await self._message(binding, request, share)
                answer = await self._upstream.call(binding, message, request.headers)
            text = await off_loop(answer.ByteSize(), to_json, answer)
            return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")

        async def stream(request: Request) -> Response:
            async with self._capacity.share() as share:
                message = await self._message(binding, request, share)
            call = self._room.open(lambda: self._upstream.stream(binding, message, request.headers))
            return await streaming.respond(call)

        if binding.method.server_streaming:
            return Endpoint(verb=binding.verb, template=binding.template, handler=stream, head=False)
        return Endpoint(verb=binding.verb, template=binding.template, handler=unary)

    async def _message(self, binding: Binding, request: Request, share: Share) -> Message:
        headers, query, body = request.headers, request.scope["query_string"], b""
        limit = self._limits.of(binding.method.input_type.full_name)
        if binding.body:
            require_json(headers)
            body = await read_body(headers, request.stream(), limit, share)
        reading = await off_loop(len(body), read, binding, request.path_params, query, headers, body)
        if reading.message.ByteSize() > limit:
            raise too_large(f"the request is larger than {limit} bytes, as protobuf")
        if found := reading.violations:
            if binding.body and len(found) < MAX_VIOLATIONS:  # the api knows more rules: all is told at once
                found = also(found, await self._upstream.violations(binding, reading.message, headers))
            raise invalid(found)
        return reading.message
