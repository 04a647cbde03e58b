"""The OpenAPI document says what the protos say."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from reelmill.capacity import Limits
from reelmill.gateway import openapi
from reelmill.gateway.bindings import bindings, services

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "openapi.json"
WRITE = os.environ.get("REELMILL_TEST_GOLDEN") == "write" and not os.environ.get("CI")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(
        list(bindings(services())), limits=Limits(request_max_bytes=2**20, batch_max_bytes=2**22), upload_max_bytes=1000
    )


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {o["operationId"]: o for path in document["paths"].values() for o in path.values()}


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {p["name"]: p for p in operation.get("parameters", [])}


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_method_and_file_operation_is_there(document: dict[str, Any]) -> None:
    methods = {m.name for service in services() for m in service.methods}
    assert operations(document).keys() == methods | {"UploadFile", "DownloadFile"}


def test_everything_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert all(p["description"] for p in operation.get("parameters", ())), name
    for name, schema in document["components"]["schemas"].items():
        if name == "Status":  # google.rpc's, whose comments are not ours
            continue
        assert schema["description"], name
        assert all(p["description"] for p in schema["properties"].values()), name


def test_rules_become_bounds(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    name = schemas["Output"]["properties"]["name"]
    assert (name["minLength"], name["maxLength"]) == (1, 64)
    assert name["pattern"] == "^[A-Za-z0-9][A-Za-z0-9_.-]*$"
    job = schemas["Job"]
    assert job["required"] == ["inputs", "outputs"]
    assert (job["properties"]["outputs"]["minItems"], job["properties"]["outputs"]["maxItems"]) == (1, 64)
    assert (job["properties"]["priority"]["minimum"], job["properties"]["priority"]["maximum"]) == (0, 100)
    assert job["properties"]["labels"]["maxProperties"] == 64
    page_size = parameters(operations(document)["ListJobs"])["page_size"]["schema"]
    assert (page_size["minimum"], page_size["maximum"]) == (0, 1000)
    after = parameters(operations(document)["ListJobEvents"])["after_sequence"]["schema"]
    assert (after["type"], after["minimum"], after["maximum"]) == ("integer", 0, 2**63 - 1)


def test_server_fields_are_read_only(document: dict[str, Any]) -> None:
    job = document["components"]["schemas"]["Job"]["properties"]
    assert {name for name, schema in job.items() if schema.get("readOnly")} >= {"id", "state", "version", "end_time"}
    assert "readOnly" not in job["inputs"]


def test_enums_have_no_zero_value(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["VideoSettings"]["properties"]["codec"]["enum"] == [
        "H264",
        "H265",
        "VP9",
        "AV1",
    ]
    assert "_UNSPECIFIED" not in str([s.get("enum") for s in _all_schemas(document)])


def test_headers_are_parameters(document: dict[str, Any]) -> None:
    key = parameters(operations(document)["CreateJob"])["Idempotency-Key"]
    assert (key["in"], key["schema"]["maxLength"]) == ("header", 128)
    assert parameters(operations(document)["WatchJob"])["Last-Event-ID"]["in"] == "header"


def test_what_the_path_gives_is_not_in_the_body(document: dict[str, Any]) -> None:
    body = operations(document)["CancelJob"]["requestBody"]
    assert list(body["content"]["application/json"]["schema"]["properties"]) == ["reason"]
    assert body["required"] is False
    assert operations(document)["BatchCreateJobs"]["requestBody"]["required"] is True


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    checked = 0
    for operation in operations(document).values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**content["schema"], "components": document["components"]}
            for example in content.get("examples", {}).values():
                Draft202012Validator(schema).validate(example["value"])
                checked += 1
    assert checked >= 6


@pytest.mark.parametrize(
    ("output", "valid"),
    [
        ({"name": "a", "preset": "web-mp4"}, True),
        ({"preset": "web-mp4"}, False),
        ({"name": "a", "audio": {}, "other": 1}, False),
        ({"name": "a", "audio": {"channels": 0}}, True),
        ({"name": "a", "audio": {"bitrate_bps": 512001}}, False),
        ({"name": "a", "audio": {"format": "FORMAT_UNSPECIFIED"}}, False),
    ],
)
def test_the_schema_of_an_output_says_what_is_accepted(
    document: dict[str, Any], output: dict[str, Any], valid: bool
) -> None:
    schema = {"$ref": "#/components/schemas/Output", "components": document["components"]}
    assert Draft202012Validator(schema).is_valid(output) is valid


def test_no_type_is_lost_in_alternatives(document: dict[str, Any]) -> None:
    """Readers that make a client of it make nothing, or `any`, of these; what they would say stands in words."""
    for schema in _all_schemas(document):
        assert not schema.keys() & {"oneOf", "anyOf", "allOf", "not"}, schema
    output = document["components"]["schemas"]["Output"]["properties"]
    assert output["transcode"]["description"].endswith(", captions, concat, transcribe is set.")
    bitrate = document["components"]["schemas"]["AudioSettings"]["properties"]["bitrate_bps"]
    assert (bitrate["type"], bitrate["minimum"], bitrate["maximum"]) == ("integer", 0, 512000)
    assert "0, or 8000 and more." in bitrate["description"]


def test_files_are_bytes(document: dict[str, Any]) -> None:
    answers = operations(document)["DownloadFile"]["responses"]
    for status in ("200", "206"):
        assert answers[status]["content"] == {"application/octet-stream": {"schema": BYTES}}


BYTES = {"type": "string", "format": "binary"}


def _all_schemas(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(s for value in node.values() for s in _all_schemas(value))]
    return [s for value in node for s in _all_schemas(value)] if isinstance(node, list) else []


def test_the_whole_document_is_the_golden_one() -> None:
    """A planned change is written by REELMILL_TEST_GOLDEN=write .venv/bin/pytest tests/unit/test_gateway_openapi.py."""
    document = openapi.document(
        list(bindings(services())), limits=Limits(request_max_bytes=2**20, batch_max_bytes=2**22), upload_max_bytes=1000
    )  # not the fixture: so a mutant knows this test
    assert document["info"]["version"] in (version("reelmill"), "v1")
    parts: dict[str, Any] = {key: value for key, value in document.items() if key not in ("paths", "components")}
    parts["info"] = {key: value for key, value in document["info"].items() if key != "version"}
    for path, methods in document["paths"].items():
        parts |= {f"{verb} {path}": operation for verb, operation in methods.items()}
    for kind, named in document["components"].items():
        parts |= {f"{kind} {name}": value for name, value in named.items()}
    if WRITE:
        lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in parts.items())
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    kept = json.loads(GOLDEN.read_text())
    for key in sorted({*parts, *kept}):
        assert parts.get(key) == kept.get(key), key
