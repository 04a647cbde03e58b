"""Requests → handlers, by method and path; around each: problems, metrics, security headers, a log line for faults."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import MutableHeaders, URLPath
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Message, Receive, Scope, Send

from reelmill.gateway.admission import Admission
from reelmill.gateway.bindings import Template, decode
from reelmill.gateway.callers import CLIENT, Networks, client_address
from reelmill.gateway.problems import Problem, from_error, internal
from reelmill.jobs.errors import ReelmillError
from reelmill.telemetry import traces
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import gateway_requests
from reelmill.telemetry.spans import Span

log = get_logger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE = 499

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A handler of a method on a path; it finds the path's variables in `request.path_params`."""

    verb: str
    template: Template
    handler: Handler
    head: bool = True  # whether a GET answers HEAD as well: not for endless ones

    @property
    def verbs(self) -> tuple[str, ...]:
        """The methods that it answers."""
        return ("GET", "HEAD") if self.verb == "GET" and self.head else (self.verb,)


class Router(BaseRoute):
    """The application's only route. Paths are matched before percent-decoding: %2F and %3A are no separators."""

    def __init__(self, endpoints: Iterable[Endpoint], admission: Admission, proxies: Networks = ()) -> None:
        """`proxies`: where those are who say truly for whom they ask."""
        self._admission = admission
        self._proxies = proxies
        self._routes: dict[str, tuple[re.Pattern[str], dict[str, Endpoint]]] = {}
        for endpoint in endpoints:
            template = endpoint.template
            _, by_verb = self._routes.setdefault(template.text, (template.compile(), {}))
            by_verb.update(dict.fromkeys(endpoint.verbs, endpoint))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """All of HTTP."""
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Routes have no names."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = _Answer(send, head=scope["method"] == "HEAD")
        route = "none"
        began = time.monotonic()
        try:
            request = Request(scope, receive)
            peer, forwarded = request.client, request.headers.getlist("x-forwarded-for")
            CLIENT.set(client_address(peer.host, forwarded, self._proxies) if peer else "")
            self._admission.check(scope["method"], scope["path"], request.headers)
            route, endpoint, variables = self._find(scope)
            scope["path_params"] = variables
            with _span(route, request) as span:
                response = await endpoint.handler(request)
                await response(scope, receive, answer)
                span.set({"http.response.status_code": answer.status})
        except ClientDisconnect:
            answer.status = answer.status or _CLIENT_GONE
        except (Problem, ReelmillError) as error:
            problem = error if isinstance(error, Problem) else from_error(error)
            await self._refuse(problem, scope, receive, answer, route)
        except Exception as error:
            log.exception("a handler failed", method=scope["method"], route=route)
            await self._refuse(internal(repr(error)), scope, receive, answer, route)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            requests, seconds = gateway_requests(method, route, answer.status or _CLIENT_GONE)
            requests.inc()
            seconds.observe((answer.began or time.monotonic()) - began)

    def _find(self, scope: Scope) -> tuple[str, Endpoint, dict[str, str]]:
        """The route, its endpoint and the path's variables. Raises Problem: 404, 405, or 400 for odd bytes."""
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        for route, (pattern, by_verb) in self._routes.items():
            if match := pattern.fullmatch(path):
                endpoint = by_verb.get(scope["method"])
                if endpoint is None:
                    allow = ", ".join(sorted(by_verb))
                    raise Problem(405, "METHOD_NOT_ALLOWED", f"{route} takes {allow}", headers={"Allow": allow})
                try:
                    return route, endpoint, decode(match.groupdict())
                except UnicodeDecodeError as error:
                    raise Problem(400, "INVALID_REQUEST", "the path is not UTF-8") from error
        raise Problem(404, "NO_SUCH_ROUTE", "there is nothing at this path; /openapi.json lists what there is")

    @staticmethod
    async def _refuse(problem: Problem, scope: Scope, receive: Receive, answer: "_Answer", route: str) -> None:
        if problem.status >= 500:
            log.error("request failed", method=scope["method"], route=route, code=problem.code, reason=problem.cause)
        if answer.status:  # too late to say so: cut the connection, so that nobody takes the body for whole
            raise problem
        await problem.to_response()(scope, receive, answer)


def _span(route: str, request: Request) -> AbstractContextManager[Span]:
    """A step of the caller's trace. Probes, metrics and pages have none."""
    if not route.startswith("/v1/"):
        return traces.OFF
    attributes = {"http.request.method": request.method, "http.route": route}
    received = traces.received(request.headers.items())
    return traces.span(f"{request.method} {route}", attributes, kind="SERVER", parent=received)


class _Answer:
    """The server's `send`: adds headers, drops the body for HEAD, remembers status and time."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self._send = send
        self._head = head
        self.status = 0
        self.began = 0.0

    async def __call__(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self.status, self.began = message["status"], time.monotonic()
            message = {**message, "headers": list(message.get("headers", ()))}
            MutableHeaders(raw=message["headers"]).setdefault("X-Content-Type-Options", "nosniff")
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)
