"""Checks that several operations share. Pure."""

from reelmill.jobs.errors import Violation
from reelmill.v1.operations_pb2 import TimeRange


def trim_violations(trim: TimeRange, path: str) -> list[Violation]:
    """What contradicts itself in a trim."""
    if trim.end_seconds and trim.end_seconds <= trim.start_seconds:
        return [Violation(f"{path}.end_seconds", f"must be greater than start_seconds ({trim.start_seconds:g})")]
    return []
