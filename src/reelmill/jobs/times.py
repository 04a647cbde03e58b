"""Timestamps and durations that are none: protobuf's wire format lets any number through. Pure."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
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


def problem(value: Any) -> str | None:
    """What is wrong with a Duration or a Timestamp, if anything is."""
    return duration_problem(value) if value.DESCRIPTOR.full_name == DURATION else timestamp_problem(value)


def without_broken(message: Message) -> list[str]:
    """Clear all times below a message that are none; answers their paths.

    A message that has a field `omitted` is told there.
    """
    paths: list[str] = []
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        if field.message_type.full_name in (DURATION, TIMESTAMP):
            if not field.is_repeated and problem(value):
                message.ClearField(field.name)
                paths.append(field.name)
        elif field.is_repeated:
            paths += [f"{field.name}[{i}].{path}" for i, item in enumerate(value) for path in without_broken(item)]
        else:
            paths += [f"{field.name}.{path}" for path in without_broken(value)]
    if paths and "omitted" in message.DESCRIPTOR.fields_by_name:
        message.omitted.extend(paths)  # type: ignore[attr-defined]
        return []
    return paths
