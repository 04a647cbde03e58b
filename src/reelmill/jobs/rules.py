"""The rules in the protos' options. (The stubs of options don't know extensions, hence Any.)"""

from typing import Any

from google.api import field_behavior_pb2

from reelmill.v1 import rules_pb2


def of_field(field: Any) -> rules_pb2.FieldRules:
    """A field's rules."""
    rules: rules_pb2.FieldRules = field.GetOptions().Extensions[rules_pb2.rules]
    return rules


def one_required(oneof: Any) -> bool:
    """Whether exactly one field of the oneof must be set."""
    return bool(oneof.GetOptions().Extensions[rules_pb2.one_required])


def output_only(field: Any) -> bool:
    """Whether only the server sets a field: in requests it is ignored (AIP-203)."""
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def is_batch(message: str) -> bool:
    """Whether a request of this full name holds many others, each answered by itself."""
    return message == "reelmill.v1.BatchCreateJobsRequest"


CHECK_ONLY = ("reelmill-check-only", "1")
"""Metadata of a call whose request is checked, with every item of a batch, and never acted on."""
