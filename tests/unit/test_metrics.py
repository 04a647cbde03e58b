"""What is counted under which labels: a wrong one makes an alert lie, and nothing else goes red."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from reelmill.jobs.codes import CODES
from reelmill.jobs.operations import OPERATIONS, OTHER, SEVERAL, operation_of
from reelmill.telemetry import metrics
from reelmill.v1.jobs_pb2 import Job, Output


def labels(child: Any) -> tuple[str, ...]:
    """The label values of a child."""
    return tuple(map(str, child._labelvalues))


@pytest.mark.parametrize(
    ("children", "keys"),
    [
        (metrics.SUBMITTED, OPERATIONS),
        (metrics.OLDEST_READY, ("high", "normal", "low")),
        (metrics.LAG, ("high", "normal", "low")),
        (metrics.QUEUE_WAIT, ("high", "normal", "low")),
        (metrics.UP, ("database", "queue", "cache", "storage")),
        (metrics.ATTEMPTS, ("completed", "failed", "retried", "released", "cancelled", "discarded")),
        (metrics.RUN_TIME, OPERATIONS),
        (metrics.JOBS, [(state, o) for state in ("QUEUED", "PROCESSING") for o in OPERATIONS]),
        (metrics.TASKS, [(s, p) for s in ("DELAYED", "READY", "RUNNING") for p in ("high", "normal", "low")]),
    ],
)
def test_each_child_has_its_key_as_its_labels(children: Mapping[Any, Any], keys: Any) -> None:
    assert list(children) == list(keys)
    for key, child in children.items():
        assert labels(child) == ((key,) if isinstance(key, str) else key)


def test_failures_are_counted_by_code_and_category() -> None:
    assert list(metrics.FAILURES) == list(CODES)
    assert all(labels(child) == (code, CODES[code].category) for code, child in metrics.FAILURES.items())
    assert (labels(metrics.CACHE_HITS), labels(metrics.CACHE_MISSES)) == (("hit",), ("miss",))
    assert (labels(metrics.KEPT_HITS), labels(metrics.KEPT_MISSES)) == (("hit",), ("miss",))
    assert labels(metrics.api_calls("m", "c")) == labels(metrics.api_seconds("m", "c")) == ("m", "c")
    assert [labels(child) for child in metrics.gateway_requests("GET", "/r", 200)] == [("GET", "/r", "200")] * 2


@contextmanager
def counted(collector: Any) -> Iterator[dict[tuple[str, ...], float]]:
    """What was added to a counter meanwhile, by label values."""

    def values() -> dict[tuple[str, ...], float]:
        return {key: child._value.get() for key, child in collector._metrics.items()}

    before, added = values(), {}
    yield added
    added |= {key: value - before.get(key, 0) for key, value in values().items() if value != before.get(key, 0)}


def job(state: str, *operations: str, code: str = "") -> Job:
    made = Job(state=state, outputs=[Output(**{name: {}}) for name in operations])
    if code:
        made.error.code = code
    return made


def test_an_end_is_counted_once_by_operation_state_and_whose_fault_it_was() -> None:
    ends = [
        job("COMPLETED", "transcode"),
        job("FAILED", "audio", code="INPUT_CORRUPT"),
        job("FAILED", "audio", "thumbnail", code="DISK_FULL"),
        job("CANCELLED", "thumbnail", "thumbnail"),
    ]
    with counted(metrics._FINISHED) as added:
        metrics.count_ends([*ends, job("QUEUED", "audio"), job("PROCESSING", "audio")])
    assert added == {
        ("transcode", "COMPLETED", "NONE"): 1,
        ("audio", "FAILED", "INPUT"): 1,
        ("several", "FAILED", "LIMIT"): 1,
        ("thumbnail", "CANCELLED", "NONE"): 1,
    }


def test_a_job_is_of_its_outputs_operation() -> None:
    fields = {field.name for field in Output.DESCRIPTOR.oneofs_by_name["operation"].fields}
    assert (*sorted(fields - {"preset"}), "several", "other") == OPERATIONS
    assert {"audio", "thumbnail", "transcode", "waveform", "analyze", "compare"} <= set(OPERATIONS)
    assert operation_of(job("QUEUED", "audio", "audio")) == "audio"
    assert operation_of(job("QUEUED", "audio", "transcode")) == SEVERAL
    assert operation_of(Job()) == operation_of(Job(outputs=[Output(preset="x")])) == OTHER


def test_what_cannot_be_counted_has_no_number() -> None:
    metrics.OUTBOX.set(1)
    metrics.forget_counts()
    metrics.forget_lag()
    several = (*metrics.JOBS.values(), *metrics.TASKS.values(), *metrics.OLDEST_READY.values(), *metrics.LAG.values())
    for gauge in (*several, metrics.EXPIRED_LEASES, metrics.OUTBOX, metrics.OUTBOX_OLDEST):
        assert math.isnan(gauge._value.get())


@pytest.mark.parametrize(
    ("histogram", "bounds"),
    [
        (metrics._CALL_TIME, (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)),
        (metrics._REQUEST_TIME, (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)),
        (metrics._QUEUE_WAIT, (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)),
        (metrics._RUN_TIME, (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)),
    ],
)
def test_a_histogram_keeps_its_bounds(histogram: Any, bounds: tuple[float, ...]) -> None:
    """Dashboards and alerts of operators are written for them."""
    assert tuple(histogram._kwargs["buckets"]) == bounds
