"""The rules in the protos' options. (The stubs of options don't know extensions, hence Any.)"""

from typing import Any

from reelmill.v1 import rules_pb2


def of_field(field: Any) -> rules_pb2.FieldRules:
    """A field's rules."""
    rules: rules_pb2.FieldRules = field.GetOptions().Extensions[rules_pb2.rules]
    return rules


def one_required(oneof: Any) -> bool:
    """Whether exactly one field of the oneof must be set."""
    return bool(oneof.GetOptions().Extensions[rules_pb2.one_required])
