"""Conditional and range requests (RFC 9110 §13 and §14), for one range."""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

_RANGE = re.compile(r"bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """No byte of the range exists."""


def not_modified(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match says that the client has this already."""
    condition = headers.get("if-none-match", "")
    return condition.strip() == "*" or etag in _TAG.findall(condition)


def requested(headers: Headers, size_bytes: int, etag: str) -> Span | None:
    """The range asked for; None for the whole: no range, several, none that is understood, or an old If-Range.

    Raises Unsatisfiable.
    """
    condition = headers.get("if-range")
    if condition is not None and condition.strip() != etag:
        return None
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    if match is None:
        return None
    first, last = match.groups()
    if len(first) > _MAX_DIGITS:
        raise Unsatisfiable
    if len(last) > _MAX_DIGITS:
        last = "9" * _MAX_DIGITS
    if not first:
        return _suffix(last, size_bytes)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise Unsatisfiable
    return Span(start, min(int(last) + 1, size_bytes) if last else size_bytes)


def _suffix(length: str, size_bytes: int) -> Span | None:
    if not length:
        return None
    if int(length) == 0 or size_bytes == 0:
        raise Unsatisfiable
    return Span(max(0, size_bytes - int(length)), size_bytes)
