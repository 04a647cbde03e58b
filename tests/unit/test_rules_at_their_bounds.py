"""Every rule in the protos at its bounds: what is allowed last passes, and what comes next does not.

Made from the descriptors, so that a new field is tested by being there.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from reelmill.api.validation import violations
from reelmill.gateway.bindings import services
from reelmill.jobs.rules import of_field, one_required, output_only

FLOATS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
INTEGERS = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63}


def asked(kind: Descriptor) -> list[FieldDescriptor]:
    """The fields that a client may set: others are ignored, whatever stands there."""
    return [field for field in kind.fields if not output_only(field)]


def of_requests() -> list[Descriptor]:
    """Every message of a request, to its depth, but for protobuf's own."""
    found: dict[str, Descriptor] = {}
    new = [method.input_type for service in services() for method in service.methods]
    while new:
        kind = new.pop()
        if kind.full_name in found or not kind.full_name.startswith("reelmill."):
            continue
        found[kind.full_name] = kind
        new += [f.message_type for f in asked(kind) if f.message_type]
    return sorted(found.values(), key=lambda d: d.full_name)


@dataclass(frozen=True, slots=True)
class Case:
    """A value of a field, and whether it is allowed."""

    owner: Descriptor
    field: FieldDescriptor
    value: Any
    fits: bool

    def __str__(self) -> str:
        shown = len(self.value) if isinstance(self.value, str | list | dict) else self.value
        shown = f"{shown.seconds}s{shown.nanos}" if isinstance(shown, Duration) else shown
        return f"{self.owner.name}.{self.field.name}={shown}"


WORDS = ("job.queued",)
"""Of patterns that take some words alone."""


def text(length: int, pattern: str) -> str:
    """A text of a length that a pattern takes, unless it takes some words alone."""
    made = (letter * length for letter in "a0")
    return next((one for one in made if not pattern or re.fullmatch(pattern, one)), "a" * length)


def taken(length: int, pattern: str) -> bool:
    """Whether there is such a text."""
    return not pattern or re.fullmatch(pattern, text(length, pattern)) is not None


def numbers(field: FieldDescriptor, value: float, step: int) -> float:
    """The next number above (step 1) or below (-1)."""
    return math.nextafter(value, step * math.inf) if field.cpp_type in FLOATS else int(value) + step


def duration(nanos: int) -> Duration:
    made = Duration()
    made.FromNanoseconds(nanos)
    return made


def scalars(field: FieldDescriptor) -> Iterator[tuple[Any, bool]]:
    """Values of one item at its bounds."""
    rules = of_field(field)
    if field.message_type and field.message_type.full_name == "google.protobuf.Duration":
        for bound, step in ((rules.min, -1), (rules.max, 1)):
            yield duration(round(bound * 1e9)), True
            yield duration(round(bound * 1e9) + step), False
    elif field.type == FieldDescriptor.TYPE_STRING:
        if rules.pattern:
            yield from ((word, True) for word in WORDS if re.fullmatch(rules.pattern, word))
        if rules.max_length:
            yield text(rules.max_length, rules.pattern), taken(rules.max_length, rules.pattern)
            yield text(rules.max_length + 1, rules.pattern), False
        if rules.min_length > 1:
            yield text(rules.min_length, rules.pattern), True
            yield text(rules.min_length - 1, rules.pattern), False
        yield "a\0b", False
    elif field.enum_type:
        known = field.enum_type.values_by_number
        yield from ((number, True) for number in known if number)
        yield max(known) + 1, False
        yield -1, False
    elif field.cpp_type in INTEGERS or field.cpp_type in FLOATS:
        if rules.HasField("min"):
            yield rules.min, True
            below = numbers(field, rules.min, -1)
            # 0 means unset, unless the field tells the two apart.
            yield below, bool(below == 0 and not field.has_presence and not field.is_repeated)
        if rules.HasField("max"):
            yield rules.max, True
            yield numbers(field, rules.max, 1), False
        if field.cpp_type in FLOATS:
            yield from ((value, False) for value in (math.nan, math.inf, -math.inf))


def cases() -> Iterator[Case]:
    """All of them."""
    for owner in of_requests():
        for field in asked(owner):
            rules = of_field(field)
            is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
            if is_map:
                most = rules.max_items
                yield Case(owner, field, {f"k{i}": "" for i in range(most)}, True)
                yield Case(owner, field, {f"k{i}": "" for i in range(most + 1)}, False)
                longest = rules.max_length
                yield Case(owner, field, {"k" * longest: "v" * longest}, True)
                yield Case(owner, field, {"k" * (longest + 1): ""}, False)
                yield Case(owner, field, {"k": "v" * (longest + 1)}, False)
                yield Case(owner, field, {"": "v"}, False)
                yield Case(owner, field, {"k": "\0"}, False)
                yield Case(owner, field, {"\0": "v"}, False)
            elif field.is_repeated:
                one = [] if field.message_type else [v for v, fits in scalars(field) if fits][:1]
                item = one[0] if one else {}
                if rules.max_items:
                    yield Case(owner, field, [item] * rules.max_items, True)
                    yield Case(owner, field, [item] * (rules.max_items + 1), False)
                fewest = max(rules.min_items, int(rules.required))
                if fewest:
                    yield Case(owner, field, [item] * fewest, True)
                    yield Case(owner, field, [item] * (fewest - 1), False)
                if not field.message_type:
                    yield from (Case(owner, field, [value], fits) for value, fits in scalars(field))
            else:
                yield from (Case(owner, field, value, fits) for value, fits in scalars(field))


CASES = list(cases())


def refused(message: Message, field: FieldDescriptor) -> list[str]:
    """What is wrong with this very field, or with an item of it."""
    own = (field.name, f"{field.name}[")
    found = [v.field for v in violations(message, deep=False)]
    return [path for path in found if path == own[0] or path.startswith(own[1])]


def with_value(case: Case) -> Message:
    message = GetMessageClass(case.owner)()
    field = getattr(message, case.field.name)
    if isinstance(case.value, dict):
        field.update(case.value)
    elif case.field.is_repeated and case.field.message_type:
        for _ in case.value:
            field.add()
    elif case.field.is_repeated:
        field.extend(case.value)
    elif case.field.message_type:
        field.CopyFrom(case.value)
    else:
        integer = case.field.cpp_type in INTEGERS
        setattr(message, case.field.name, int(case.value) if integer else case.value)
    return message


@pytest.mark.parametrize("owner", of_requests(), ids=lambda d: d.name)
def test_a_bound_is_inclusive_and_the_next_value_is_refused(owner: Descriptor) -> None:
    for case in CASES:
        if case.owner is owner:
            found = refused(with_value(case), case.field)
            assert bool(found) is not case.fits, f"{case}: {found or 'passes'}"


def test_every_number_and_every_list_has_its_bounds_tried() -> None:
    tried = {(c.owner.full_name, c.field.name, c.fits) for c in CASES}
    for owner in of_requests():
        for field in asked(owner):
            rules = of_field(field)
            if rules.HasField("max") or rules.max_length or rules.max_items:
                assert {True, False} <= {fits for o, f, fits in tried if (o, f) == (owner.full_name, field.name)}


def test_what_is_required_is_missed_by_name() -> None:
    count = 0
    for owner in of_requests():
        empty = GetMessageClass(owner)()
        for field in asked(owner):
            wanted = [field.name] if of_field(field).required or of_field(field).min_items else []
            assert refused(empty, field) == wanted, f"{owner.name}.{field.name}"
            count += bool(wanted)
        for oneof in owner.oneofs:
            if one_required(oneof):
                count += 1
                assert [v.description for v in violations(empty, "here") if v.field == "here"] == [
                    f"set one of {', '.join(f.name for f in oneof.fields)}"
                ]
    assert count > 8
