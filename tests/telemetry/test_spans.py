"""Spans of this process, with a collector in the place of the exporter: batches, the last of a process, errors, ids."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from waiting import PATIENCE_SECONDS

from reelmill import __version__
from reelmill.jobs.errors import AttemptFailed
from reelmill.telemetry import otlp
from reelmill.telemetry.otlp import Tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Exporter:
    """Keeps what it is to send; `go` lets it."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.batches: list[list[ReadableSpan]] = []
        self.ended = False
        self.go = threading.Event()
        self.go.set()

    def export(self, spans: Sequence[ReadableSpan]) -> None:
        self.go.wait(PATIENCE_SECONDS)
        self.batches.append(list(spans))

    def shutdown(self) -> None:
        self.ended = True

    @property
    def spans(self) -> list[ReadableSpan]:
        return [span for batch in self.batches for span in batch]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tracing, Exporter]]:
    made: list[Exporter] = []

    def make(**options: Any) -> Exporter:
        made.append(Exporter(**options))
        return made[-1]

    monkeypatch.setattr(otlp, "OTLPSpanExporter", make)
    tracing = Tracing("worker", "http://collector:4317")
    yield tracing, made[0]
    made[0].go.set()
    tracing.close()


def test_what_ended_is_sent_at_the_latest_as_the_process_stops(sent: tuple[Tracing, Exporter]) -> None:
    tracing, exporter = sent
    assert exporter.options == {"endpoint": "http://collector:4317", "timeout": 5.0}
    with tracing.span("one", {"a": 1}, kind="SERVER", parent=PARENT) as step:
        ids = structlog.contextvars.get_contextvars()
        header = tracing.traceparent()
        step.set({"b": "x"})
        with tracing.span("two", {}, kind="INTERNAL", parent=""):
            pass
    assert tracing.traceparent() == "", "outside of any"
    assert "traces" in (thread.name for thread in threading.enumerate())
    tracing.close()
    assert "traces" not in (thread.name for thread in threading.enumerate()), "nothing is sent later"
    assert exporter.ended
    two, one = exporter.spans
    assert (one.name, dict(one.attributes or {}), one.kind) == ("one", {"a": 1, "b": "x"}, SpanKind.SERVER)
    assert dict(one.resource.attributes)["service.name"] == "reelmill-worker"
    assert dict(one.resource.attributes)["service.version"] == __version__
    assert one.context and one.parent and two.context and two.parent
    trace_id, span_id = f"{one.context.trace_id:032x}", f"{one.context.span_id:016x}"
    assert (trace_id, f"{one.parent.span_id:016x}") == (PARENT[3:35], PARENT[36:52])
    assert (ids["trace_id"], ids["span_id"]) == (trace_id, span_id)
    assert header == f"00-{trace_id}-{span_id}-01"
    assert (two.parent.span_id, two.context.trace_id) == (one.context.span_id, one.context.trace_id)
    assert {span.status.status_code for span in (one, two)} == {StatusCode.UNSET}
    assert "trace_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("error", "named"),
    [(AttemptFailed("DISK_FULL", "secret"), "DISK_FULL"), (ZeroDivisionError("secret"), "ZeroDivisionError")],
)
def test_a_step_that_fails_has_the_errors_name_and_not_its_words(
    sent: tuple[Tracing, Exporter], error: Exception, named: str
) -> None:
    tracing, exporter = sent
    with pytest.raises(type(error)), tracing.span("one", {}, kind="INTERNAL", parent=""):
        raise error
    with tracing.span("told", {}, kind="INTERNAL", parent="") as step:
        step.fail("why")
    tracing.close()
    first, told = exporter.spans
    assert [dict(span.attributes or {}) for span in (first, told)] == [{"error.type": named}, {"error.type": "why"}]
    assert {span.status.status_code for span in (first, told)} == {StatusCode.ERROR}
    assert {span.status.description for span in (first, told)} == {None}
    assert [list(span.events) for span in (first, told)] == [[], []]


def test_spans_go_in_batches_and_what_is_too_much_is_dropped(
    sent: tuple[Tracing, Exporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing, exporter = sent
    exporter.go.clear()  # the collector hangs
    for _ in range(10_600):
        with tracing.span("x", {}, kind="INTERNAL", parent=""):
            pass
    exporter.go.set()
    tracing.close()
    assert {len(batch) for batch in exporter.batches[:-1]} <= set(range(1, 513))
    assert 512 in {len(batch) for batch in exporter.batches}
    assert 10_000 <= len(exporter.spans) <= 10_512


def test_one_that_was_not_sampled_is_not_sent(sent: tuple[Tracing, Exporter]) -> None:
    tracing, exporter = sent
    with tracing.span("one", {}, kind="INTERNAL", parent=f"{PARENT[:-2]}00"):
        pass
    tracing.close()
    assert exporter.spans == []


@pytest.mark.parametrize("endpoint", ["collector:4317", "ftp://collector", "http:///x", "http://u:s[t@x", ""])
def test_an_endpoint_that_is_no_url_is_told_by_its_setting(endpoint: str) -> None:
    with pytest.raises(ValueError, match="REELMILL_OTLP_ENDPOINT: must be http://host:port or https://host:port"):
        Tracing("api", endpoint)
