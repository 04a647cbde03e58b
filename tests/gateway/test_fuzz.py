"""Random, mutated and odd requests to every method: whatever they are, they are no fault of the server."""

import random
import struct
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from effort import SEED, short_or_long
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from jobs import job
from live import Reelmill, channel
from shapes import METHODS, varint
from waiting import PATIENCE_SECONDS

from reelmill.gateway.bindings import bindings, services
from reelmill.gateway.transcoding import to_json
from reelmill.v1 import jobs_pb2 as pb

pytestmark = pytest.mark.timeout(short_or_long(300, 1800))
CASES = short_or_long(800, 40_000)
LARGEST = 4 * 2**20
"""Bytes of a request (settings.py: batch_max_bytes): of a larger one nothing is read."""
FIXED = 20261125
FAULTS = {"INTERNAL", "UNKNOWN", "DATA_LOSS", "RESOURCE_EXHAUSTED"}
ALL = [
    *METHODS,
    *health_pb2.DESCRIPTOR.services_by_name["Health"].methods,
    *reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].methods,
]
NUMBERS = [0, 1, -1, 2, 7, 50, 99, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 253_402_300_800, 10**9]
TEXTS = ["", "\0", "a", "x" * 65, "é" * 300, "http://a..b/", "file:///media/x", "upload:x/y", "s3://b/c", "\u2028"]
TEXTS += ["01a20d22-f85a-70f1-b8c8-3ea9223e6a52", 'state = "FAILED"', "AAAA", "web-mp4", "%", "://a:b@", "1" * 5000]
TEXTS += ["reelmill.v1.Job", "grpc.health.v1.Health", "reelmill/v1/jobs.proto", "google.protobuf.FieldOptions"]

IDS = ("x", "%00", "a%2Fb", "01a20d22-f85a-70f1-b8c8-3ea9223e6a52")
SCRAPS = (b"", b"\xff", b'"', b"{", b"[", b"null", b"1e999", b"\\ud800")


def odd(chance: random.Random, descriptor: Any, depth: int = 0) -> Message:
    """A message with fields of odd values."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if chance.random() < 0.5 and depth < 6:
            _set(chance, message, field, depth)
    return message


def _set(chance: random.Random, message: Any, field: FieldDescriptor, depth: int) -> None:
    target, kind = getattr(message, field.name), field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        for _ in range(chance.choice((1, 3, 65))):
            target[chance.choice(TEXTS)] = chance.choice(TEXTS)
    elif kind is not None:
        for _ in range(chance.choice((1, 1, 2, 17)) if field.is_repeated and depth < 3 else 1):
            made = odd(chance, kind, depth + 1)
            target.append(made) if field.is_repeated else target.CopyFrom(made)
    elif field.is_repeated:
        target.extend(_scalar(chance, field) for _ in range(chance.choice((1, 2, 1001))))
    else:
        setattr(message, field.name, _scalar(chance, field))


def _scalar(chance: random.Random, field: FieldDescriptor) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        text = chance.choice(TEXTS)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return chance.choice([0.0, -1.0, 1e308, float("nan"), float("inf"), 0.1, *map(float, NUMBERS[:7])])
    small = field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_ENUM)
    return chance.choice([n for n in NUMBERS if not small or -(2**31) <= n < 2**31])


def raw_bytes(chance: random.Random, descriptor: Descriptor) -> bytes:
    """What goes over the wire: noise, an odd message, or one with bits that were turned."""
    way = chance.randrange(5)
    if way == 0:
        return chance.randbytes(chance.randrange(200))
    if way == 1:
        field = chance.randrange(1, 40)
        text = chance.randbytes(chance.randrange(40))
        return varint(field << 3 | 2) + varint(len(text)) + text
    request = pb.CreateJobRequest(job=job()) if descriptor.name == "CreateJobRequest" else odd(chance, descriptor)
    raw = bytearray(request.SerializeToString())
    for _ in range(chance.choice((0, 1, 4)) if raw and way > 2 else 0):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def test_no_request_over_grpc_is_a_fault_of_the_server(idle_api: Reelmill) -> None:
    seed = short_or_long(FIXED, SEED)
    print("seed", seed)
    chance = random.Random(seed)
    codes: dict[str, int] = {}
    with channel(idle_api.grpc) as connection:
        for i in range(CASES):
            method = ALL[i % len(ALL)]
            raw = raw_bytes(chance, method.input_type)
            if len(raw) > LARGEST:
                continue
            code = ask(connection, method, raw)
            codes[code] = codes.get(code, 0) + 1
            assert code not in FAULTS, f"{method.full_name} {raw!r}: {code}"
    assert codes.keys() >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, codes


def ask(connection: Any, method: Any, raw: bytes) -> str:
    """The status of a call."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.client_streaming:
            list(connection.stream_stream(path)(iter([raw]), timeout=PATIENCE_SECONDS))
        elif method.server_streaming:
            call = connection.unary_stream(path)(raw, timeout=0.2)
            next(call, None)
            call.cancel()
        else:
            connection.unary_unary(path)(raw, timeout=PATIENCE_SECONDS)
    except grpc.RpcError as error:
        return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"


def test_no_body_over_rest_is_a_fault_of_the_server(idle_http: httpx.Client) -> None:
    seed = short_or_long(FIXED, SEED)
    print("seed", seed)
    chance = random.Random(seed)
    bound = [b for b in bindings(services()) if b.body]
    found: set[int] = set()
    for i in range(CASES // 3):
        binding = bound[i % len(bound)]
        root: Any = binding.method.input_type
        kind = root if binding.body == "*" else root.fields_by_name[binding.body].message_type
        body = text_of(chance, kind)
        path = binding.template.text.replace(
            "{id}", chance.choice(("x", "%00", "a%2Fb", "01a20d22-f85a-70f1-b8c8-3ea9223e6a52"))
        )
        answer = idle_http.post(path, content=body, headers={"Content-Type": "application/json"})
        found.add(answer.status_code)
        assert answer.status_code in (200, 400, 404, 409, 413), f"{path} {body!r}: {answer.text}"
    assert found >= {200, 400, 404}


def text_of(chance: random.Random, kind: Descriptor) -> bytes:
    """JSON, mostly: of an odd message, with bytes that were changed."""
    message = odd(chance, kind)
    printed: Callable[[Message], str] = to_json
    try:
        text = bytearray(printed(message).encode(errors="replace"))
    except Exception:  # what can't be printed: some other odd text
        text = bytearray(struct.pack("<d", chance.random()))
    for _ in range(chance.choice((0, 0, 1, 3))):
        if text:
            at = chance.randrange(len(text))
            text[at : at + chance.choice((0, 1, 5))] = chance.choice(
                (b"", b"\xff", b'"', b"{", b"[", b"null", b"1e999", b"\\ud800")
            )
    return bytes(text)
