"""The protos' comments, by the full name of what they describe."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2

# Repeated fields of descriptors whose items have names and comments: owner → {field number: field}.
_NAMED: dict[str, dict[int, str]] = {
    "FileDescriptorProto": {4: "message_type", 5: "enum_type", 6: "service"},
    "DescriptorProto": {2: "field", 3: "nested_type", 4: "enum_type", 8: "oneof_decl"},
    "EnumDescriptorProto": {2: "value"},
    "ServiceDescriptorProto": {2: "method"},
}


def load() -> dict[str, str]:
    """Comments of messages, fields, oneofs, enums, values, services and methods; each as one paragraph."""
    raw = resources.files("reelmill.v1").joinpath("descriptors.binpb").read_bytes()
    return {
        name: " ".join(comment.split())
        for file in descriptor_pb2.FileDescriptorSet.FromString(raw).file
        for name, comment in _of_file(file)
    }


def _of_file(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        if location.leading_comments and (name := _name(file, list(location.path))):
            yield name, location.leading_comments


def _name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str | None:
    """Full name of what a source path leads to; None for what has no name, such as an option."""
    here: Any = file
    names = [file.package]
    for number, index in zip(path[::2], path[1::2], strict=False):
        field = _NAMED.get(here.DESCRIPTOR.name, {}).get(number)
        if field is None:
            return None
        here = getattr(here, field)[index]
        names.append(here.name)
    return ".".join(names) if len(path) % 2 == 0 and path else None
