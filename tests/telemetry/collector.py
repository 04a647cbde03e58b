"""An OpenTelemetry collector in the test's own process: OTLP over gRPC."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from services.process import HOST
from waiting import PATIENCE_SECONDS


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span that it is sent, with its process's name."""

    def __init__(self) -> None:
        self.url = ""
        self._arrived = threading.Condition()
        self._spans: list[tuple[str, Span]] = []

    def Export(self, request: pb.ExportTraceServiceRequest, context: Any) -> pb.ExportTraceServiceResponse:
        with self._arrived:
            for resource in request.resource_spans:
                service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                self._spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
            self._arrived.notify_all()
        return pb.ExportTraceServiceResponse()

    def wait_for(self, holds: Callable[[Span], bool]) -> Span:
        """The first span of which something holds. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._arrived:
            while not (found := [span for _, span in self._spans if holds(span)]):
                if not self._arrived.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"only {[(service, span.name) for service, span in self._spans]}")
        return found[0]

    def everything(self) -> str:
        """All that arrived, as text."""
        return "\n".join(f"{service} {span}" for service, span in self._spans)

    def trace(self, trace_id: str) -> list[tuple[str, Span]]:
        """The spans of a trace, by their beginning."""
        found = [(service, span) for service, span in self._spans if span.trace_id.hex() == trace_id]
        return sorted(found, key=lambda pair: pair[1].start_time_unix_nano)


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that listens at `.url`."""
    server, made = grpc.server(ThreadPoolExecutor(4)), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)
    made.url = f"http://{HOST}:{server.add_insecure_port(f'{HOST}:0')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(None).wait()


def attributes(span: Span) -> dict[str, Any]:
    """A span's attributes."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
