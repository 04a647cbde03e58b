"""Values of scalar and enum fields as JSON has them: what is wrong with one, in words."""

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from reelmill.gateway import json_text
from reelmill.jobs.rules import of_field

Check = Callable[[Any], str | None]

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
NUMBERS = FLOAT_TYPES | INTEGER_BOUNDS.keys()
_FORMS = {
    "Duration": 'seconds with the suffix s, such as "2.5s"',
    "Timestamp": 'a time as in RFC 3339, such as "2026-01-31T12:00:00Z"',
}


DURATION = r"-?[0-9]{1,12}(\.[0-9]{1,9})?s"
"""How a Duration is written; protobuf's own parser takes more, and rounds it."""


def check_of(field: FieldDescriptor) -> Check:
    """A function that says what is wrong with a JSON value for the field; None where nothing is."""
    if field.enum_type is not None:
        return _enum_check(field.enum_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda value: None if isinstance(value, bool) else expected("true or false", value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _string_problem
    if field.cpp_type in FLOAT_TYPES:
        return _float_problem
    if field.cpp_type in INTEGER_BOUNDS:
        return _integer_check(field)
    return lambda value: None


def scalar_problem(field: FieldDescriptor, value: Any) -> str | None:
    """What is wrong with a JSON value for a scalar or enum field, if anything is."""
    return check_of(field)(value)


def enum_names(enum: EnumDescriptor) -> list[str]:
    """The values that a client sends: all but the zero one."""
    return [value.name for value in enum.values if value.number]


def is_integer(text: str) -> bool:
    """Whether a text is a decimal integer of at most 20 digits, without sign +, spaces or leading zeros."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 20 and (digits == "0" or digits[0] != "0")


def expected(what: str, value: Any) -> str:
    """Words for a value of another kind."""
    return f"must be {what}, not {json_text.kind(value)}"


def form(name: str) -> str:
    """How a well-known type is written."""
    return _FORMS.get(name, f"a {name}")


def too_many(count: int, field: FieldDescriptor) -> str:
    """Words for a list or map over its bound; the same that the api has."""
    rules = of_field(field)
    if not rules.max_items:
        return f"has {count} items, more than any answer of this server; leave it out"
    fewest = max(rules.min_items, 1 if rules.required and not _is_map(field) else 0)
    return f"has {count} items; between {fewest} and {rules.max_items} are allowed"


def placeholder(field: FieldDescriptor) -> Any:
    """A value that breaks no rule of the field, for one that did."""
    if field.cpp_type in NUMBERS:
        least = of_field(field).min
        return max(least, 1.0) if field.cpp_type in FLOAT_TYPES else int(max(least, 1))
    return field.default_value


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _enum_check(enum: EnumDescriptor) -> Check:
    names, known = enum_names(enum), frozenset(enum.values_by_name)

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return expected(f"one of {', '.join(names)}", value)
        if value in known:
            return None
        hint = json_text.near(json_text.shown(value).upper(), names)
        return f"{json_text.shown(value)!r} is not one of {', '.join(names)}{hint}"

    return check


def _string_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return expected("a string", value)
    if value.isascii() or json_text.is_text(value):
        return None
    return "is not valid Unicode: it has half of a surrogate pair"


def _float_problem(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return expected("a number", value)
    try:
        return None if math.isfinite(value) else "must be a finite number"
    except OverflowError:  # an integer too large for a float
        return "must be a finite number"


def _integer_check(field: FieldDescriptor) -> Check:
    low, high = INTEGER_BOUNDS[field.cpp_type]
    is_long = field.cpp_type in LONG_TYPES

    def check(value: Any) -> str | None:
        if is_long and isinstance(value, str) and is_integer(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return expected("an integer", value)
        return None if low <= value <= high else f"must be between {low} and {high}"

    return check
