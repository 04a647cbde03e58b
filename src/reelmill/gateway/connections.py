"""Bounds of what one connection, and all of them together, may take: uvicorn has none for a client that is slow.

A connection is idle until a request's head is there, and again after its answer. Where there are too many, the one
that is idle for the longest gives way, so that thousands that never finish a head keep nobody out.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from reelmill.gateway.problems import MEDIA_TYPE, Problem
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_READ_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """What connections of a server may take."""

    connections: int = 4000
    head_seconds: float = 10.0
    """From a connection's first moment, or the first byte of a later request, to the end of the request's head."""
    head_bytes: int = 65_536
    head_fields: int = 100
    body_window_seconds: float = 30.0
    body_bytes_per_second: float = 1024.0
    """Least speed of a body over each window, unless we are who is slow."""
    unread_seconds: float = 120.0
    """How long a client may take nothing of an answer that waits for it."""


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol within `limits`. A subclass for each server keeps its idle connections."""

    limits: ConnectionLimits
    idle: "dict[LimitedProtocol, None]"
    """Longest idle first."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._head_bytes = 0
        self._in_head = True
        self._begun = False  # whether a part of the head is there
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._body_bytes = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in an idle one's place where there are too many."""
        super().connection_made(transport)
        self.idle[self] = None
        self._start_head()
        if len(self.connections) > self.limits.connections:
            oldest = next(iter(self.idle))
            oldest._refuse(_all_busy() if oldest is self else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.idle.pop(self, None)
        for timer in (self._deadline, self._body_timer, self._unread_timer):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    # The head

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the head is too large."""
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None and self in self.idle:
                self._start_head()
        super().data_received(data)
        if self._in_head and not self._refused and self._head_bytes > self.limits.head_bytes:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request's head is there."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.head_bytes or len(self.headers) > self.limits.head_fields:
            self._refuse_head()
            return
        self._in_head = self._begun = False
        self._head_bytes = 0
        self._stop_head()
        self.idle.pop(self, None)
        super().on_headers_complete()
        self._watch_body()

    # The body

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if not self._refused:
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        if not self._refused:
            self._in_head = True  # what follows is another
            self._stop_body()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer was given."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self.idle[self] = None
            if self._begun:
                self._start_head()

    # The answer

    def pause_writing(self) -> None:
        """The client takes nothing at present."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(self.limits.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client takes something."""
        if self._unread_timer:
            self._unread_timer.cancel()
        super().resume_writing()

    def _start_head(self) -> None:
        self._deadline = self.loop.call_later(self.limits.head_seconds, self._head_is_due)

    def _stop_head(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_due(self) -> None:
        # Where the loop was busy the head may lie in the socket: it is read before this comes up.
        self._deadline = self.loop.call_later(_READ_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        seconds = self.limits.head_seconds
        late = Problem(408, "REQUEST_TIMEOUT", f"the request's head did not come within {seconds:g} s")
        self._refuse(late if self._begun else None)

    def _refuse_head(self) -> None:
        limits = self.limits
        detail = f"the request's head has more than {limits.head_bytes} bytes or {limits.head_fields} fields"
        self._refuse(Problem(431, "HEADERS_TOO_LARGE", detail))

    def _watch_body(self) -> None:
        self._stop_body()
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self.limits.body_window_seconds, self._look_at_body)

    def _stop_body(self) -> None:
        if self._body_timer:
            self._body_timer.cancel()
            self._body_timer = None

    def _look_at_body(self) -> None:
        limits = self.limits
        if self._body_bytes >= limits.body_bytes_per_second * limits.body_window_seconds or self.flow.read_paused:
            self._watch_body()
            return
        seconds = limits.body_window_seconds
        detail = f"the body came slower than {limits.body_bytes_per_second:g} bytes/s over {seconds:g} s"
        slow = Problem(408, "REQUEST_TIMEOUT", detail)
        self._refuse(None if self.cycle.response_started else slow)

    def _refuse(self, problem: Problem | None) -> None:
        self._refused = True
        self.idle.pop(self, None)
        if self.transport.is_closing():
            return
        if problem:
            body = problem.to_json().encode()
            fields = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close"}
            lines = [f"{name}: {value}\r\n".encode() for name, value in (fields | problem.headers).items()]
            self.transport.write(b"".join((STATUS_LINE[problem.status], *lines, b"\r\n", body)))
        self.transport.close()


def protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """The protocol of one server, for uvicorn's `http`."""

    class Protocol(LimitedProtocol):
        pass

    Protocol.limits, Protocol.idle = limits, {}
    return Protocol


def _all_busy() -> Problem:
    detail = "all connections are busy; try again (http_max_connections)"
    return Problem(503, "TOO_MANY_CONNECTIONS", detail, headers={"Retry-After": "1"})
