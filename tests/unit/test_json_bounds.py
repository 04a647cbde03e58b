"""JSON is bounded before it is walked: no value is looked at where there are too many."""

import json
from typing import Any

import pytest

from reelmill.gateway import documents, json_text
from reelmill.v1.jobs_pb2 import BatchCreateJobsRequest, Job


def told(message: Any, raw: bytes) -> list[tuple[str, str]]:
    return [(v.field, v.description) for v in documents.fill(message, json_text.load(raw), "")]


@pytest.mark.parametrize(
    ("kind", "raw", "field", "words"),
    [
        (BatchCreateJobsRequest, b'{"requests":[' + b"{}," * 100_000 + b"{}]}", "requests", "has 100001 items"),
        (Job, b'{"outputs":[' + b"7," * 65 + b"7]}", "outputs", "has 66 items; between 1 and 64 are allowed"),
        (Job, json.dumps({"labels": {str(i): 1 for i in range(65)}}).encode(), "labels", "has 65 items"),
        (Job, json.dumps({str(i): 1 for i in range(1001)}).encode(), "", "has 1001 fields"),
        (Job, json.dumps({"outputs": [{"files": [{}] * 1001}]}).encode(), "outputs[0].files", "has 1001 items"),
    ],
)
def test_too_many_are_one_violation_and_none_is_looked_at(kind: Any, raw: bytes, field: str, words: str) -> None:
    message = kind()
    [(path, description)] = told(message, raw)
    assert (path, words in description) == (field, True), description
    assert message.ByteSize() < 10


def test_a_document_of_too_many_values_is_not_parsed_and_commas_in_texts_are_none() -> None:
    with pytest.raises(ValueError, match="has more than 500000 values"):
        json_text.load(b'{"a":[' + b"1," * json_text.MAX_VALUES + b"1]}")
    text = "," * (json_text.MAX_VALUES + 1) + '\\"'
    assert json_text.load(json.dumps({"a": text}).encode()) == (("a", text),)


def test_mistyped_names_are_compared_ten_times_and_never_where_they_are_long() -> None:
    hinted = told(Job(), json.dumps({f"priorit{i}": 1 for i in range(50)}).encode())
    assert sum("did you mean" in description for _, description in hinted) == 10
    [(field, description)] = told(Job(), json.dumps({"priority" * 100_000: 1}).encode())
    assert (len(field), description) == (80, "is not a known field")
