"""Spans by the OpenTelemetry SDK, sent by OTLP over gRPC. Imported where traces are on, and nowhere else."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from reelmill import __version__
from reelmill.passwords import parts_of
from reelmill.supervise import supervised_thread
from reelmill.telemetry.spans import Attributes, Kind

_EXPORT_SECONDS = 5.0  # for a call, and for the last spans of a process that stops
_GATHER_SECONDS = 0.5
_BATCH = 512
_MOST_WAITING = 10_000
_W3C = TraceContextTextMapPropagator()


class Tracing:
    """A process's spans. The SDK's own variables hold too, such as OTEL_TRACES_SAMPLER."""

    def __init__(self, service: str, endpoint: str) -> None:
        """Raises ValueError, naming the setting, for an endpoint that is no URL."""
        if (parts := parts_of(endpoint)) is None or parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError("REELMILL_OTLP_ENDPOINT: must be http://host:port or https://host:port of a collector")
        resource = Resource.create({"service.name": f"reelmill-{service}", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(_Sender(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_SECONDS)))
        self._tracer = self._provider.get_tracer("reelmill", __version__)

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, kind: Kind, parent: str) -> Iterator["_Step"]:
        """See traces.span."""
        context = _W3C.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(
            name,
            context,
            trace.SpanKind[kind],
            dict(attributes),
            record_exception=False,  # its text may hold what nobody but the log should have
            set_status_on_exception=False,
        ) as started:
            ids = started.get_span_context()
            step = _Step(started)
            with bound_contextvars(
                trace_id=trace.format_trace_id(ids.trace_id), span_id=trace.format_span_id(ids.span_id)
            ):
                try:
                    yield step
                except Exception as error:
                    code = getattr(error, "code", None)  # of ours; gRPC's is a method
                    step.fail(code if isinstance(code, str) else type(error).__name__)
                    raise

    def traceparent(self) -> str:
        """See traces.traceparent."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent", "")

    def close(self) -> None:
        """Send what is left, for up to 5 s."""
        self._provider.shutdown()


class _Step:
    """Implements spans.Span."""

    def __init__(self, started: trace.Span) -> None:
        self._span = started

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(trace.StatusCode.ERROR)


class _Sender(SpanProcessor):
    """Sends ended spans in batches, from a thread. While the collector is away they are dropped.

    The SDK's own begins a thread in each forked child: under uvloop, between the fork and ffmpeg's start.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._waiting: queue.Queue[ReadableSpan] = queue.Queue(_MOST_WAITING)
        self._leaving = threading.Event()
        self._thread = supervised_thread("traces", self._run, leaving=self._leaving)

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span that is to be sent, where there is room."""
        if span.context and span.context.trace_flags.sampled:
            with suppress(queue.Full):
                self._waiting.put_nowait(span)

    def shutdown(self) -> None:
        """Send what is left, for up to 5 s."""
        self._leaving.set()
        self._thread.join(_EXPORT_SECONDS)
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._leaving.is_set():
            self._leaving.wait(_GATHER_SECONDS)
            while batch := self._take():
                self._exporter.export(batch)

    def _take(self) -> list[ReadableSpan]:
        batch: list[ReadableSpan] = []
        while len(batch) < _BATCH and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        return batch
