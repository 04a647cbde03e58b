"""Values of JSON documents: those that are taken, and what stays of those that are not."""

import json
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.datastructures import Headers
from unit.test_gateway_transcoding import BINDINGS, JOB, errors, read

from reelmill.gateway import documents, json_text, scalars, transcoding
from reelmill.jobs import comments
from reelmill.jobs.errors import Violation
from reelmill.jobs.rules import of_field
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1 import operations_pb2
from reelmill.v1.rules_pb2 import FieldRules

NULL = "is null; leave it out instead"


def filled(message: Any, document: Any) -> tuple[Any, dict[str, str]]:
    """The message as far as it could be filled, and what is wrong."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return message, {v.field: v.description for v in documents.fill(message, json_text.load(raw), "")}


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("2026-01-31T12:00:00Z", 1769860800, 0),
        ("2026-01-31T12:00:00.5+02:00", 1769853600, 500_000_000),
        ("2026-01-31T12:00:00+" + "0" * 41 + ":00", 1769860800, 0),  # 64 characters
    ],
)
def test_a_time_is_taken_with_its_fraction_and_zone(text: str, seconds: int, nanos: int) -> None:
    job, found = filled(pb.Job(), {"deadline": text})
    assert (found, job.deadline) == ({}, Timestamp(seconds=seconds, nanos=nanos))


@pytest.mark.parametrize(("text", "milliseconds"), [("2.5s", 2500), ("0s", 0), ("-1s", -1000), ("0.001s", 1)])
def test_a_duration_is_taken_to_the_nanosecond(text: str, milliseconds: int) -> None:
    policy, found = filled(pb.RetryPolicy(), {"max_backoff": text})
    assert found == {} and policy.HasField("max_backoff")
    assert policy.max_backoff.ToMilliseconds() == milliseconds


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deadline", "soon"),
        ("deadline", 7),
        ("deadline", None),
        ("deadline", "2026-01-31T12:00:00+" + "0" * 42 + ":00"),  # 65 characters
        ("deadline", "2026-13-31T12:00:00Z"),
        ("retry_policy", None),
        ("retry_policy", []),
        ("priority", "x"),
        ("priority", None),
    ],
)
def test_a_field_with_a_wrong_value_counts_as_given(field: str, value: Any) -> None:
    job, found = filled(pb.Job(), {field: value})
    assert list(found) == [field]
    assert job.HasField(field)


@pytest.mark.parametrize("text", ["2.5", "1.0000000001s", "+1s", ".5s", "1e3s", "9999999999999s", "999999999999s", "s"])
def test_a_wrong_duration_is_told_and_counts_as_given(text: str) -> None:
    policy, found = filled(pb.RetryPolicy(), {"max_backoff": text})
    assert list(found) == ["max_backoff"] and found["max_backoff"].startswith("must be seconds with the suffix s")
    assert policy.HasField("max_backoff")


def test_a_wrong_member_of_a_oneof_counts_as_the_one_that_was_chosen() -> None:
    for name, value in (("preset", 5), ("preset", None), ("audio", 5), ("transcode", None)):
        output, found = filled(pb.Output(), {name: value})
        assert (list(found), output.WhichOneof("operation")) == ([name], name)


def test_an_empty_object_counts_as_given() -> None:
    job, found = filled(pb.Job(), {"retry_policy": {}})
    assert found == {} and job.HasField("retry_policy")
    assert read("CreateJob", {}).HasField("job")


@pytest.mark.parametrize("value", ["x", None])
def test_a_wrong_number_leaves_one_that_breaks_no_rule(value: Any) -> None:
    checked = 0
    for kind in (operations_pb2.VideoSettings, operations_pb2.AudioSettings, operations_pb2.Thumbnail, pb.RetryPolicy):
        for field in kind.DESCRIPTOR.fields:
            if field.cpp_type not in scalars.NUMBERS or field.is_repeated:
                continue
            message, found = filled(kind(), {field.name: value})
            rules, left = of_field(field), getattr(message, field.name)
            assert list(found) == [field.name]
            assert left != 0 and rules.min <= left <= rules.max, field.full_name
            checked += 1
    assert checked > 8


def test_a_list_of_numbers_keeps_the_right_ones_and_tells_each_wrong_one_with_its_place() -> None:
    thumbnail, found = filled(operations_pb2.Thumbnail(), {"times_seconds": [1.5, "x", 0, None, 7]})
    assert found == {"times_seconds[1]": "must be a number, not 'x'", "times_seconds[3]": NULL}
    assert list(thumbnail.times_seconds) == [1.5, 0, 7]


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        ({"labels": {"a": None}}, "labels['a']", NULL),
        (b'{"labels": {"\\ud800": "x"}}', "labels", "has a key that is not valid Unicode"),
        ({"labels": {str(i): "" for i in range(65)}}, "labels", "has 65 items; between 0 and 64 are allowed"),
        ({"outputs": [{}] * 65}, "outputs", "has 65 items; between 1 and 64 are allowed"),
        (
            {"retry_policy": {str(i): 1 for i in range(1001)}},
            "retry_policy",
            "has 1001 fields, and there are not so many",
        ),
        (
            {"outputs": [{"preset": "a", "audio": {}}]},
            "outputs[0]",
            "has audio and preset; only one of them is allowed",
        ),
        (b'{"progress": {"percent": 1e999}}', "progress.percent", "must be a finite number"),
        (b'{"priority": ' + b"9" * 4000 + b"}", "priority", "must be between -2147483648 and 2147483647"),
        (b'{"destination": ' + b"9" * 4000 + b"}", "destination", "must be a string, not a number of many digits"),
        ({"destination": 2**64}, "destination", "must be a string, not a number of many digits"),
        ({"destination": 2**64 - 1}, "destination", "must be a string, not 18446744073709551615"),
        ({"destination": -(2**64)}, "destination", "must be a string, not a number of many digits"),
        ({"outputs": [{"transcode": {"mute": 1}}]}, "outputs[0].transcode.mute", "must be true or false, not 1"),
    ],
)
def test_a_wrong_value_is_told_in_these_words(document: Any, path: str, words: str) -> None:
    assert filled(pb.Job(), document)[1] == {path: words}


def test_a_list_that_may_be_empty_is_told_so_where_it_is_too_long() -> None:
    found = filled(operations_pb2.Thumbnail(), {"times_seconds": [1] * 1001})[1]
    assert found == {"times_seconds": "has 1001 items; between 0 and 1000 are allowed"}


def test_as_many_items_as_are_allowed_are_taken() -> None:
    labels, outputs = {f"k{i}": f"é{i}" for i in range(64)}, [{"name": str(i)} for i in range(64)]
    job, found = filled(pb.Job(), {"labels": labels, "outputs": outputs, "destination": "file:///é"})
    assert found == {}
    assert dict(job.labels) == labels and [o.name for o in job.outputs] == [str(i) for i in range(64)]
    assert job.destination == "file:///é"


def test_a_field_that_comes_three_times_is_told_once() -> None:
    document = json_text.load(b'{"priority": 1, "priority": 2, "priority": 3}')
    assert documents.fill(pb.Job(), document, "") == [Violation("priority", "is given twice")]


def test_true_and_false_are_taken_as_they_are() -> None:
    for given in (True, False):
        transcode, found = filled(operations_pb2.Transcode(), {"mute": given})
        assert (found, transcode.mute) == ({}, given)


def test_after_ten_proposals_an_unknown_field_is_told_without_one() -> None:
    found = filled(pb.Job(), {f"priorit{i}": 1 for i in range(11)})[1]
    assert found["priorit9"] == "is not a known field; did you mean priority?"
    assert found["priorit10"] == "is not a known field"


_UNSIGNED_32 = FieldRules.DESCRIPTOR.fields_by_name["min_items"]
_UNSIGNED_64 = descriptor_pb2.UninterpretedOption.DESCRIPTOR.fields_by_name["positive_int_value"]


@pytest.mark.parametrize(("field", "most"), [(_UNSIGNED_32, 4294967295), (_UNSIGNED_64, 18446744073709551615)])
def test_an_unsigned_integer_begins_at_zero_and_ends_where_it_ends(field: FieldDescriptor, most: int) -> None:
    assert scalars.scalar_problem(field, 0) is None
    assert scalars.scalar_problem(field, most) is None
    for value in (-1, most + 1):
        assert scalars.scalar_problem(field, value) == f"must be between 0 and {most}"


@pytest.mark.parametrize("item", [b"{}", b"[]"])
def test_objects_and_lists_count_as_values_before_the_text_is_read(item: bytes) -> None:
    with pytest.raises(ValueError, match="has more than 500000 values"):
        json_text.load(b'{"a":[' + b",".join([item] * 250_001) + b"]}")


def test_keys_count_as_values_and_half_a_million_are_read() -> None:
    with pytest.raises(ValueError, match="has more than 500000 values"):
        json_text.load(b"{" + b",".join([b'"a":1'] * 250_001) + b"}")
    for first in (b"1", b'"a comma, in a text"'):
        [(_, values)] = json_text.load(b'{"a":[' + first + b",1" * 499_997 + b"]}")
        assert len(values) == 499_998


def test_a_number_of_thousands_of_digits_is_told_in_words_for_the_client() -> None:
    assert errors("CreateJob", b'{"priority": ' + b"9" * 5000 + b"}") == {"job": "has a number of too many digits"}
    assert errors("CreateJob", b'{"priority": -Infinity}') == {"job": "is not JSON: -Infinity is not a number"}


def test_a_name_twice_as_long_as_the_longest_choice_is_compared_and_a_longer_one_not() -> None:
    assert json_text.near("prioritypriority", ["priority"]) == "; did you mean priority?"
    assert json_text.near("prioritypriorityp", ["priority"]) == ""
    assert json_text.near("x", []) == ""


def test_a_body_that_is_the_request_is_called_body_where_it_is_no_json() -> None:
    assert errors("BatchCreateJobs", b"[]") == {"body": "must be a JSON object, not a list"}
    assert errors("CreateJob", b"[]") == {"job": "must be a JSON object, not a list"}


def test_a_header_that_comes_twice_is_refused() -> None:
    twice = Headers(raw=[(b"idempotency-key", b"a"), (b"idempotency-key", b"a")])
    reading = transcoding.read(BINDINGS["CreateJob"], {}, b"", twice, json.dumps(JOB).encode())
    assert reading.violations == (Violation("Idempotency-Key", "is given more than once"),)


def test_a_time_that_is_none_is_left_out_of_an_answer_and_told() -> None:
    job = pb.Job(id="a", create_time=Timestamp(seconds=2**60), end_time=Timestamp(seconds=1))
    assert json.loads(transcoding.to_json(job)) == {
        "id": "a",
        "end_time": "1970-01-01T00:00:01Z",
        "omitted": ["create_time"],
    }
    assert job.HasField("create_time") and not job.omitted  # what was asked is as it was


def test_comments_belong_to_what_has_a_name_and_to_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = descriptor_pb2.FileDescriptorProto(package="p")
    message = file.message_type.add(name="M")
    message.field.add(name="f")
    message.oneof_decl.add(name="choice")
    file.enum_type.add(name="E").value.add(name="V")
    file.service.add(name="S").method.add(name="Call")
    for path, comment in {
        (12,): "the licence",
        (2,): "the package",
        (4, 0): "a\n message",
        (4, 0, 2): "all its fields",
        (4, 0, 2, 0): "a field",
        (4, 0, 2, 0, 8, 5): "an option of a field",
        (4, 0, 8, 0): "a oneof",
        (5, 0): "an enum",
        (5, 0, 2, 0): "a value",
        (6, 0): "a service",
        (6, 0, 2, 0): "a method",
    }.items():
        file.source_code_info.location.add(path=path, leading_comments=f" {comment}\n")
    (tmp_path / "descriptors.binpb").write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    assert comments.load() == {
        "p.M": "a message",
        "p.M.f": "a field",
        "p.M.choice": "a oneof",
        "p.E": "an enum",
        "p.E.V": "a value",
        "p.S": "a service",
        "p.S.Call": "a method",
    }
