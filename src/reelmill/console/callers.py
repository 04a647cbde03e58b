"""Whose page it is: the api is asked with the key of the session, or with the one that a proxy before us put in."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from starlette.datastructures import Headers
from starlette.requests import Request

from reelmill.auth.tokens import parse
from reelmill.console.sessions import COOKIE, Sessions
from reelmill.gateway.bindings import Binding
from reelmill.gateway.upstream import Upstream

_PASSED_ON = ("traceparent", "tracestate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Asks the api for a reader."""

    headers: Headers
    """What goes along: the credentials, and the trace."""
    signed_in: bool
    """Whether it is by a session of ours, which can be ended."""
    _upstream: Upstream
    _methods: Mapping[str, Binding]

    async def ask(self, method: str, request: Message) -> Any:
        """The answer of a unary method of the api. Raises Problem."""
        return await self._upstream.call(self._methods[method], request, self.headers)

    def follow(self, method: str, request: Message) -> Any:
        """A streaming call."""
        return self._upstream.stream(self._methods[method], request, self.headers)

    @property
    def digest(self) -> str:
        """Tells readers apart, and says nothing of their keys."""
        return hashlib.sha256(self.headers.get("authorization", "").encode(errors="replace")).hexdigest()

    @property
    def name(self) -> str:
        """What the page calls its reader: a key by its id, which is no secret."""
        text = self.headers.get("authorization", "").partition(" ")[2]
        if not text:
            return ""
        token = parse(text)
        return f"key {token.id}" if token else "token"


class Callers:
    """Finds out who reads."""

    def __init__(self, upstream: Upstream, methods: Mapping[str, Binding], sessions: Sessions) -> None:
        self._upstream = upstream
        self._methods = methods
        self._sessions = sessions

    def of(self, request: Request) -> Caller:
        """Who sent a request."""
        token = self._sessions.token(request.cookies.get(COOKIE, ""), now=time.time())
        given = [f"Bearer {token}"] if token else request.headers.getlist("authorization")
        return self._caller(request, given, signed_in=bool(token))

    def with_token(self, request: Request, token: str) -> Caller:
        """Who would have sent it with this token."""
        return self._caller(request, [f"Bearer {token}"], signed_in=True)

    def _caller(self, request: Request, given: list[str], *, signed_in: bool) -> Caller:
        pairs = [(name, request.headers[name]) for name in _PASSED_ON if name in request.headers]
        pairs += [("authorization", value) for value in given]
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]
        return Caller(headers=Headers(raw=raw), signed_in=signed_in, _upstream=self._upstream, _methods=self._methods)


def as_theirs(request: Request, caller: Caller) -> Request:
    """The same request as one of the REST form, with the reader's credentials."""
    kept = [pair for pair in request.scope["headers"] if pair[0] not in (b"authorization", b"cookie")]
    given = [pair for pair in caller.headers.raw if pair[0] == b"authorization"]
    return Request({**request.scope, "headers": [*kept, *given]}, request.receive)
