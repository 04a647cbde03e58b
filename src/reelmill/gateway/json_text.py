"""JSON text → values, with bounds on what it may hold. Nothing in here calls Python for each value.

An object becomes a tuple of (key, value) pairs, so that a key that came twice is still seen; a list
stays a list.
"""

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any

MAX_VALUES = 500_000
"""Values of one document: twice as many as a batch of ordinary jobs has in its 4 MiB."""
_MARKS = (b",", b":", b"{", b"[")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

Pairs = tuple[tuple[str, Any], ...]


class _NoNumber(ValueError):
    """NaN and the infinities, which Python would read."""


def load(raw: bytes) -> Pairs:
    """Parse a JSON object. Raises ValueError that says what is wrong and where."""
    # Marks in texts count first, for that is quick; only where they are many is it worth to leave texts out.
    if _marks(raw) > MAX_VALUES and _marks(_TEXT.sub(b"", raw)) > MAX_VALUES:
        raise ValueError(f"has more than {MAX_VALUES} values")
    try:
        document = json.loads(raw.decode(), object_pairs_hook=tuple, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: byte {error.start} is odd") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except _NoNumber:
        raise
    except ValueError as error:  # Python's bound on the digits of an integer, whose words are for programmers
        raise ValueError("has a number of too many digits") from error
    if not isinstance(document, tuple):
        raise ValueError(f"must be a JSON object, not {kind(document)}")
    return document


def kind(value: Any) -> str:
    """What a value is, in words for who sent it."""
    if isinstance(value, tuple):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(shown(value))
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a number of many digits"
    return json.dumps(value)


def shown(text: str) -> str:
    """A client's text, safe to answer: short, and valid Unicode."""
    return text[:80].encode(errors="replace").decode()


def near(name: str, choices: Sequence[str]) -> str:
    """Words that help someone who mistyped one of the choices."""
    if len(name) > 2 * max(map(len, choices), default=0):  # far from all, and slow to compare
        return ""
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def is_text(value: str) -> bool:
    """Whether a text is valid Unicode."""
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _marks(raw: bytes) -> int:
    return sum(raw.count(mark) for mark in _MARKS)


def _refuse_constant(name: str) -> Any:
    raise _NoNumber(f"is not JSON: {name} is not a number")
