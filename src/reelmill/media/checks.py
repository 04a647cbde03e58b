"""Checks that several operations share. Pure."""

from reelmill.jobs.errors import Violation
from reelmill.media import languages
from reelmill.v1.operations_pb2 import TimeRange, TrackSelector


def trim_violations(trim: TimeRange, path: str) -> list[Violation]:
    """What contradicts itself in a trim."""
    if trim.end_seconds and trim.end_seconds <= trim.start_seconds:
        return [Violation(f"{path}.end_seconds", f"must be greater than start_seconds ({trim.start_seconds:g})")]
    return []


def track_violations(selector: TrackSelector, path: str) -> list[Violation]:
    """What names no track."""
    how = selector.WhichOneof("by")
    if how in ("default_track", "all") and not getattr(selector, how):
        return [Violation(f"{path}.{how}", "must be true: to leave tracks out, name the others")]
    if how == "language" and not languages.code(selector.language):
        return [Violation(f"{path}.language", f"{selector.language[:16]!r} is no code of ISO 639, such as fra")]
    return []
