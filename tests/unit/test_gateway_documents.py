"""The bounds of numbers and texts in JSON and in addresses, and what is said of those that are none."""

import json
import math
from typing import Any

import pytest
from unit.test_gateway_transcoding import JOB, errors, read

from reelmill.gateway import parameters, scalars
from reelmill.v1 import jobs_pb2 as pb


@pytest.mark.parametrize(
    ("value", "fits"), [(2**31 - 1, True), (-(2**31), True), (2**31, False), (-(2**31) - 1, False)]
)
def test_a_32_bit_integer_ends_where_it_ends(value: int, fits: bool) -> None:
    if fits:
        assert read("CreateJob", {**JOB, "priority": value}).job.priority == value
        assert read("ListJobs", query=f"page_size={value}").page_size == value
    else:
        words = "must be between -2147483648 and 2147483647"
        assert errors("CreateJob", {**JOB, "priority": value}) == {"job.priority": words}
        assert errors("ListJobs", query=f"page_size={value}") == {"page_size": words}


@pytest.mark.parametrize(
    ("value", "fits"), [(2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False)]
)
def test_a_64_bit_integer_ends_where_it_ends(value: int, fits: bool) -> None:
    for given in (value, str(value)):
        if fits:
            assert read("CreateJob", {**JOB, "version": given}).job.version == value
        else:
            words = f"must be between {-(2**63)} and {2**63 - 1}"
            assert errors("CreateJob", {**JOB, "version": given}) == {"job.version": words}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("0", True),
        ("7", True),
        ("-7", True),
        ("10", True),
        ("-0", True),
        ("9" * 20, True),
        ("9" * 21, False),
        ("-" + "9" * 20, True),
        ("", False),
        ("-", False),
        ("--1", False),
        ("1-", False),
        ("01", False),
        ("-01", False),
        ("00", False),
        ("+1", False),
        (" 1", False),
        ("1_0", False),
        ("1.0", False),
        ("٣", False),
    ],
)
def test_an_integer_in_a_text_is_written_in_one_way(text: str, is_one: bool) -> None:
    assert scalars.is_integer(text) is is_one


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is null; leave it out instead"),
        (True, "must be an integer, not true"),
        (1.5, "must be an integer, not 1.5"),
        ("x", "must be an integer, not 'x'"),
        ([], "must be an integer, not a list"),
        ({}, "must be an integer, not an object"),
        ("x" * 99, f"must be an integer, not {'x' * 80!r}"),
        ("\ud800", "must be an integer, not '?'"),
        (0.123456789012345678901234567890, "must be an integer, not 0.12345678901234568"),
    ],
)
def test_what_was_given_instead_is_shown_and_kept_short(value: Any, words: str) -> None:
    assert errors("CreateJob", {**JOB, "priority": value}) == {"job.priority": words}


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"labels": 1}, "job.labels", "must be an object, not 1"),
        ({"labels": {"k" * 41: 1}}, f"job.labels[{'k' * 40!r}]", "must be a string, not 1"),
        ({"inputs": "x"}, "job.inputs", "must be a list, not 'x'"),
        ({"inputs": [None]}, "job.inputs[0]", "is null; leave it out instead"),
        ({"retry_policy": {"max_backoff": 1}}, "job.retry_policy.max_backoff", 'the suffix s, such as "2.5s", not 1'),
        ({"deadline": 1}, "job.deadline", 'such as "2026-01-31T12:00:00Z", not 1'),
        ({"x" * 81: 1}, f"job.{'x' * 80}", "is not a known field"),
        ({"state": "queued"}, "job.state", "'queued' is not one of QUEUED, PROCESSING"),
        ({"state": "queued"}, "job.state", "; did you mean QUEUED?"),
        ({"state": True}, "job.state", "must be one of QUEUED"),
        ({"state": True}, "job.state", ", not true"),
    ],
)
def test_a_wrong_kind_is_told_with_its_path(fields: dict[str, Any], path: str, words: str) -> None:
    found = errors("CreateJob", {**JOB, **fields})
    assert list(found) == [path]
    assert words in found[path]


def test_keys_that_came_twice_are_told_each_once_and_no_others() -> None:
    raw = b'{"labels": {"a": "1", "b": "2", "a": "3", "c": "", "c": "4"}, "priority": 1, "priority": 2}'
    assert errors("CreateJob", raw) == {
        "job.labels['a']": "is given twice",
        "job.labels['c']": "is given twice",
        "job.priority": "is given twice",
    }


def test_what_is_wrong_after_an_unknown_or_a_repeated_field_is_told_too() -> None:
    found = errors("CreateJob", {"nonsense": 1, "priority": "x", "maxAttempts": 1, "destination": 2})
    assert list(found) == ["job.nonsense", "job.priority", "job.maxAttempts", "job.destination"]
    twice = {"bitrateBps": 1, "bitrate_bps": 1, "width": "x"}
    body = {"outputs": [{"name": "a", "transcode": {"video": twice}}]}
    assert len(errors("CreateJob", body)) == 2


@pytest.mark.parametrize(
    ("name", "near"),
    [("prioritty", "; did you mean priority?"), ("zzz", ""), ("pri", ""), ("priorty", "; did you mean priority?")],
)
def test_a_name_that_is_near_is_proposed(name: str, near: str) -> None:
    assert errors("CreateJob", {**JOB, name: 1})[f"job.{name}"] == f"is not a known field{near}"


def test_a_document_is_an_object_of_utf_8_without_odd_numbers() -> None:
    for raw, words in (
        (b"1", "must be a JSON object, not 1"),
        (b'"x"', "must be a JSON object, not 'x'"),
        (b"[1]", "must be a JSON object, not a list"),
        (b'{"priority":\n 1,}', "line 2, column"),
        (b'{"priority": Infinity}', "Infinity is not a number"),
        (b'{"destination": "\xff"}', "is not UTF-8"),
    ):
        [(path, said)] = errors("CreateJob", raw).items()
        assert path == "job" and words in said, (raw, said)


def test_numbers_are_finite_and_whole_ones_may_be_floats() -> None:
    assert read("CreateJob", {**JOB, "priority": 7.0}).job.priority == 7
    for value in (1e308, -1e308, 0, 0.5, 10**30):
        assert math.isclose(read("CreateJob", {**JOB, "progress": {"percent": value}}).job.progress.percent, value)
    for odd in (True, "1", [], None):
        assert list(errors("CreateJob", {**JOB, "progress": {"percent": odd}})) == ["job.progress.percent"]


def test_a_hundred_and_first_violation_is_not_looked_for() -> None:
    for count in (99, 100, 101):
        assert len(errors("CreateJob", {f"f{i}": 1 for i in range(count)})) == min(count, 100)


def test_query_parameters_are_bounded_and_read_as_they_are_written() -> None:
    assert parameters.parse(b"a=1&a=2&b=&c=x%20y+z") == {"a": ["1", "2"], "b": [""], "c": ["x y z"]}
    assert len(parameters.parse("&".join(f"p{i}=1" for i in range(100)).encode())) == 100
    with pytest.raises(ValueError, match="fields exceeded"):
        parameters.parse("&".join(f"p{i}=1" for i in range(101)).encode())
    assert errors("ListPresets", query=f"{'x' * 81}=1") == {"x" * 80: "is not a known query parameter"}
    assert "known: page_size, page_token, filter" in errors("ListJobs", query="zzz=1")["zzz"]


@pytest.mark.parametrize(
    ("headers", "query", "found"),
    [
        ({"idempotency-key": ""}, "", {"Idempotency-Key": "is empty; leave it out, or give a value"}),
        (
            {"idempotency-key": "a"},
            "request_id=b",
            {"Idempotency-Key": "differs from the query parameter request_id; give one of them"},
        ),
    ],
)
def test_a_header_that_says_something_else_is_told(headers: dict[str, str], query: str, found: dict[str, str]) -> None:
    assert errors("CreateJob", JOB, query=query, headers=headers) == found


def test_the_last_event_of_a_browser_goes_before_its_address() -> None:
    request = read("WatchJob", query="after_sequence=3", headers={"last-event-id": "7"})
    assert request.after_sequence == 7
    assert read("WatchJob", query="after_sequence=3").after_sequence == 3
    assert list(errors("WatchJob", headers={"last-event-id": "x"})) == ["Last-Event-ID"]


def test_json_of_a_message_is_one_line_with_the_protos_names() -> None:
    from reelmill.gateway.transcoding import to_json

    text = to_json(pb.Job(retry_of="☃", outputs=[pb.Output(name="a")]))
    assert json.loads(text) == {"retry_of": "☃", "outputs": [{"name": "a"}]}
    assert "\n" not in text and "☃" in text
