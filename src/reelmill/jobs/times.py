"""Timestamps and durations that are none: protobuf's wire format lets any number through. Pure."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

DURATION, TIMESTAMP = "google.protobuf.Duration", "google.protobuf.Timestamp"
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # years 1 and 9999, as timestamp.proto says
_LONGEST_SECONDS = 315_576_000_000  # 10,000 years, as duration.proto says
_NANOS = 1_000_000_000


def duration_problem(value: Duration) -> str | None:
    """What keeps a duration from being one, if anything does."""
    if abs(value.seconds) > _LONGEST_SECONDS:
        return f"is no duration: {value.seconds} seconds are more than 10,000 years"
    if abs(value.nanos) >= _NANOS:
        return f"is no duration: nanos is {value.nanos}, and must be less than a second"
    if value.seconds * value.nanos < 0:
        return "is no duration: seconds and nanos have different signs"
    return None


def timestamp_problem(value: Timestamp) -> str | None:
    """What keeps a timestamp from being one, if anything does."""
    if not _FIRST <= value.seconds <= _LAST:
        return "is no time between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z"
    if not 0 <= value.nanos < _NANOS:
        return f"is no time: nanos is {value.nanos}, and must be from 0 to 999999999"
    return None
