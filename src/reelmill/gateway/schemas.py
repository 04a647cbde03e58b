"""Messages → JSON schemas (2020-12) for the OpenAPI document, with their comments and rules."""

from collections.abc import Callable, Iterable
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from reelmill.gateway.scalars import DURATION, FLOAT_TYPES, INTEGER_BOUNDS, LONG_TYPES, NUMBERS, enum_names
from reelmill.jobs.rules import of_field as rules_of
from reelmill.jobs.rules import one_required
from reelmill.v1 import rules_pb2

Schema = dict[str, Any]

_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": f"^{DURATION}$", "examples": ["2.5s"]},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string", "description": "Type URL of the message."}},
        "additionalProperties": True,
    },
}


class Schemas:
    """Makes the schema of each message once; `components` has them by name.

    Schemas of what `requests` contain are closed, as unknown fields of a request are refused.
    """

    def __init__(self, comments: dict[str, str], requests: Iterable[Descriptor]) -> None:
        self._comments = comments
        self._requests = _reachable(requests)
        self.components: dict[str, Schema] = {}

    def reference(self, message: Any) -> Schema:
        """A $ref to the message's schema, or the schema itself of a well-known type."""
        if known := _WELL_KNOWN.get(message.full_name):
            return dict(known)
        name = _name(message)
        if name not in self.components:
            self.components[name] = {}  # keeps the order, and recursion finite
            self.components[name] = self.message(message)
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, message: Descriptor, without: tuple[str, ...] = ()) -> Schema:
        """A message's own schema, but for the fields that something else than the body gives."""
        fields = [f for f in message.fields if f.name not in without]
        schema: Schema = {"type": "object"}
        if comment := self._comments.get(message.full_name):
            schema["description"] = comment
        schema["properties"] = {f.name: self.field(f) for f in fields}
        if required := [f.name for f in fields if rules_of(f).required]:
            schema["required"] = required
        if message.full_name in self._requests:
            schema["additionalProperties"] = False
        return schema

    def field(self, field: FieldDescriptor) -> Schema:
        """A field's schema."""
        rules = rules_of(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            schema = self._map(field, rules)
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, rules)}
            _set(schema, minItems=max(rules.min_items, 1 if rules.required else 0), maxItems=rules.max_items)
        else:
            schema = self._value(field, rules)
        if description := self._description(field, rules):
            schema["description"] = description
        if field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]:
            schema["readOnly"] = True
        return schema

    def _map(self, field: FieldDescriptor, rules: rules_pb2.FieldRules) -> Schema:
        entry: Any = field.message_type
        value = self._value(entry.fields_by_name["value"], rules_pb2.FieldRules())
        names: Schema = {"minLength": 1}
        if value["type"] == "string":
            _set(value, maxLength=rules.max_length)
        _set(names, maxLength=rules.max_length)
        schema: Schema = {"type": "object", "propertyNames": names, "additionalProperties": value}
        _set(schema, maxProperties=rules.max_items)
        return schema

    def _value(self, field: FieldDescriptor, rules: rules_pb2.FieldRules) -> Schema:
        if field.message_type is not None:
            if field.message_type.full_name == "google.protobuf.Duration" and rules.HasField("max") and rules.min >= 0:
                digits = len(str(int(rules.max)))
                return {"type": "string", "pattern": rf"^[0-9]{{1,{digits}}}(\.[0-9]{{1,9}})?s$", "examples": ["2.5s"]}
            return self.reference(field.message_type)
        if field.enum_type is not None:
            # The zero value is never printed, and means the same as none.
            return {"type": "string", "enum": enum_names(field.enum_type)}
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return {"type": "boolean"}
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return _string(rules)
        if kind in LONG_TYPES:
            sign = "" if rules.HasField("min") and rules.min >= 0 else "-?"
            return {"type": "string", "format": "int64", "pattern": f"^{sign}(0|[1-9][0-9]{{0,18}})$"}
        return _number(field, rules, asked=_owner(field) in self._requests)

    def _description(self, field: FieldDescriptor, rules: rules_pb2.FieldRules) -> str:
        parts = [self._comments.get(field.full_name, "")]
        if field.cpp_type in LONG_TYPES and _owner(field) in self._requests:
            parts.append("A JSON number is read as well as a string.")
        if rules.unique_by:
            parts.append(f"No two have the same {rules.unique_by}.")
        if field.message_type is not None and field.message_type.full_name == "google.protobuf.Duration":
            if rules.HasField("max"):
                parts.append(f"From {rules.min:g}s to {rules.max:g}s.")
        elif rules.HasField("min") and field.cpp_type in NUMBERS and _zero_too(field, rules.min):
            # In words: readers of the document that make a client lose a type with alternatives in it.
            whole = field.cpp_type in INTEGER_BOUNDS
            if not whole or rules.min > 1:
                parts.append(f"0, or {rules.min:.10g} and more.")
        elif field.enum_type is not None:
            parts += [
                f"{value.name}: {self._comments.get(f'{field.enum_type.full_name}.{value.name}', '')}"
                for value in field.enum_type.values
                if value.number
            ]
            zero = field.enum_type.values[0].name
            if default := self._comments.get(f"{field.enum_type.full_name}.{zero}"):
                parts.append(f"Absent: {default}")
        oneof = field.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:  # `optional` makes one of a single field
            word = "Exactly" if one_required(oneof) else "At most"
            parts.append(f"{word} one of {', '.join(f.name for f in oneof.fields)} is set.")
        return " ".join(part for part in parts if part)


def integer_parameter(field: FieldDescriptor, schema: Schema) -> Schema:
    """A 64-bit integer's schema as a query parameter, where it needs no quotes."""
    if field.cpp_type not in LONG_TYPES:
        return schema
    rules, (low, high) = rules_of(field), INTEGER_BOUNDS[field.cpp_type]
    kept = {key: value for key, value in schema.items() if key not in ("type", "pattern")}
    least = int(rules.min) if rules.HasField("min") else low
    return {"type": "integer", **kept, "minimum": least, "maximum": high}


def _string(rules: rules_pb2.FieldRules) -> Schema:
    schema: Schema = {"type": "string"}
    _set(schema, minLength=max(rules.min_length, 1 if rules.required else 0), maxLength=rules.max_length)
    if rules.pattern:
        # An empty string is as good as none, which an optional field may be.
        schema["pattern"] = f"^{rules.pattern}$" if rules.required else f"^({rules.pattern})?$"
    return schema


def _number(field: FieldDescriptor, rules: rules_pb2.FieldRules, *, asked: bool) -> Schema:
    is_float = field.cpp_type in FLOAT_TYPES
    convert: Callable[[float], float] = float if is_float else int
    # A client need not know the width of what it is only answered.
    low, high = INTEGER_BOUNDS.get(field.cpp_type, (None, None)) if asked else (None, None)
    least = convert(rules.min) if rules.HasField("min") else low
    most = convert(rules.max) if rules.HasField("max") else high
    schema: Schema = {"type": "number", "format": "double"} if is_float else {"type": "integer", "format": "int32"}
    bounds = {key: value for key, value in (("minimum", least), ("maximum", most)) if value is not None}
    if _zero_too(field, least):
        bounds["minimum"] = convert(0)
    return schema | bounds


def _zero_too(field: FieldDescriptor, least: float | None) -> bool:
    """Whether 0, which means the same as none, is no value of a number with that least one."""
    return least is not None and least > 0 and not field.has_presence and not field.is_repeated


def _reachable(messages: Iterable[Descriptor]) -> set[str]:
    """Full names of messages and all below them."""
    found: set[str] = set()
    open_ends = list(messages)
    while open_ends:
        here = open_ends.pop()
        if here.full_name not in found:
            found.add(here.full_name)
            open_ends += [f.message_type for f in here.fields if f.message_type is not None]
    return found


def _name(message: Descriptor) -> str:
    """Name without the package: JobError, MediaInfo.Stream, Status."""
    return str(message.full_name.removeprefix(f"{message.file.package}."))


def _owner(field: FieldDescriptor) -> str:
    """Full name of the message that has the field."""
    return str(field.full_name.rpartition(".")[0])


def _set(schema: Schema, **bounds: int) -> None:
    """Add the bounds that there are; 0 is none."""
    schema.update({key: bound for key, bound in bounds.items() if bound})
