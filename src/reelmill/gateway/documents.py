"""JSON documents → messages. Fills in what is right, and says all that is wrong, each with its field's path.

Stricter than protobuf's JSON mapping where that is lax, so that the OpenAPI document tells exactly what
is accepted: no null, no numbers in strings (but for 64-bit integers), enum values by name only.
"""

import contextlib
import re
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from reelmill.gateway import scalars
from reelmill.gateway.json_text import Pairs, is_text, near, shown
from reelmill.jobs.errors import MAX_VIOLATIONS, Violation
from reelmill.jobs.rules import of_field

_MAX_ITEMS = 1000
"""Items of a list that has no rule of its own: those that only the server fills."""
_MAX_KEYS = 1000
"""Keys of one object: more than any message has fields, and violations are told."""
_LONGEST_FORM = 64  # of a time or a duration
_MAX_SUGGESTIONS = 10  # comparing names costs more than all else; who mistyped more than this reads the document
_WELL_KNOWN = "google.protobuf."
_DURATION = re.compile(scalars.DURATION)
_NULL = "is null; leave it out instead"

Path = tuple[Any, str | int] | None
"""What a path ends with, after the path before it: made into a text only where something is wrong."""


def fill(message: Message, document: Pairs, path: str, *, without: tuple[str, ...] = ()) -> list[Violation]:
    """Put a document into an empty message; `without` are fields that the path gives.

    Answers what is wrong, at most 100 violations below `path`. What is wrong is left out of the
    message, or stands there with a value that says no more than that it was given.
    """
    filling = _Filling()
    with contextlib.suppress(_Enough):
        filling.message(message, document, (None, path) if path else None, without)
    return filling.found


class _Enough(Exception):
    """MAX_VIOLATIONS were found."""


class _Plan(NamedTuple):
    """What is known of a field, looked up once."""

    field: FieldDescriptor
    name: str
    is_map: bool
    is_repeated: bool
    is_well_known: bool
    is_message: bool
    is_enum: bool
    most: int
    check: scalars.Check


class _Filling:
    """One walk over a document."""

    def __init__(self) -> None:
        self.found: list[Violation] = []
        self._suggestions = _MAX_SUGGESTIONS

    def message(self, message: Message, document: Pairs, path: Path, without: tuple[str, ...] = ()) -> None:
        descriptor: Any = message.DESCRIPTOR  # of one of two classes, to the type checker
        plans = _plans(descriptor)
        given: dict[str, str] = {}  # field → the name it came by
        if len(document) > _MAX_KEYS:
            self._wrong(path, f"has {len(document)} fields, and there are not so many")
            return
        for key, value in document:
            plan = plans.get(key)
            if plan is None or plan.name in without:
                self._unknown(key, path, descriptor, without)
            elif plan.name in given:
                if before := given[plan.name]:
                    names = "" if before == key else f", as {before} and as {key}"
                    self._wrong((path, plan.name), f"is given twice{names}")
                given[plan.name] = ""  # told
            else:
                given[plan.name] = key
                self._field(message, plan, value, (path, plan.name))
        for oneof in descriptor.oneofs:
            if len(given) > 1 and len(members := [f.name for f in oneof.fields if f.name in given]) > 1:
                self._wrong(path, f"has {' and '.join(members)}; only one of them is allowed")

    def _field(self, message: Message, plan: _Plan, value: Any, path: Path) -> None:
        if value is None:
            self._wrong(path, _NULL)
            _mark(message, plan)
        elif plan.is_map:
            self._map(message, plan, value, path)
        elif plan.is_repeated:
            self._list(message, plan, value, path)
        elif plan.is_message:
            self._message(getattr(message, plan.name), plan, value, path)
        elif problem := plan.check(value):
            self._wrong(path, problem)
            _mark(message, plan)
        else:
            setattr(message, plan.name, _value(plan, value))

    def _message(self, target: Message, plan: _Plan, value: Any, path: Path) -> None:
        if plan.is_well_known:
            try:
                if not isinstance(value, str) or len(value) > _LONGEST_FORM:
                    raise TypeError
                if target.DESCRIPTOR.name == "Duration" and not _DURATION.fullmatch(value):
                    raise ValueError
                target.FromJsonString(value)  # type: ignore[attr-defined]  # of Timestamp and Duration
            except (ValueError, TypeError, AttributeError, OverflowError):
                target.Clear()
                self._wrong(path, scalars.expected(scalars.form(target.DESCRIPTOR.name), value))
            return
        target.SetInParent()
        if isinstance(value, tuple):
            self.message(target, value, path)
        else:
            self._wrong(path, _NULL if value is None else scalars.expected("an object", value))

    def _list(self, message: Message, plan: _Plan, value: Any, path: Path) -> None:
        if not isinstance(value, list):
            self._wrong(path, scalars.expected("a list", value))
            return
        if len(value) > plan.most:
            self._wrong(path, scalars.too_many(len(value), plan.field))
            return
        target = getattr(message, plan.name)
        if plan.is_message:
            for i, item in enumerate(value):
                self._message(target.add(), plan, item, (path, i))
            return
        good = []
        for i, item in enumerate(value):
            if problem := _NULL if item is None else plan.check(item):
                self._wrong((path, i), problem)
            else:
                good.append(_value(plan, item))
        target.extend(good)

    def _map(self, message: Message, plan: _Plan, value: Any, path: Path) -> None:
        if not isinstance(value, tuple):
            self._wrong(path, scalars.expected("an object", value))
            return
        if len(value) > plan.most:
            self._wrong(path, scalars.too_many(len(value), plan.field))
            return
        target = getattr(message, plan.name)
        counts = Counter(key for key, _ in value)
        for key, item in dict(value).items():
            here = (path, f"[{shown(key)[:40]!r}]")
            if counts[key] > 1:
                self._wrong(here, "is given twice")
            if not is_text(key):
                self._wrong(path, "has a key that is not valid Unicode")
            elif problem := _NULL if item is None else plan.check(item):
                self._wrong(here, problem)
            else:
                target[key] = item

    def _unknown(self, key: str, path: Path, descriptor: Descriptor, without: tuple[str, ...]) -> None:
        if key in without:
            self._wrong((path, key), "is given by the path; leave it out of the body")
            return
        hint = ""
        if self._suggestions:
            self._suggestions -= 1
            hint = near(key, [f.name for f in descriptor.fields if f.name not in without])
        self._wrong((path, shown(key)), f"is not a known field{hint}")

    def _wrong(self, path: Path, description: str) -> None:
        self.found.append(Violation(_text(path), description))
        if len(self.found) == MAX_VIOLATIONS:
            raise _Enough


@cache
def _plans(descriptor: Descriptor) -> dict[str, _Plan]:
    """The fields by both of their names."""
    plans = {field.name: _plan(field) for field in descriptor.fields}
    return {**{plan.field.json_name: plan for plan in plans.values()}, **plans}


def _plan(field: FieldDescriptor) -> _Plan:
    kind_of = field.message_type
    is_map = kind_of is not None and kind_of.GetOptions().map_entry
    value = kind_of.fields_by_name["value"] if kind_of is not None and is_map else field
    return _Plan(
        field=field,
        name=field.name,
        is_map=is_map,
        is_repeated=field.is_repeated,
        is_well_known=kind_of is not None and kind_of.full_name.startswith(_WELL_KNOWN),
        is_message=kind_of is not None and not is_map,
        is_enum=field.enum_type is not None,
        most=of_field(field).max_items or _MAX_ITEMS,
        check=scalars.check_of(value),
    )


def _value(plan: _Plan, value: Any) -> Any:
    """A value that was found right, as the message takes it."""
    if plan.is_enum:
        return plan.field.enum_type.values_by_name[value].number  # type: ignore[union-attr]
    return int(value) if plan.field.cpp_type in scalars.INTEGER_BOUNDS else value


def _mark(message: Message, plan: _Plan) -> None:
    """Something wrong was given: rules that ask whether anything was must not say that nothing was."""
    if plan.is_map or plan.is_repeated:
        return
    if plan.is_message:
        getattr(message, plan.name).SetInParent()
    elif plan.field.has_presence or plan.field.cpp_type in scalars.NUMBERS:
        setattr(message, plan.name, scalars.placeholder(plan.field))


def _text(path: Path) -> str:
    parts: list[str] = []
    while path is not None:
        path, part = path
        text = f"[{part}]" if isinstance(part, int) else part
        parts.append(f".{text}" if path is not None and not text.startswith("[") else text)
    return "".join(reversed(parts))
