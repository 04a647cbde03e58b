"""An HTTP request → the gRPC request that its binding says; a gRPC answer → JSON."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # noqa: F401  # JSON of a google.rpc.Status needs its details' types
from starlette.datastructures import Headers

from reelmill.capacity import SMALL_BYTES, Share
from reelmill.gateway import documents, json_text, parameters
from reelmill.gateway.bindings import Binding
from reelmill.gateway.problems import Problem
from reelmill.jobs.errors import Violation
from reelmill.jobs.rules import of_field
from reelmill.jobs.times import without_broken

BODY_SECONDS = 60.0
"""How long the whole of a body may take to come."""
_DISCARD_BYTES, _DISCARD_SECONDS = 16 * 2**20, 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderField:
    """A field of a request that a header can give as well."""

    header: str
    field: str
    overrides: bool  # whether the header may differ from the query parameter, and wins
    description: str


HEADER_FIELDS = {
    "reelmill.v1.CreateJobRequest": HeaderField(
        header="Idempotency-Key",
        field="request_id",
        overrides=False,
        description="The same key with the same job answers the same job; with another job, 409. Kept 24 hours.",
    ),
    "reelmill.v1.WatchJobRequest": HeaderField(
        header="Last-Event-ID",
        field="after_sequence",
        # A browser repeats the URL it began with, and says in the header how far it came.
        overrides=True,
        description="Resume after this event. Goes before after_sequence.",
    ),
}


async def read_body(headers: Headers, stream: AsyncIterator[bytes], limit_bytes: int, share: Share) -> bytes:
    """The whole body, counted in `share` as it comes.

    Raises Problem: 413 where it is over the limit, 408 where it takes too long. Raises Unavailable.
    """
    body = bytearray()
    if declared_bytes(headers) <= limit_bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in stream:
                    body += chunk
                    if len(body) > limit_bytes:
                        break
                    if len(body) > SMALL_BYTES:
                        await share.grow(len(body))
                else:
                    return bytes(body)
        except TimeoutError:
            detail = f"the body did not come within {BODY_SECONDS:g} s"
            raise Problem(408, "BODY_TIMEOUT", detail, headers={"Connection": "close"}) from None
    if declared_bytes(headers) <= _DISCARD_BYTES:
        await _discard(stream)
    raise too_large(f"the body is larger than {limit_bytes} bytes; send media to /v1/uploads")


async def _discard(stream: AsyncIterator[bytes]) -> None:
    """Read on for a while and keep nothing: a client that listens once it has sent all would hear of a broken pipe."""
    seen = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for chunk in stream:
                seen += len(chunk)
                if seen > _DISCARD_BYTES:
                    return


def declared_bytes(headers: Headers) -> int:
    """Content-Length; 0 where there is none."""
    length = headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def too_large(detail: str, violations: Sequence[Violation] = ()) -> Problem:
    """413; closes the connection, so that the client stops sending."""
    return Problem(413, "PAYLOAD_TOO_LARGE", detail, violations=violations, headers={"Connection": "close"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A request that was read: the message, as far as it could be filled, and all that is wrong."""

    message: Message
    violations: tuple[Violation, ...]


def read(binding: Binding, variables: dict[str, str], query: bytes, headers: Headers, body: bytes) -> Reading:
    """The gRPC request, and what is wrong with its JSON form."""
    message = binding.request_class()
    found = _fill_body(binding, message, body)
    try:
        found += parameters.fill(message, parameters.parse(query), binding.query_fields)
    except ValueError as error:
        found.append(Violation("query", f"can't be read: {error}"))
    found += _fill_header(message, headers)
    for name, value in variables.items():
        setattr(message, name, value)
    return Reading(message=message, violations=tuple(found))


def to_json(message: Message) -> str:
    """A message as JSON on one line, with the proto's names. What is no time is left out, and told in `omitted`."""
    try:
        return _printed(message)
    except (ValueError, OverflowError, json_format.SerializeToJsonError):
        copy = type(message)()
        copy.CopyFrom(message)
        without_broken(copy)
        return _printed(copy)


def _printed(message: Message) -> str:
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None, ensure_ascii=False)


def required_in_body(binding: Binding) -> list[FieldDescriptor]:
    """Fields of a `body: "*"` request that must be in the body."""
    fields = (f for f in binding.method.input_type.fields if f.name not in binding.template.variables)
    return [f for f in fields if of_field(f).required]


def _fill_body(binding: Binding, message: Message, body: bytes) -> list[Violation]:
    if not binding.body:
        return []
    whole = binding.body == "*"
    if not body.strip():
        if whole:
            return [Violation(f.name, "is required: the body is empty") for f in required_in_body(binding)]
        return [Violation(binding.body, f"is required: the body must be the {binding.body}, as JSON")]
    try:
        document = json_text.load(body)
    except ValueError as error:
        return [Violation("body" if whole else binding.body, str(error))]
    if whole:
        return documents.fill(message, document, "", without=binding.template.variables)
    field = getattr(message, binding.body)
    field.SetInParent()
    return documents.fill(field, document, binding.body)


def _fill_header(message: Message, headers: Headers) -> list[Violation]:
    known = HEADER_FIELDS.get(message.DESCRIPTOR.full_name)
    values = headers.getlist(known.header) if known else []
    if not known or not values:
        return []
    if not values[0]:
        return [Violation(known.header, "is empty; leave it out, or give a value")]
    field: Any = message.DESCRIPTOR.fields_by_name[known.field]
    before, given = getattr(message, known.field), type(message)()
    wrong = parameters.fill(given, {known.field: values}, (field,))
    found = [Violation(known.header, violation.description) for violation in wrong]
    value = getattr(given, known.field)
    if not found and before and before != value and not known.overrides:
        found.append(Violation(known.header, f"differs from the query parameter {known.field}; give one of them"))
    setattr(message, known.field, value)
    return found
