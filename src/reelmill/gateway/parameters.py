"""Query parameters → fields of a request."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from reelmill.gateway.json_text import near
from reelmill.gateway.scalars import FLOAT_TYPES, INTEGER_BOUNDS, is_integer, scalar_problem
from reelmill.jobs.errors import Violation

_BOOLEANS = {"true": True, "false": False}
_MAX_PARAMETERS = 100


def parse(query: bytes) -> dict[str, list[str]]:
    """The values of each parameter. Raises ValueError for what is no query string."""
    parsed: defaultdict[str, list[str]] = defaultdict(list)
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    for name, value in pairs:
        parsed[name].append(value)
    return dict(parsed)


def fill(message: Message, query: dict[str, list[str]], fields: tuple[FieldDescriptor, ...]) -> Iterator[Violation]:
    """Set the fields that the query names in snake_case or camelCase; yields what is wrong."""
    names = {**{f.json_name: f for f in fields}, **{f.name: f for f in fields}}
    given: dict[str, str] = {}
    for name, values in query.items():
        field = names.get(name)
        if field is None:
            choices = [f.name for f in fields]
            hint = near(name, choices) or (f"; known: {', '.join(choices)}" if choices else "")
            yield Violation(name[:80], f"is not a known query parameter{hint}")
        elif field.name in given:
            yield Violation(name, f"is given twice, as {given[field.name]} and as {name}")
        elif len(values) > 1 and not field.is_repeated:
            yield Violation(name, "is given more than once")
        else:
            given[field.name] = name
            yield from _set(message, field, name, values)


def _set(message: Message, field: FieldDescriptor, name: str, values: list[str]) -> Iterator[Violation]:
    converted = [_convert(field, value) for value in values]
    problems = [problem for value in converted if (problem := scalar_problem(field, value))]
    if problems:
        yield from (Violation(name, problem) for problem in problems)
        return
    if field.enum_type is not None:
        converted = [field.enum_type.values_by_name[value].number for value in converted]
    if field.is_repeated:
        getattr(message, field.name).extend(converted)
    else:
        setattr(message, field.name, converted[0])


def _convert(field: FieldDescriptor, text: str) -> Any:
    """The JSON value that a parameter's text means; the text itself where it means none."""
    if field.enum_type is None:
        if field.cpp_type in INTEGER_BOUNDS:
            return int(text) if is_integer(text) else text
        if field.cpp_type in FLOAT_TYPES:
            try:
                return float(text)
            except ValueError:
                return text
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return _BOOLEANS.get(text, text)
    return text
