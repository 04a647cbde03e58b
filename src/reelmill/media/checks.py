"""Checks that several operations share. Pure."""

import re

from reelmill.jobs.errors import Violation
from reelmill.media import languages
from reelmill.media.pictures import TRANSPARENT
from reelmill.v1.operations_pb2 import TimeRange, TrackSelector


def trim_violations(trim: TimeRange, path: str) -> list[Violation]:
    """What contradicts itself in a trim."""
    if trim.end_seconds and trim.end_seconds <= trim.start_seconds:
        return [Violation(f"{path}.end_seconds", f"must be greater than start_seconds ({trim.start_seconds:g})")]
    return []


def trim_looks(trim: TimeRange) -> tuple[float, ...]:
    """Times that a trim needs to know frames of, as `measuring.sought` takes them."""
    return (trim.start_seconds, trim.end_seconds) if trim.start_seconds or trim.end_seconds else ()


def track_violations(selector: TrackSelector, path: str) -> list[Violation]:
    """What names no track."""
    how = selector.WhichOneof("by")
    if how in ("default_track", "all") and not getattr(selector, how):
        return [Violation(f"{path}.{how}", "must be true: to leave tracks out, name the others")]
    if how == "language" and not languages.code(selector.language):
        return [Violation(f"{path}.language", f"{selector.language[:16]!r} is no code of ISO 639, such as fra")]
    return []


def is_colour(text: str) -> bool:
    """Whether it is one as #rrggbb."""
    return re.fullmatch("#[0-9A-Fa-f]{6}", text) is not None


def background_violations(background: str, path: str, *, keeps: bool, kept_by: str) -> list[Violation]:
    """What is no background, or can't be kept: whether the format `keeps` transparency, and which do (`kept_by`)."""
    if background == TRANSPARENT and not keeps:
        return [Violation(f"{path}.background", f"{TRANSPARENT} goes into {kept_by} alone: give a colour")]
    if background and background != TRANSPARENT and not is_colour(background):
        return [Violation(f"{path}.background", f"must be {TRANSPARENT} or a colour such as #ffffff")]
    return []
