"""The OpenAPI 3.1 document: operations of the bindings, and the gateway's own."""

from collections.abc import Iterable, Sequence
from typing import Any

from reelmill import __version__
from reelmill.auth.roles import RULES, Role
from reelmill.capacity import Limits
from reelmill.gateway import examples, streaming
from reelmill.gateway.bindings import Binding
from reelmill.gateway.files import UPLOAD_NAME, UPLOAD_NAME_MAX_BYTES
from reelmill.gateway.problems import MEDIA_TYPE as PROBLEM_TYPE
from reelmill.gateway.schemas import Schema, Schemas, integer_parameter
from reelmill.gateway.transcoding import HEADER_FIELDS, required_in_body
from reelmill.jobs import comments

_SERVICES = "/reelmill.v1"
_DESCRIPTION = """\
Submit media jobs and follow them.

Bodies are JSON objects with the names below; camelCase names are accepted too. Unset fields and zeros are left out
of answers, and 64-bit integers are strings. Errors are problems (RFC 9457): `code` is stable, and `errors` names
every field that is wrong; where the body is a job, their paths begin with `job.`.
"""
_STATUS_TEXTS = {
    "400": "The request breaks a rule; errors says which.",
    "401": "It needs a key, and has none that is good.",
    "403": "The key's role may not do this (these may: {roles}), or a page of another site sent it; allowed_origins "
    "names pages that may.",
    "404": "There is no such thing.",
    "408": "The body takes too long to come.",
    "409": "The state of things does not allow it, or the idempotency key was used with another body.",
    "413": "The body is too large.",
    "415": "The body is not called what it must be; the detail names the Content-Type.",
    "421": "The Host is not one that this gateway answers to; allowed_hosts names those.",
    "503": "A part of the server is away; try again after the time that Retry-After says.",
    "default": "Any other problem.",
}


def document(bindings: Sequence[Binding], *, upload_max_bytes: int, limits: Limits) -> dict[str, Any]:
    """The whole document."""
    texts = comments.load()
    schemas = Schemas(texts, requests=[b.method.input_type for b in bindings])
    paths: dict[str, Any] = {}
    for binding in bindings:
        operation = _operation(binding, schemas, texts, limits)
        paths.setdefault(binding.template.text, {})[binding.verb.lower()] = operation
    paths["/v1/uploads"] = {"post": _upload(upload_max_bytes)}
    paths["/v1/jobs/{id}/outputs/{output}/{path}"] = {"get": _download()}
    services = {b.method.containing_service.full_name: b.method.containing_service.name for b in bindings}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reelmill",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            *({"name": name, "description": texts.get(full_name, "")} for full_name, name in services.items()),
            {"name": "Files", "description": "Bring inputs here, and fetch outputs."},
        ],
        "paths": paths,
        # A gateway on loopback asks nobody for one, and so does one that is told so.
        "security": [{}, {"key": []}],
        "components": {
            "schemas": {**schemas.components, "Upload": _UPLOAD, "Problem": _PROBLEM},
            "securitySchemes": {"key": _KEY},
        },
    }


def _operation(binding: Binding, schemas: Schemas, texts: dict[str, str], limits: Limits) -> dict[str, Any]:
    method = binding.method
    text = texts.get(method.full_name, "")
    summary, _, rest = text.partition(". ")
    parameters = [_path(name, _field_schema(binding, name, schemas)) for name in binding.template.variables]
    for field in binding.query_fields:
        parameters.append(_parameter(field.name, "query", integer_parameter(field, schemas.field(field))))
    if header := HEADER_FIELDS.get(method.input_type.full_name):
        field = method.input_type.fields_by_name[header.field]
        schema = integer_parameter(field, schemas.field(field)) | {"description": header.description}
        if schema["type"] == "string":
            schema["minLength"] = 1
        parameters.append(_parameter(header.header, "header", schema))
    operation: dict[str, Any] = {
        "operationId": method.name,
        "tags": [method.containing_service.name],
        "summary": summary.rstrip("."),
    }
    if rest:
        operation["description"] = rest
    if parameters:
        operation["parameters"] = parameters
    if binding.body:
        operation["requestBody"] = _body(binding, schemas) | {
            "description": f"At most {limits.of(binding.method.input_type.full_name)} bytes, and as many as protobuf."
        }
    responses = _stream_responses(binding, schemas) if method.server_streaming else _responses(binding, schemas)
    operation["responses"] = responses | _problems(*_refusals(binding), roles=RULES[binding.rpc].roles)
    return operation


def _body(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    message = binding.method.input_type
    if binding.body == "*":
        variables = binding.template.variables
        schema = schemas.message(message, variables) if variables else schemas.reference(message)
        required = bool(required_in_body(binding))
    else:
        schema = schemas.reference(message.fields_by_name[binding.body].message_type)
        required = True
    content: dict[str, Any] = {"schema": schema}
    if example := examples.BODIES.get(binding.method.name):
        content["examples"] = example
    return {"required": required, "content": {"application/json": content}}


def _responses(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.reference(binding.method.output_type)
    return {"200": {"description": "The answer.", "content": {"application/json": {"schema": schema}}}}


def _stream_responses(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.reference(binding.method.output_type)
    name = binding.method.output_type.name
    text = (
        f"Server-Sent Events. `event: state` has an `id`, `event: progress` has none; `data` is a {name} as JSON. "
        "The last event has a final state; `event: error` ends a stream that failed, its `data` is a Problem. "
        f"A comment comes every {streaming.KEEP_ALIVE_SECONDS:g} s when nothing else does."
    )
    content = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    return {
        "200": {
            "description": text,
            "content": {streaming.MEDIA_TYPE: {"schema": content, "example": examples.EVENTS}},
        },
        "204": {"description": "The final event was seen before; there is nothing to wait for."},
    }


def _refusals(binding: Binding) -> list[str]:
    found = ["400", "401", "403"]
    if binding.template.variables:
        found.append("404")
    if binding.verb == "POST":
        found += ["408", "409", "413"]
    if binding.verb == "DELETE":
        found.append("409")
    if binding.body:
        found.append("415")
    return found


def _problems(*statuses: str, roles: Iterable[Role]) -> dict[str, Any]:
    """Refusals; `roles`: of the keys that may."""
    schema = {"$ref": "#/components/schemas/Problem"}
    able = ", ".join(f"`{role}`" for role in Role if role in roles)
    texts = _STATUS_TEXTS | {"403": _STATUS_TEXTS["403"].format(roles=able)}
    return {
        status: {"description": texts[status], "content": {PROBLEM_TYPE: {"schema": schema}}}
        for status in (*statuses, "421", "503", "default")
    }


def _field_schema(binding: Binding, name: str, schemas: Schemas) -> Schema:
    return schemas.field(binding.method.input_type.fields_by_name[name])


def _path(name: str, schema: Schema) -> dict[str, Any]:
    return {**_parameter(name, "path", schema), "required": True}


def _parameter(name: str, where: str, schema: Schema) -> dict[str, Any]:
    schema = dict(schema)
    description = schema.pop("description", "")
    return {"name": name, "in": where, "description": description, "schema": schema}


def _upload(upload_max_bytes: int) -> dict[str, Any]:
    schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": UPLOAD_NAME_MAX_BYTES,
        "pattern": UPLOAD_NAME,
        "description": f"The file's name, at most {UPLOAD_NAME_MAX_BYTES} bytes in UTF-8.",
    }
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Upload"}}}
    return {
        "operationId": "UploadFile",
        "tags": ["Files"],
        "summary": "Upload a file, to be a job's input",
        "description": f"The body is the file itself, of at most {upload_max_bytes} bytes.",
        "parameters": [{**_parameter("name", "query", schema), "required": True, "example": "talk.mov"}],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
        },
        "responses": {
            "201": {"description": "It is stored.", "content": answer},
            **_problems(
                "400", "401", "403", "413", "415", roles=RULES["/reelmill.v1.UploadService/CreateUpload"].roles
            ),
        },
    }


def _download() -> dict[str, Any]:
    texts = {
        "id": "The job's id.",
        "output": "The output's name.",
        "path": "The file's path within its output, as files say it: its name, behind those of its folders.",
    }
    # Its Content-Type is the file's own; strict readers of this document know this one for bytes alone.
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    headers = ("Range", "One range, such as bytes=0-999."), ("If-None-Match", "ETag of a copy."), ("If-Range", "ETag.")
    return {
        "operationId": "DownloadFile",
        "tags": ["Files"],
        "summary": "Download a file that a job made",
        "description": "The ETag is the file's SHA-256. Files in a destination of one's own may be out of reach.",
        "parameters": [
            *(_path(name, {"type": "string", "minLength": 1, "description": text}) for name, text in texts.items()),
            *(_parameter(name, "header", {"type": "string", "description": text}) for name, text in headers),
        ],
        "responses": {
            "200": {"description": "The file.", "content": binary},
            "206": {"description": "The range.", "content": binary},
            "304": {"description": "The copy is good."},
            "416": {
                "description": "The file has no such range.",
                "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
            **_problems("401", "403", "404", roles=RULES[f"{_SERVICES}.JobService/ListOutputFiles"].roles),
        },
    }


_KEY = {"type": "http", "scheme": "bearer", "description": "A key's token, such as rm_…; `reelmill keys` makes them."}
_UPLOAD: Schema = {
    "type": "object",
    "description": "A stored upload.",
    "properties": {
        "uri": {"type": "string", "description": "What an input's uri takes.", "examples": ["upload:…/talk.mov"]},
        "size_bytes": {"type": "string", "format": "int64", "description": "Size in bytes."},
    },
    "required": ["uri", "size_bytes"],
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "An error, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Stable name of the kind of problem."},
        "title": {"type": "string", "description": "The kind of problem, for people."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here."},
        "code": {"type": "string", "description": "Stable code.", "examples": ["INVALID_REQUEST"]},
        "errors": {
            "type": "array",
            "description": "Every field, parameter or header that is wrong.",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "examples": ["job.outputs[0].transcode.video.crf"]},
                    "detail": {"type": "string", "examples": ["99 is not between 0 and 63"]},
                },
                "required": ["field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
