"""JSON documents → messages. Finds everything that is wrong with one, each with its field's path.

Stricter than protobuf's JSON mapping where that is lax, so that the OpenAPI document tells exactly what
is accepted: no null, no numbers in strings (but for 64-bit integers), enum values by name only.
"""

import difflib
import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from reelmill.jobs.errors import Violation

_MAX_VIOLATIONS = 100
_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
INTEGER_BOUNDS: dict[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
LONG_TYPES = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
FLOAT_TYPES = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})
_WELL_KNOWN = "google.protobuf."
_NULL = "is null; leave it out instead"


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.twice = [key for key, count in counts.items() if count > 1]


def load(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError that says what is wrong and where."""
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8: byte {error.start} is odd") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    if not isinstance(document, dict):
        raise ValueError(f"must be a JSON object, not {_kind(document)}")
    return document


def fill(message: Message, document: dict[str, Any], path: str, *, without: tuple[str, ...] = ()) -> list[Violation]:
    """Put a document into an empty message; `without` are fields that the path gives.

    Answers what is wrong, at most 100 violations below `path`; the message is then not complete.
    """
    found: list[Violation] = []
    descriptor: Any = message.DESCRIPTOR  # of one of two classes, to the type checker
    for violation in _message(descriptor, document, path, without):
        found.append(violation)
        if len(found) == _MAX_VIOLATIONS:
            return found
    if not found:
        try:
            json_format.ParseDict(document, message)
        except json_format.ParseError as error:
            found.append(Violation(path, str(error)))
    return found


def suggestion(name: str, choices: list[str]) -> str:
    """Words that help someone who mistyped one of the choices."""
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def enum_names(enum: EnumDescriptor) -> list[str]:
    """The values that a client sends: all but the zero one."""
    return [value.name for value in enum.values if value.number]


def _message(
    descriptor: Descriptor, document: dict[str, Any], path: str, without: tuple[str, ...] = ()
) -> Iterator[Violation]:
    fields = {f.name: f for f in descriptor.fields if f.name not in without}
    by_name = {**{f.json_name: f for f in fields.values()}, **fields}
    given: dict[str, str] = {}  # field → the name it came by
    for key in getattr(document, "twice", ()):
        yield Violation(_join(path, _shown(key)), "is given twice")
    for key, value in document.items():
        field = by_name.get(key)
        if field is None:
            if key in without:
                yield Violation(_join(path, key), "is given by the path; leave it out of the body")
            else:
                yield Violation(_join(path, _shown(key)), f"is not a known field{suggestion(key, list(fields))}")
            continue
        if field.name in given:
            yield Violation(_join(path, field.name), f"is given twice, as {given[field.name]} and as {key}")
            continue
        given[field.name] = key
        yield from _field(field, value, _join(path, field.name))
    for oneof in descriptor.oneofs:
        members = [f.name for f in oneof.fields if f.name in given]
        if len(members) > 1:
            yield Violation(path, f"has {' and '.join(members)}; only one of them is allowed")


def _field(field: FieldDescriptor, value: Any, path: str) -> Iterator[Violation]:
    if value is None:
        yield Violation(path, _NULL)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield _wrong(path, "an object", value)
            return
        for key in getattr(value, "twice", ()):
            yield Violation(f"{path}[{key[:40]!r}]", "is given twice")
        entry = field.message_type.fields_by_name["value"]
        for key, item in value.items():
            if not _is_text(key):
                yield Violation(path, "has a key that is not valid Unicode")
            yield from _value(entry, item, f"{path}[{key[:40]!r}]")
    elif field.is_repeated:
        if not isinstance(value, list):
            yield _wrong(path, "a list", value)
            return
        for i, item in enumerate(value):
            yield from _value(field, item, f"{path}[{i}]")
    else:
        yield from _value(field, value, path)


def _value(field: FieldDescriptor, value: Any, path: str) -> Iterator[Violation]:
    if value is None:
        yield Violation(path, _NULL)
    elif field.message_type is not None:
        if field.message_type.full_name.startswith(_WELL_KNOWN):
            yield from _well_known(field.message_type, value, path)
        elif isinstance(value, dict):
            yield from _message(field.message_type, value, path)
        else:
            yield _wrong(path, "an object", value)
    elif problem := scalar_problem(field, value):
        yield Violation(path, problem)


def scalar_problem(field: FieldDescriptor, value: Any) -> str | None:
    """What is wrong with a JSON value for a scalar or enum field, if anything is."""
    kind = field.cpp_type
    if field.enum_type is not None:
        return _enum_problem(field.enum_type, value)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return None if isinstance(value, bool) else _expected("true or false", value)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if not isinstance(value, str):
            return _expected("a string", value)
        return None if _is_text(value) else "is not valid Unicode: it has half of a surrogate pair"
    if kind in FLOAT_TYPES:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _expected("a number", value)
        return None if _is_finite(value) else "must be a finite number"
    return _integer_problem(field, value)


def _integer_problem(field: FieldDescriptor, value: Any) -> str | None:
    low, high = INTEGER_BOUNDS[field.cpp_type]
    if isinstance(value, str) and field.cpp_type in LONG_TYPES and is_integer(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return _expected("an integer", value)
    return None if low <= value <= high else f"must be between {low} and {high}"


def _enum_problem(enum: EnumDescriptor, value: Any) -> str | None:
    names = enum_names(enum)
    if not isinstance(value, str):
        return _expected(f"one of {', '.join(names)}", value)
    if value in enum.values_by_name:
        return None
    return f"{_shown(value)!r} is not one of {', '.join(names)}{suggestion(value.upper(), names)}"


def is_integer(text: str) -> bool:
    """Whether a text is a decimal integer of at most 20 digits, without sign +, spaces or leading zeros."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 20 and (digits == "0" or digits[0] != "0")


def _well_known(descriptor: Descriptor, value: Any, path: str) -> Iterator[Violation]:
    try:
        json_format.ParseDict(value, message_factory.GetMessageClass(descriptor)())
    except (json_format.ParseError, ValueError, TypeError, AttributeError):
        yield _wrong(path, _FORMS.get(descriptor.name, f"a {descriptor.name}"), value)


_FORMS = {
    "Duration": 'seconds with the suffix s, such as "2.5s"',
    "Timestamp": 'a time as in RFC 3339, such as "2026-01-31T12:00:00Z"',
}


def _wrong(path: str, expected: str, value: Any) -> Violation:
    return Violation(path, _expected(expected, value))


def _expected(expected: str, value: Any) -> str:
    return f"must be {expected}, not {_kind(value)}"


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)[:40]
    if isinstance(value, str):
        return repr(_shown(value))
    return "a list" if isinstance(value, list) else "an object"


def _shown(text: str) -> str:
    """A client's text, safe to answer: short, and valid Unicode."""
    return text[:80].encode(errors="replace").decode()


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"is not JSON: {name} is not a number")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
