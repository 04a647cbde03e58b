"""What would break a client of the released API is told; what adds to it is not."""

import shutil
from pathlib import Path

import pytest
from check_api import RELEASED, ROOT, breaking, descriptors
from google.protobuf.descriptor_pb2 import FileDescriptorSet

INPUT = "// A media file to read.\nmessage Input {\n"
BREAKS = {
    "a field is gone": ("  bool retryable = 3;\n", "", 'Previously present field "3" with name "retryable"'),
    "a field has another number": ("string code = 1;", "string code = 31;", 'Previously present field "1"'),
    "a field has another type": ("int64 size_bytes = 2;", "string size_bytes = 2;", 'Field "2" with name "size_bytes"'),
    "JSON has another name": ("string sha256 = 3;", "string digest = 3;", 'from "sha256" to "digest"'),
    "a state is gone": ("    CANCELLED = 5;\n", "", "CANCELLED"),
    "a method is gone": (
        "rpc RetryJob(RetryJobRequest) returns (Job) {",
        "rpc Again(RetryJobRequest) returns (Job) {",
        "RetryJob",
    ),
    "a path is another": ('get: "/v1/jobs/{id}"', 'get: "/v1/job/{id}"', "can't call GET /v1/jobs/{id} with body ''"),
    "a body is another": ('"/v1/jobs" body: "job"', '"/v1/jobs" body: "*"', "can't call POST /v1/jobs with body 'job'"),
    "a text may be less long": (
        "max_length: 128",
        "max_length: 64",
        "CreateJobRequest.request_id: max_length is smaller",
    ),
    "a number may be less large": ("max: 20}", "max: 10}", "RetryPolicy.max_attempts: max is smaller"),
    "a number has a bound": (
        "int64 after_sequence = 2 [(rules) = {min: 0}]",
        "int64 after_sequence = 2 [(rules) = {min: 1}]",
        "after_sequence: min is larger",
    ),
    "a text has a pattern": (
        "string input = 2 [(rules) = {max_length: 71",
        'string input = 2 [(rules) = {pattern: "a", max_length: 71',
        "pattern is another",
    ),
    "a new field is required": (
        INPUT,
        INPUT + "  string kind = 9 [(rules) = {required: true}];\n",
        "Input.kind: required now",
    ),
    "a field is not heeded": (
        "RetryPolicy retry_policy = 7;",
        "RetryPolicy retry_policy = 7 [(google.api.field_behavior) = OUTPUT_ONLY];",
        "is ignored now",
    ),
}
ADDS = {
    "a field": (INPUT, INPUT + "  string kind = 9 [(rules) = {max_length: 8}];\n"),
    "a looser rule": ("max_length: 128", "max_length: 256"),
    "a rule of what is only told": ("string sha256 = 3;", "string sha256 = 3 [(rules) = {max_length: 64}];"),
    "another path": ('get: "/v1/jobs/{id}" }', 'get: "/v1/jobs/{id}" additional_bindings { get: "/v1/job/{id}" } }'),
}


@pytest.fixture(scope="module")
def before() -> FileDescriptorSet:
    """The API as it is."""
    return descriptors(ROOT / "proto")


def changed(folder: Path, *changes: tuple[str, str]) -> FileDescriptorSet:
    """The API with parts of its text replaced."""
    shutil.copytree(ROOT / "proto/reelmill", folder / "reelmill")
    path = folder / "reelmill/v1/jobs.proto"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return descriptors(folder)


def test_what_was_released_still_works(before: FileDescriptorSet) -> None:
    assert breaking(FileDescriptorSet.FromString(RELEASED.read_bytes()), before) == []


def test_what_breaks_a_client_is_told(before: FileDescriptorSet, tmp_path: Path) -> None:
    """Each by a line of its own: buf takes as long for one as for all."""
    found = breaking(before, changed(tmp_path, *((old, new) for old, new, _ in BREAKS.values())))
    missed = {case for case, (_, _, told) in BREAKS.items() if not any(told in line for line in found)}
    assert missed == set(), "\n".join(found)


def test_what_adds_breaks_nobody(before: FileDescriptorSet, tmp_path: Path) -> None:
    assert breaking(before, changed(tmp_path, *ADDS.values())) == []


def test_one_of_several_fields_that_is_required_now_breaks_clients(before: FileDescriptorSet, tmp_path: Path) -> None:
    required = "  oneof operation {\n    option (one_required) = true;\n"
    older = changed(tmp_path, (required, "  oneof operation {\n"))
    assert breaking(older, before) == ["Output.operation: one of it is required now"]
