"""The operations as the API lists them: what is said of them is the protos' and their own. Pure."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from reelmill.jobs import comments
from reelmill.jobs.rules import of_field, one_required
from reelmill.media.contract import Operation
from reelmill.media.operations import OPERATIONS
from reelmill.v1 import media_pb2 as pb
from reelmill.v1.analysis_pb2 import Contract
from reelmill.v1.jobs_pb2 import Output

_TYPES = {
    FieldDescriptor.CPPTYPE_DOUBLE: "double",
    FieldDescriptor.CPPTYPE_FLOAT: "double",
    FieldDescriptor.CPPTYPE_INT32: "int32",
    FieldDescriptor.CPPTYPE_UINT32: "int32",
    FieldDescriptor.CPPTYPE_INT64: "int64",
    FieldDescriptor.CPPTYPE_UINT64: "int64",
    FieldDescriptor.CPPTYPE_BOOL: "bool",
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_ENUM: "enum",
    FieldDescriptor.CPPTYPE_MESSAGE: "message",
}
_DEEPEST = 6  # messages within messages: none of ours holds itself


@cache
def operations() -> tuple[pb.Operation, ...]:
    """All of them, in their order."""
    return tuple(described(operation) for operation in OPERATIONS.values())


def described(operation: Operation) -> pb.Operation:
    """An operation with all that can be said of it."""
    message: Any = Output.DESCRIPTOR.fields_by_name[operation.name].message_type
    filled = operation.with_defaults(message._concrete_class())
    return pb.Operation(
        name=operation.name,
        description=operation.description,
        extensions=operation.extensions,
        parameters=_parameters(message, filled, ""),
        example=operation.example,
    )


def of_contract() -> tuple[pb.Parameter, ...]:
    """What an output's contract may say."""
    message: Any = Contract.DESCRIPTOR
    return tuple(_parameters(message, Contract(), ""))


def _parameters(message: Descriptor, filled: Message | None, path: str) -> Iterator[pb.Parameter]:
    """Of a message and of those below it; `filled`: with its defaults, None where it is left out."""
    if path.count(".") > _DEEPEST:
        return
    for field in message.fields:
        here = f"{path}{field.name}"
        yield _parameter(field, filled, here)
        kind = field.message_type
        if kind is not None and not kind.GetOptions().map_entry:
            there = None if filled is None or field.is_repeated or not filled.HasField(field.name) else filled
            below = getattr(there, field.name) if there is not None else None
            yield from _parameters(kind, below, f"{here}{'[]' if field.is_repeated else ''}.")


def _parameter(field: FieldDescriptor, filled: Message | None, path: str) -> pb.Parameter:
    rules, words = of_field(field), _words()
    made = pb.Parameter(
        path=path,
        type=_TYPES[field.cpp_type],
        description=words.get(field.full_name, ""),
        required=rules.required or bool(field.containing_oneof and _alone(field)),
        repeated=field.is_repeated,
        max_length=rules.max_length,
        max_items=rules.max_items,
        pattern=rules.pattern,
        default=_default(field, filled),
    )
    if rules.HasField("min"):
        made.min = rules.min
    if rules.HasField("max"):
        made.max = rules.max
    if field.enum_type is not None:
        name = field.enum_type.full_name
        made.values.extend(
            pb.Parameter.Value(name=value.name, description=words.get(f"{name}.{value.name}", ""))
            for value in field.enum_type.values
            if value.number
        )
    return made


@cache
def _words() -> dict[str, str]:
    return comments.load()


def _alone(field: FieldDescriptor) -> bool:
    """Whether it is the only field of a oneof of which one must be set."""
    oneof: Any = field.containing_oneof
    return len(oneof.fields) == 1 and one_required(oneof)


def _default(field: FieldDescriptor, filled: Message | None) -> str:
    if filled is None or field.message_type is not None:
        return ""
    value = getattr(filled, field.name)
    if field.is_repeated:
        names = [_name(field, one) for one in value]
        return json.dumps(names) if names else ""
    there = filled.HasField(field.name) if field.has_presence else bool(value)
    return json.dumps(_name(field, value)) if there else ""


def _name(field: FieldDescriptor, value: Any) -> Any:
    return field.enum_type.values_by_number[value].name if field.enum_type is not None else value
