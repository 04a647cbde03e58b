"""Check messages against the FieldRules in their descriptors: all violations at once.

buf's protovalidate would do the same by standard annotations; its current release speaks another
protobuf runtime than gRPC, and its interpreter of rules costs more than the rest of a submission.
"""

import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from reelmill.jobs.errors import MAX_VIOLATIONS, Violation
from reelmill.jobs.rules import of_field, one_required, output_only
from reelmill.jobs.times import DURATION, TIMESTAMP, duration_problem, timestamp_problem
from reelmill.v1 import rules_pb2

_Check = Callable[[Message, str], Iterator[Violation]]
_NUL = "must not contain the NUL character"  # PostgreSQL's text can't
_FLOATS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})


def violations(message: Message, path: str = "", *, deep: bool = True) -> list[Violation]:
    """What breaks a rule, each with its field's path below `path`; at most 100.

    `deep` also looks into the items of repeated messages.
    """
    found: list[Violation] = []
    for check in _checks(message.DESCRIPTOR, deep):
        found.extend(islice(check(message, path), MAX_VIOLATIONS - len(found)))
        if len(found) == MAX_VIOLATIONS:
            break
    return found


@cache
def _checks(descriptor: Descriptor, deep: bool) -> tuple[_Check, ...]:
    """One check for each field or oneof that has rules, made once."""
    made: list[_Check] = []
    for field in descriptor.fields:
        if output_only(field):  # ignored, whatever stands there
            continue
        if (check := _field_check(field, of_field(field), deep)) is not None:
            made.append(check)
    for oneof in descriptor.oneofs:
        if one_required(oneof):
            made.append(_oneof_check(oneof.name, ", ".join(f.name for f in oneof.fields)))
    return tuple(made)


def _oneof_check(name: str, choices: str) -> _Check:
    def check(message: Message, path: str) -> Iterator[Violation]:
        if message.WhichOneof(name) is None:
            yield Violation(path, f"set one of {choices}")

    return check


def _field_check(field: FieldDescriptor, rules: rules_pb2.FieldRules, deep: bool) -> _Check | None:
    value_check = _value_check(field, rules)
    kind = field.message_type
    is_map = kind is not None and kind.GetOptions().map_entry
    if field.is_repeated:
        if is_map:
            return _map_check(field, rules)
        nested = _nested if kind is not None and deep and _checks(kind, True) else None
        return _list_check(field, rules, value_check, nested)
    if kind is not None:
        if kind.full_name in (DURATION, TIMESTAMP):
            return _time_check(field, rules)
        return _message_check(field, rules) if deep or rules.required else None
    if value_check is None and not rules.required:
        return None
    return _scalar_check(field, rules, value_check)


def _scalar_check(field: FieldDescriptor, rules: rules_pb2.FieldRules, value_check: Any) -> _Check:
    name, optional, required = field.name, field.has_presence, rules.required

    def check(message: Message, path: str) -> Iterator[Violation]:
        value = getattr(message, name)
        if optional:
            if not message.HasField(name):
                return
        elif not value:
            if required:
                yield Violation(_join(path, name), "is required")
            return
        if value_check and (problem := value_check(value)):
            yield Violation(_join(path, name), problem)

    return check


def _message_check(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> _Check:
    name, required = field.name, rules.required

    def check(message: Message, path: str) -> Iterator[Violation]:
        if message.HasField(name):
            yield from _nested(getattr(message, name), _join(path, name))
        elif required:
            yield Violation(_join(path, name), "is required")

    return check


def _time_check(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> _Check:
    name, low, high = field.name, rules.min, rules.max
    kind: Any = field.message_type
    is_duration, bounded = kind.full_name == DURATION, rules.HasField("max")

    def check(message: Message, path: str) -> Iterator[Violation]:
        if not message.HasField(name):
            return
        value = getattr(message, name)
        if problem := duration_problem(value) if is_duration else timestamp_problem(value):
            yield Violation(_join(path, name), problem)
        elif bounded and not low <= value.seconds + value.nanos / 1e9 <= high:
            yield Violation(_join(path, name), f"must be between {low:g}s and {high:g}s")

    return check


def _list_check(field: FieldDescriptor, rules: rules_pb2.FieldRules, value_check: Any, nested: Any) -> _Check | None:
    name, unique_by = field.name, rules.unique_by
    fewest, most = max(rules.min_items, 1 if rules.required else 0), rules.max_items or math.inf
    if not (fewest or rules.max_items or value_check or nested):
        return None

    def check(message: Message, path: str) -> Iterator[Violation]:
        items, here = getattr(message, name), _join(path, name)
        if not fewest <= len(items) <= most:
            yield Violation(here, _count_problem(len(items), fewest, most))
            if len(items) > most:  # before any item is looked at: there may be millions
                return
        for i, item in enumerate(items):
            if value_check and (problem := value_check(item)):
                yield Violation(f"{here}[{i}]", problem)
            if nested:
                yield from nested(item, f"{here}[{i}]")
        if unique_by and len(items) > 1:
            first: dict[Any, int] = {}
            for i, item in enumerate(items):
                value = getattr(item, unique_by)
                if value and first.setdefault(value, i) != i:
                    yield Violation(
                        f"{here}[{i}].{unique_by}", f"{value[:80]!r} is used by {name}[{first[value]}] already"
                    )

    return check


def _map_check(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> _Check:
    name, most, longest = field.name, rules.max_items or math.inf, rules.max_length or math.inf

    def check(message: Message, path: str) -> Iterator[Violation]:
        items, here = getattr(message, name), _join(path, name)
        if len(items) > most:
            yield Violation(here, _count_problem(len(items), 0, most))
            return
        for key, value in items.items():
            if problem := _entry_problem(key, value, longest):
                yield Violation(f"{here}[{key[:40]!r}]", problem)

    return check


def _entry_problem(key: str, value: str, longest: float) -> str | None:
    if not key:
        return "must have a key that is not empty"
    if len(key) > longest or len(value) > longest:
        return f"key and value must have at most {longest} characters"
    return _NUL if "\0" in key or "\0" in value else None


def _value_check(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> Callable[[Any], str | None] | None:
    """A function that says what is wrong with a value that is set, or None where nothing can be."""
    if field.enum_type is not None:
        known = frozenset(field.enum_type.values_by_number)
        names = ", ".join(v.name for v in field.enum_type.values if v.number)
        return lambda value: None if value in known else f"{value} is not one of {names}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type != FieldDescriptor.TYPE_BYTES:
        return _string_check(rules)
    low = rules.min if rules.HasField("min") else -math.inf
    high = rules.max if rules.HasField("max") else math.inf
    if field.cpp_type in _FLOATS:
        return lambda v: None if math.isfinite(v) and low <= v <= high else f"{v:g} is not {_between(low, high)}"
    if low == -math.inf and high == math.inf:
        return None
    return lambda value: None if low <= value <= high else f"{value} is not {_between(low, high)}"


def _string_check(rules: rules_pb2.FieldRules) -> Callable[[str], str | None]:
    shortest, longest = rules.min_length, rules.max_length or math.inf
    pattern = re.compile(rules.pattern) if rules.pattern else None

    def check(value: str) -> str | None:
        if "\0" in value:
            return _NUL
        if value and not shortest <= len(value) <= longest:
            return f"has {len(value)} characters; {_between(shortest, longest)} are allowed"
        if value and pattern and not pattern.fullmatch(value):
            return f"{value[:80]!r} does not match {rules.pattern}"
        return None

    return check


def _nested(message: Message, path: str) -> Iterator[Violation]:
    for check in _checks(message.DESCRIPTOR, True):
        yield from check(message, path)


def _between(low: float, high: float) -> str:
    if high == math.inf:
        return f"at least {low:g}" if low != -math.inf else "a finite number"
    return f"between {low:.15g} and {high:.15g}"


def _count_problem(count: int, fewest: int, most: float) -> str:
    if count == 0:
        return "is required: give at least one"
    return f"has {count} items; {_between(fewest, most)} are allowed"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
