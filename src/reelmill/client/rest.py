"""The same calls as REST has them: a Call as an HTTP request, and answers, events and problems back. Pure.

What a method's verb and path are is read from the descriptors, as the gateway does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.api import annotations_pb2
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from reelmill.client.calls import Answer, Call
from reelmill.client.errors import ReelmillError, from_status

_VARIABLE = re.compile(r"\{([a-z_]+)\}")
# The gRPC code that an HTTP status was made of; 409 has two, which the problem's own code tells apart.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    421: "PERMISSION_DENIED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_CONFLICT = "IDEMPOTENCY_CONFLICT"
_MOST_LINE_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """A call on its way to a gateway. `path` begins with /v1/."""

    verb: str
    path: str
    query: Mapping[str, str]
    body: bytes | None
    """JSON; None where the method has none."""


def request(call: Call[Any]) -> HttpRequest:
    """A call's HTTP form. Raises ValueError for a method that has none."""
    method = _method(call.path)
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    if verb is None:
        raise ValueError(f"{call.path}: has no REST form; a grpc:// address has it")
    template: str = getattr(rule, verb)
    variables = _VARIABLE.findall(template)
    path = _VARIABLE.sub(lambda found: quote(str(getattr(call.request, found[1])), safe=""), template)
    fields = [f for f in method.input_type.fields if f.name not in variables]
    body = None
    if rule.body == "*":
        whole = _json(call.request)
        body = _bytes({name: value for name, value in whole.items() if name not in variables})
    elif rule.body:
        body = _bytes(_json(getattr(call.request, rule.body)))
    told = fields if rule.body != "*" else []
    query = {f.name: _text(f, call.request) for f in told if f.name != rule.body and _given(f, call.request)}
    return HttpRequest(verb=verb.upper(), path=path, query=query, body=body)


def answer(call: Call[Answer], content: bytes) -> Answer:
    """What a 200 says. Raises ReelmillError for what is no such answer."""
    found: Answer = _parsed(call.answer, content)
    return found


def text_of(content: bytes, name: str) -> str:
    """A text of an answer of the gateway's own. Raises ReelmillError."""
    value = _object(content).get(name)
    if not isinstance(value, str):
        raise ReelmillError("the server's answer is not Reelmill's gateway's", code="INTERNAL")
    return value


def problem(status: int, headers: Mapping[str, str], content: bytes) -> ReelmillError:
    """The error that an answer other than 2xx tells."""
    told = _object(content)
    code = _CODES.get(status, "INTERNAL" if status >= 500 else "UNKNOWN")
    if status == 409 and told.get("code") == _CONFLICT:
        code = "ALREADY_EXISTS"
    message = str(told.get("detail") or f"the server answered {status}")
    found = Status(code=code_pb2.Code.Value(code), message=message)
    bad = error_details_pb2.BadRequest()
    for error in told.get("errors") or ():
        bad.field_violations.add(field=str(error.get("field", "")), description=str(error.get("detail", "")))
    if bad.field_violations:
        found.details.add().Pack(bad)
    after = headers.get("retry-after", "")
    if after.isdecimal():
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromSeconds(min(int(after), 3600))
        found.details.add().Pack(retry)
    return from_status(found)


class Events(Iterator[Any]):
    """Server-Sent Events as messages of a class. Feed it bytes; it gives what is whole. Raises ReelmillError."""

    def __init__(self, kind: type[Message]) -> None:
        self._kind = kind
        self._rest = b""
        self._name, self._data = b"", list[bytes]()
        self._whole: list[Any] = []

    def feed(self, chunk: bytes) -> None:
        """Some of the stream."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")  # and not where a JSON text has U+2028 in it
        if len(self._rest) > _MOST_LINE_BYTES:
            raise ReelmillError("the server's event has no end", code="INTERNAL")
        for line in lines:
            self._line(line.removesuffix(b"\r"))

    def _line(self, line: bytes) -> None:
        if line:
            name, _, value = line.partition(b":")
            if name == b"event":
                self._name = value.removeprefix(b" ")
            elif name == b"data":
                self._data.append(value.removeprefix(b" "))
            return
        name, data = self._name, b"\n".join(self._data)
        self._name, self._data = b"", []
        if name == b"error":
            raise problem(int(_object(data).get("status") or 500), {}, data)
        if data:
            self._whole.append(_parsed(self._kind, data))

    def __next__(self) -> Any:
        if not self._whole:
            raise StopIteration
        return self._whole.pop(0)


def _method(path: str) -> MethodDescriptor:
    name = path.removeprefix("/").replace("/", ".")
    found: MethodDescriptor = descriptor_pool.Default().FindMethodByName(name)
    return found


def _json(message: Message) -> dict[str, Any]:
    return dict(json_format.MessageToDict(message, preserving_proto_field_name=True))


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _given(field: FieldDescriptor, message: Message) -> bool:
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


def _text(field: FieldDescriptor, message: Message) -> str:
    value = getattr(message, field.name)
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(kind: type[Any], content: bytes) -> Any:
    try:
        return json_format.Parse(content, kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        what = f"the server's answer is no {kind.DESCRIPTOR.name}: is this address Reelmill's gateway? ({error})"
        raise ReelmillError(what[:500], code="INTERNAL") from error


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
