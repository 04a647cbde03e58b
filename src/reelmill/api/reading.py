"""Bytes → requests. What can't be decoded, or would be lost in decoding, is refused."""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from reelmill.jobs.errors import InvalidRequest, Violation

_MAX_ITEMS = 1000  # of a list, that are looked through for unknown fields
_MAX_NUMBERED = 2**16  # bytes of unknown fields, up to which the first one's number is told
_MAX_TOLD = 10


def decode(raw: bytes, parse: Callable[[bytes], Any]) -> Any:
    """The request as its deserializer reads it. Raises InvalidRequest."""
    try:
        return parse(raw)
    except DecodeError as error:
        raise InvalidRequest([Violation("request", "can't be decoded: the bytes are no such message")]) from error


def read(raw: bytes, parse: Callable[[bytes], Any]) -> Any:
    """The request, of which all fields are known. Raises InvalidRequest, naming those that are not.

    To leave them out would make another job than the client means. Takes no Python for each field.
    """
    message: Message = decode(raw, parse)
    whole = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() == whole:
        return message
    found = []
    for path, number in _unknown(decode(raw, parse), message, ""):
        found.append(Violation(path or "request", f"has the field {number}, which this server does not know"))
        if len(found) == _MAX_TOLD:
            break
    raise InvalidRequest(found or [Violation("request", "has fields that this server does not know")])


def _unknown(whole: Message, known: Message, path: str) -> Iterator[tuple[str, str]]:
    """Messages that have unknown fields: paths and the first number, by what is missing in a copy without."""
    rest = whole.ByteSize() - known.ByteSize()
    for field, value in known.ListFields():
        if field.message_type is None or rest <= 0:
            continue
        here, other = f"{path}.{field.name}" if path else field.name, getattr(whole, field.name)
        if not field.is_repeated:
            pairs = [(here, other, value)]
        elif field.message_type.GetOptions().map_entry:
            continue
        else:
            pairs = [(f"{here}[{i}]", a, b) for i, (a, b) in enumerate(zip(other, value[:_MAX_ITEMS], strict=False))]
        for place, a, b in pairs:
            if more := a.ByteSize() - b.ByteSize():
                rest -= more
                yield from _unknown(a, b, place)
    if rest > 0 and rest <= _MAX_NUMBERED and (own := UnknownFieldSet(whole)):
        yield path, str(own[0].field_number)
    elif rest > _MAX_NUMBERED:
        yield path, "…"
