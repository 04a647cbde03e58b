"""Requests of a given size that are as bad as can be, made from the descriptors, as JSON and as protobuf."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from reelmill.gateway.bindings import services
from reelmill.v1 import uploads_pb2

_UPLOADS = uploads_pb2.DESCRIPTOR.services_by_name["UploadService"]  # it has no REST form
METHODS: list[MethodDescriptor] = [method for service in (*services(), _UPLOADS) for method in service.methods]
_TEXT, _GROUP = FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE
_UNKNOWN = 1999  # number of a field that no message has
ANY = 1999
"""Fields, one within the other: no way is as long."""


def paths(root: Descriptor, longest: int = ANY) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The way, of so many fields at most, to every one below a message that is a list, a map or a text; each message
    once."""
    seen: set[str] = set()
    open_ends: list[tuple[Any, tuple[FieldDescriptor, ...]]] = [(root, ())]
    while open_ends:
        message, way = open_ends.pop(0)
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        for field in message.fields:
            here = (*way, field)
            is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
            if field.is_repeated or field.cpp_type == _TEXT:
                yield here
            if field.message_type is not None and not is_map and len(here) < longest:
                open_ends.append((field.message_type, here))


def as_json(root: Descriptor, size: int, deeper: int | None = None, longest: int = ANY) -> Iterator[tuple[str, bytes]]:
    """Bodies of about `size` bytes, each with a name; those whose way is longer than two fields have `deeper` bytes."""
    whole = size
    for way in paths(root, longest):
        last, size = way[-1], whole if len(way) <= 2 or deeper is None else deeper
        name = ".".join(field.name for field in way)
        is_map = last.message_type is not None and last.message_type.GetOptions().map_entry
        if is_map:
            yield f"{name}: many keys", _nested(way, _filled("{", ",", "}", lambda i: f'"{i}":""', size))
            yield f"{name}: one key", _nested(way, "{" + f'"{"k" * size}":""' + "}")
        elif last.is_repeated:
            item = "{}" if last.message_type is not None else "1"
            yield f"{name}: many items", _nested(way, _filled("[", ",", "]", lambda _, item=item: item, size))
            yield f"{name}: wrong items", _nested(way, _filled("[", ",", "]", lambda _: '{"x":[]}', size))
            yield f"{name}: null", _nested(way, _filled("[", ",", "]", lambda _: "null", size))
        else:
            yield f"{name}: long", _nested(way, f'"{"://a:b" * (size // 7)}"')
            yield f"{name}: wide", _nested(way, f'"{"é,{" * (size // 4)}"')
    size = whole
    yield "unknown keys", _filled("{", ",", "}", lambda i: f'"{i}":1', size).encode()
    yield "one unknown key", ("{" + f'"{"priorit" * (size // 7)}":1' + "}").encode()
    yield "one key again and again", _filled("{", ",", "}", lambda _: '"a":1', size).encode()
    yield "nested lists", b'{"a":' + b"[" * (size - 5)
    yield "nested objects", b'{"a":' * (size // 5)
    yield "numbers", b'{"a":[' + b",".join([b"9" * 4000] * (size // 4001)) + b"]}"
    yield "spaces", b" " * size


def as_bytes(root: Descriptor, size: int, longest: int = ANY) -> Iterator[tuple[str, bytes]]:
    """Messages of about `size` bytes, each with a name."""
    for way in paths(root, longest):
        last = way[-1]
        name = ".".join(field.name for field in way)
        if last.is_repeated:
            tag = varint(last.number << 3 | 2)
            yield f"{name}: many items", _wrapped(way[:-1], (tag + b"\0") * (size // (len(tag) + 1)))
            inner = varint(_UNKNOWN << 3) + b"\1"
            item = tag + varint(len(inner)) + inner
            if last.message_type is not None:
                yield f"{name}: many unknown", _wrapped(way[:-1], item * (size // len(item)))
        else:
            text = b"://a:b" * (size // 6)
            yield f"{name}: long", _wrapped(way[:-1], varint(last.number << 3 | 2) + varint(len(text)) + text)
    one = varint(_UNKNOWN << 3) + b"\1"
    yield "unknown numbers", one * (size // len(one))
    yield "one unknown text", varint(_UNKNOWN << 3 | 2) + varint(size) + b"x" * size
    yield "nested groups", varint(_UNKNOWN << 3 | 3) * (size // 2)
    yield "no message", b"\xff" * size


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _filled(begin: str, comma: str, end: str, item: Any, size: int) -> str:
    count = size // (len(item(size)) + 1)
    return begin + comma.join(item(i) for i in range(count)) + end


def _nested(way: tuple[FieldDescriptor, ...], leaf: str) -> bytes:
    for i, field in enumerate(reversed(way)):
        leaf = f'{{"{field.name}":[{leaf}]}}' if field.is_repeated and i else f'{{"{field.name}":{leaf}}}'
    return leaf.encode()


def _wrapped(way: tuple[FieldDescriptor, ...], leaf: bytes) -> bytes:
    for field in reversed(way):
        leaf = varint(field.number << 3 | 2) + varint(len(leaf)) + leaf
    return leaf
