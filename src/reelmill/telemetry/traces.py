"""Traces: one from a client's call to each ffmpeg run. Off, a span costs a comparison and nothing is imported."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from reelmill.telemetry.spans import Attributes, Kind, Span

if TYPE_CHECKING:
    from reelmill.telemetry.otlp import Tracing

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")
"""The W3C header; its first group is the trace's id."""


class _Off:
    def set(self, attributes: Attributes) -> None:
        """Nothing."""

    def fail(self, reason: str) -> None:
        """Nothing."""


OFF: AbstractContextManager[Span] = nullcontext(_Off())
_NONE: Attributes = {}
_tracing: "Tracing | None" = None  # the process's, as its logging is


def span(
    name: str, attributes: Attributes = _NONE, *, kind: Kind = "INTERNAL", parent: str = ""
) -> AbstractContextManager[Span]:
    """A step: below the `parent` whose traceparent is given, else below the step that runs, else a new trace's first.

    An exception marks it as failed, and goes on. Log lines from within have the trace's and the step's id.
    """
    return _tracing.span(name, attributes, kind=kind, parent=parent) if _tracing else OFF


def traceparent(received: str = "") -> str:
    """The W3C header that continues the step that runs; `received`, where traces are off."""
    return _tracing.traceparent() if _tracing else received


def received(headers: Iterable[tuple[str, str | bytes]]) -> str:
    """The traceparent among a call's headers; empty where there is none, or one of another form."""
    found = next((value for name, value in headers if name == "traceparent"), "")
    return found if isinstance(found, str) and TRACEPARENT.fullmatch(found) else ""


def trace_id(header: str) -> str | None:
    """The trace's id of a traceparent; None where it is none."""
    match = TRACEPARENT.fullmatch(header)
    return match[1] if match else None


@asynccontextmanager
async def exporting(service: str, endpoint: str) -> AsyncIterator[None]:
    """Send this process's spans to the collector at `endpoint` while open; empty: do nothing.

    Raises ValueError, naming the setting, for an endpoint that is no URL.
    """
    global _tracing
    if not endpoint:
        yield
        return
    from reelmill.telemetry.otlp import Tracing  # late: the SDK takes a quarter of a second

    _tracing = Tracing(service, endpoint)
    try:
        yield
    finally:
        tracing, _tracing = _tracing, None
        await asyncio.to_thread(tracing.close)
