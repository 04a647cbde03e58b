"""google.api.http options → bindings of an HTTP method and path to a gRPC method."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from reelmill.v1 import access_pb2, jobs_pb2, media_pb2, uploads_pb2, webhooks_pb2, workers_pb2

_VARIABLE = re.compile(r"\{([a-z_]+)(?:=\*\*)?\}")
_REST = "=**}"


@dataclass(frozen=True, slots=True)
class Template:
    """A path such as /v1/jobs/{id}:cancel. A variable is one segment without `/` and `:`; the last one may be all that
    follows, as `{path=**}`.
    """

    text: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order."""
        return tuple(_VARIABLE.findall(self.text))

    def compile(self) -> re.Pattern[str]:
        """A pattern for raw (still percent-encoded) paths. Raises ValueError for templates with other `=` or `*`."""
        parts = _VARIABLE.split(self.text)
        rest = len(parts) - 2 if self.text.endswith(_REST) else None
        if any(set(literal) & set("{}*=") for literal in parts[::2]):
            raise ValueError(f"{self.text}: only literals, {{variables}} and :verbs are understood")
        if self.text.count(_REST) != (rest is not None):
            raise ValueError(f"{self.text}: only the last variable can be all that follows")
        variables = {i: f"(?P<{p}>{'.+' if i == rest else '[^/:]+'})" for i, p in enumerate(parts) if i % 2}
        return re.compile("".join(variables.get(i, re.escape(p)) for i, p in enumerate(parts)))


def decode(segments: dict[str, str]) -> dict[str, str]:
    """Percent-decode a path's variables. Raises UnicodeDecodeError."""
    return {name: unquote(value, errors="strict") for name, value in segments.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """One REST form of a gRPC method. `body` is a field's name, `*` for the whole request, or empty."""

    verb: str
    template: Template
    body: str
    method: MethodDescriptor

    @property
    def rpc(self) -> str:
        """The gRPC path."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def request_class(self) -> type[Message]:
        """Class of the request."""
        return message_factory.GetMessageClass(self.method.input_type)

    @property
    def response_class(self) -> type[Message]:
        """Class of the answer, or of each answer of a stream."""
        return message_factory.GetMessageClass(self.method.output_type)

    @property
    def query_fields(self) -> tuple[FieldDescriptor, ...]:
        """Scalar and enum fields of the request that neither path nor body gives."""
        if self.body == "*":
            return ()
        bound = {*self.template.variables, self.body}
        return tuple(f for f in self.method.input_type.fields if f.name not in bound and f.message_type is None)


def bindings(services: Iterable[ServiceDescriptor]) -> Iterator[Binding]:
    """The REST forms that the services' methods declare."""
    for service in services:
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for form in (rule, *rule.additional_bindings):
                if kind := form.WhichOneof("pattern"):
                    template = Template(getattr(form, kind))
                    yield Binding(verb=kind.upper(), template=template, body=form.body, method=method)


def internal(service: ServiceDescriptor, method: str) -> Binding:
    """A method without a REST form, to be called by ourselves."""
    return Binding(verb="", template=Template(""), body="", method=service.methods_by_name[method])


def services() -> tuple[ServiceDescriptor, ...]:
    """The services that have a REST form."""
    return (
        jobs_pb2.DESCRIPTOR.services_by_name["JobService"],
        media_pb2.DESCRIPTOR.services_by_name["MediaService"],
        uploads_pb2.DESCRIPTOR.services_by_name["FileService"],
        workers_pb2.DESCRIPTOR.services_by_name["WorkerService"],
        webhooks_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        access_pb2.DESCRIPTOR.services_by_name["AccessService"],
    )
