"""A job's secrets, in fields whose rules say so: stored sealed, opened by whoever uses them, shown to nobody. Pure."""

import base64
import binascii
from collections.abc import Callable, Iterator, MutableMapping
from functools import cache
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from reelmill.jobs.rules import of_field

REDACTED = "redacted"
"""What is shown in a secret's place."""
_SEALED = "sealed:"


def purpose(tenant_id: UUID) -> str:
    """What a tenant's secrets are sealed for: nobody else's job opens them, and a job that is tried again does."""
    return f"job secrets of {tenant_id}"


def are_in(message: Message) -> bool:
    """Whether it has any."""
    return any(True for _ in _found(message))


def shown(message: Message) -> bool:
    """Whether it has one that is but what is shown in a secret's place."""
    return any(text == REDACTED for text, _ in _found(message))


def seal(message: Message, sealing: Callable[[bytes], bytes]) -> None:
    """Seal them all, in place."""
    for text, put in list(_found(message)):
        put(_SEALED + base64.urlsafe_b64encode(sealing(text.encode())).decode())


def opened(text: str, opening: Callable[[bytes], bytes]) -> str:
    """A secret as it was given. Raises ValueError for what is not sealed, and what `opening` raises."""
    if not text.startswith(_SEALED):
        raise ValueError("it is not sealed")
    try:
        sealed = base64.urlsafe_b64decode(text.removeprefix(_SEALED))
    except binascii.Error as error:
        raise ValueError("it is damaged") from error
    return opening(sealed).decode()


def open_all(message: Message, opening: Callable[[bytes], bytes]) -> None:
    """Open them all, in place. Raises as `opened`."""
    for text, put in list(_found(message)):
        put(opened(text, opening))


def redact(message: Message) -> None:
    """Put what is shown in the place of each, in place."""
    for _, put in list(_found(message)):
        put(REDACTED)


def may_be_in(data: bytes) -> bool:
    """Whether a stored message may have any."""
    return _SEALED.encode() in data


def _found(message: Message) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Each secret, and how to put another in its place."""
    for field, secret in _ways(message.DESCRIPTOR):
        value = getattr(message, field.name)
        if not secret:
            several = value if field.is_repeated else [value] if message.HasField(field.name) else []
            for one in several:
                yield from _found(one)
        elif field.message_type is not None:
            for key in value:
                yield value[key], _putter(value, key)
        elif value:
            yield value, _setter(message, field.name)


def _putter(values: MutableMapping[str, str], key: str) -> Callable[[str], None]:
    return lambda text: values.__setitem__(key, text)


def _setter(message: Message, name: str) -> Callable[[str], None]:
    return lambda text: setattr(message, name, text)


@cache
def _ways(descriptor: Descriptor) -> tuple[tuple[FieldDescriptor, bool], ...]:
    """Fields that are secrets, and those that lead to some."""
    found: list[tuple[Any, bool]] = []
    for field in descriptor.fields:
        if of_field(field).secret:
            found.append((field, True))
        elif _leads(field, frozenset({descriptor.full_name})):
            found.append((field, False))
    return tuple(found)


def _leads(field: Any, before: frozenset[str]) -> bool:
    kind = field.message_type
    if kind is None or kind.GetOptions().map_entry or kind.full_name in before:
        return False
    seen = before | {kind.full_name}
    return any(of_field(one).secret or _leads(one, seen) for one in kind.fields)
