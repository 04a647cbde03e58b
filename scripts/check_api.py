"""Check that proto/ breaks no client of the released API, which proto/released.binpb keeps.

buf compares wire format, JSON names and generated code. It knows nothing of what we say by options:
REST bindings and the rules of fields are compared here. With --release, proto/ becomes what is released.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import grpc_tools.protoc
from generate import INCLUDES, ROOT
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
    OneofDescriptorProto,
)

from reelmill.v1 import rules_pb2

# A copy in the tree, for a clone may be shallow and has no tags then. A change of it shows in review.
RELEASED = ROOT / "proto/released.binpb"
_BUF = {"version": "v2", "breaking": {"use": ["FILE", "WIRE_JSON"], "ignore": ["google"]}}


def main() -> int:
    """Answers the exit status: 1 where something breaks; then --release writes nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", action="store_true")
    arguments = parser.parse_args()
    now = descriptors(ROOT / "proto")
    problems = breaking(FileDescriptorSet.FromString(RELEASED.read_bytes()), now) if RELEASED.exists() else []
    for problem in problems:
        print(problem)
    if problems:
        print("This would break clients: add instead, or begin reelmill.v2.")
    elif arguments.release:
        RELEASED.write_bytes(now.SerializeToString(deterministic=True))
    return 1 if problems else 0


def descriptors(protos: Path) -> FileDescriptorSet:
    """All messages and services below a folder, and what they import. Raises RuntimeError."""
    names = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.binpb"
        includes = [f"-I{path}" for path in (protos, *INCLUDES[1:])]
        if grpc_tools.protoc.main(["protoc", *includes, "--include_imports", f"--descriptor_set_out={made}", *names]):
            raise RuntimeError("protoc failed; its message is above")
        return FileDescriptorSet.FromString(made.read_bytes())


def breaking(before: FileDescriptorSet, after: FileDescriptorSet) -> list[str]:
    """What a client of `before` can't do with `after` any more, a line each."""
    return [*_found_by_buf(before, after), *_lost_bindings(before, after), *_tighter_rules(before, after)]


def _found_by_buf(before: FileDescriptorSet, after: FileDescriptorSet) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder) / "before.binpb", Path(folder) / "after.binpb"
        old.write_bytes(before.SerializeToString())
        new.write_bytes(after.SerializeToString())
        buf = str(Path(sys.executable).parent / "buf")
        argv = [buf, "breaking", str(new), "--against", str(old), "--config", json.dumps(_BUF)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 100):  # 100: it found something
        raise RuntimeError(f"buf failed: {done.stderr}")
    return done.stdout.splitlines()


def _lost_bindings(before: FileDescriptorSet, after: FileDescriptorSet) -> Iterator[str]:
    served = dict(_bindings(after))
    for method, bindings in _bindings(before):
        for binding in sorted(bindings - served.get(method, bindings)):
            yield f"{method}: REST clients can't call {binding} any more"


def _bindings(files: FileDescriptorSet) -> Iterator[tuple[str, set[str]]]:
    for file in files.file:
        for service in file.service:
            for method in service.method:
                rule = method.options.Extensions[annotations_pb2.http]
                forms = (rule, *rule.additional_bindings)
                yield f"{service.name}.{method.name}", {_text(r) for r in forms if r.WhichOneof("pattern")}


def _text(rule: http_pb2.HttpRule) -> str:
    verb = str(rule.WhichOneof("pattern"))
    return f"{verb.upper()} {getattr(rule, verb)} with body {rule.body!r}, answer {rule.response_body!r}"


def _tighter_rules(before: FileDescriptorSet, after: FileDescriptorSet) -> Iterator[str]:
    old, sent = dict(_messages(before)), _sent(before)
    for name, message in _messages(after):
        if name not in sent:  # new, or only told until now: rules hold what clients send
            continue
        fields = {field.name: field for field in old[name].field}
        for field in message.field:
            known = fields.get(field.name, FieldDescriptorProto())
            yield from (f"{name}.{field.name}: {what}" for what in _tighter(known, field))
        required = {oneof.name for oneof in old[name].oneof_decl if _one_required(oneof)}
        for oneof in message.oneof_decl:
            if _one_required(oneof) and oneof.name not in required:
                yield f"{name}.{oneof.name}: one of it is required now"


def _sent(files: FileDescriptorSet) -> set[str]:
    """Names of the messages that requests are, or hold."""
    messages, found = dict(_messages(files)), set[str]()
    waiting = {
        _local(method.input_type) for file in files.file for service in file.service for method in service.method
    }
    while waiting:
        found |= waiting
        held = {_local(f.type_name) for name in waiting for f in messages[name].field if not _output_only(f)}
        waiting = (held & messages.keys()) - found
    return found


def _local(full_name: str) -> str:
    return full_name.removeprefix(".reelmill.v1.")


def _one_required(oneof: OneofDescriptorProto) -> bool:
    extensions: Any = oneof.options.Extensions
    return bool(extensions[rules_pb2.one_required])


def _messages(files: FileDescriptorSet) -> Iterator[tuple[str, DescriptorProto]]:
    def nested(scope: str, messages: Iterable[DescriptorProto]) -> Iterator[tuple[str, DescriptorProto]]:
        for message in messages:
            yield f"{scope}{message.name}", message
            yield from nested(f"{scope}{message.name}.", message.nested_type)

    for file in files.file:
        if file.package.startswith("reelmill."):
            yield from nested("", file.message_type)


def _tighter(before: FieldDescriptorProto, after: FieldDescriptorProto) -> Iterator[str]:
    """How a field takes less than before; a new one must not be required."""
    old, new = _rules(before), _rules(after)
    if new.required and not old.required:
        yield "required now"
    if not before.name:
        return
    if _output_only(after) and not _output_only(before):
        yield "what clients send is ignored now"
    for bound in ("max_length", "max_items"):
        if 0 < getattr(new, bound) < (getattr(old, bound) or float("inf")):
            yield f"{bound} is smaller"
    for bound in ("min_length", "min_items"):
        if getattr(new, bound) > getattr(old, bound):
            yield f"{bound} is larger"
    if new.HasField("min") and (not old.HasField("min") or new.min > old.min):
        yield "min is larger"
    if new.HasField("max") and (not old.HasField("max") or new.max < old.max):
        yield "max is smaller"
    for name in ("pattern", "unique_by"):
        if getattr(new, name) not in ("", getattr(old, name)):
            yield f"{name} is another"


def _rules(field: FieldDescriptorProto) -> rules_pb2.FieldRules:
    extensions: Any = field.options.Extensions
    return cast(rules_pb2.FieldRules, extensions[rules_pb2.rules])


def _output_only(field: FieldDescriptorProto) -> bool:
    return field_behavior_pb2.OUTPUT_ONLY in field.options.Extensions[field_behavior_pb2.field_behavior]


if __name__ == "__main__":
    raise SystemExit(main())
