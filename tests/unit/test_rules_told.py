"""What is said of a field that breaks a rule: the same cases as over the wire, and the exact words."""

from typing import Any

import pytest
from api.test_validation import CASES
from jobs import job

from reelmill.api.validation import violations
from reelmill.media.validate import job_violations
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.operations_pb2 import AudioExtract, Thumbnail, Transcode, VideoSettings

CHOICES = ", ".join(field.name for field in pb.Output.DESCRIPTOR.oneofs_by_name["operation"].fields)


def told(request: Any, path: str = "", **options: bool) -> dict[str, str]:
    return {v.field: v.description for v in violations(request, path, **options)}


BY_STORAGE = ("outside the allowed folders", "must begin with one of", "lies in the past", "is not allowed")


@pytest.mark.parametrize(("fields", "path", "words"), CASES, ids=[f"{c[1]}: {c[2]}"[:60] for c in CASES])
def test_a_job_that_breaks_a_rule_is_told_by_field(fields: dict[str, Any], path: str, words: str) -> None:
    made = job(**fields)
    found = told(pb.CreateJobRequest(job=made))
    if not found:  # as the api does: those that are beyond the rules come after them
        found = {v.field: v.description for v in job_violations(made, "job")}
    if any(text in words for text in BY_STORAGE):
        assert path not in found
    else:
        assert list(found) == [path]
        assert words in found[path]


def many(count: int) -> pb.Job:
    return pb.Job(
        inputs=[pb.Input(uri="file:///a")],
        outputs=[pb.Output(name=f"o{i}", audio=AudioExtract(channels=9)) for i in range(count)],
    )


def test_each_is_told_with_its_whole_path_below_the_one_that_is_given() -> None:
    assert told(many(2), "requests[7].job") == {
        f"requests[7].job.outputs[{i}].audio.channels": "9 is not between 1 and 8" for i in (0, 1)
    }
    assert told(many(1)) == {"outputs[0].audio.channels": "9 is not between 1 and 8"}


def test_at_most_a_hundred_are_told() -> None:
    bad = pb.Job(inputs=[pb.Input(uri="")] * 16, outputs=[pb.Output()] * 64, priority=101)
    assert 100 < 16 + 2 * 64
    assert len(violations(bad)) == 100
    exactly = pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest()] * 100)
    assert len(violations(exactly)) == 100
    assert len(violations(pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest()] * 99))) == 99


def test_items_are_looked_into_unless_told_otherwise() -> None:
    batch = pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest()])
    assert told(batch) == {"requests[0].job": "is required"}
    assert told(batch, deep=False) == {}
    assert told(pb.CreateJobRequest(), deep=False) == {"job": "is required"}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (pb.Output(name="a"), {"": f"set one of {CHOICES}"}),
        (pb.Output(audio={}), {"name": "is required"}),
        (pb.Output(name="-a", audio={}), {"name": "'-a' does not match [A-Za-z0-9][A-Za-z0-9_.-]*"}),
        (pb.Output(name="a\n", audio={}), {"name": "'a\\n' does not match [A-Za-z0-9][A-Za-z0-9_.-]*"}),
        (pb.Output(name="a" * 65, audio={}), {"name": "has 65 characters; between 0 and 64 are allowed"}),
        (pb.Output(name="a\0", audio={}), {"name": "must not contain the NUL character"}),
        (Thumbnail(times_seconds=[1, -1]), {"times_seconds[1]": "-1 is not between 0 and 1000000"}),
        (Thumbnail(times_seconds=[float("inf")]), {"times_seconds[0]": "inf is not between 0 and 1000000"}),
        (Thumbnail(count=1001), {"count": "1001 is not between 1 and 1000"}),
        (Thumbnail(times_seconds=[1] * 1001), {"times_seconds": "has 1001 items; between 0 and 1000 are allowed"}),
        (VideoSettings(crf=63.5), {"crf": "63.5 is not between 0 and 63"}),
        (VideoSettings(crf=0), {}),
        (VideoSettings(width=0), {}),
        (VideoSettings(effort=9), {"effort": "9 is not one of FAST, MEDIUM, SLOW"}),
        (Transcode(video=VideoSettings(width=1)), {"video.width": "1 is not between 16 and 8192"}),
        (pb.ListJobEventsRequest(id="x", after_sequence=-1), {"after_sequence": "-1 is not at least 0"}),
        (pb.Job(labels={"k" * 257: ""}), None),
        (pb.Progress(percent=float("nan")), {"percent": "nan is not a finite number"}),
    ],
)
def test_the_words_are_these(message: Any, found: dict[str, str] | None) -> None:
    if found is not None:
        assert told(message) == found


def duration(seconds: int, nanos: int = 0) -> pb.RetryPolicy:
    policy = pb.RetryPolicy()
    policy.initial_backoff.seconds, policy.initial_backoff.nanos = seconds, nanos
    return policy


def test_a_duration_is_told_in_seconds_and_its_fraction_counts() -> None:
    words = {"initial_backoff": "must be between 0s and 3600s"}
    assert told(duration(3600)) == told(duration(0)) == told(duration(3599, 999_999_999)) == {}
    assert told(duration(3600, 1)) == told(duration(0, -1)) == words
    assert told(duration(1, 500_000_000), "p") == {}
    assert told(duration(3601), "p") == {"p.initial_backoff": "must be between 0s and 3600s"}
    assert told(pb.RetryPolicy()) == {}


def test_labels_are_told_by_their_key() -> None:
    base = many(0)
    for labels, field, words in (
        ({"": "x"}, "labels['']", "must have a key that is not empty"),
        ({"k" * 257: ""}, f"labels[{'k' * 40!r}]", "key and value must have at most 256 characters"),
        ({"k": "v" * 257}, "labels['k']", "key and value must have at most 256 characters"),
        ({"k": "\0"}, "labels['k']", "must not contain the NUL character"),
        ({"\0": "k"}, "labels['\\x00']", "must not contain the NUL character"),
        ({f"k{i}": "" for i in range(65)}, "labels", "has 65 items; between 0 and 64 are allowed"),
    ):
        made = pb.Job()
        made.CopyFrom(base)
        made.labels.update(labels)
        assert told(made)[field] == words


def test_two_of_one_name_are_told_by_the_second() -> None:
    twice = many(0)
    for name in ("a", "b", "a", "", "", "b"):
        twice.inputs.add(uri="file:///a", name=name)
    found = told(twice)
    assert found["inputs[3].name"] == "'a' is used by inputs[1] already"
    assert found["inputs[6].name"] == "'b' is used by inputs[2] already"
    assert not {"inputs[4].name", "inputs[5].name"} & set(found), "no name is no name twice"


def test_too_many_items_are_counted_and_not_looked_at() -> None:
    made = many(65)
    assert told(made) == {"outputs": "has 65 items; between 1 and 64 are allowed"}
    assert told(pb.Job(outputs=made.outputs[:1])) == {
        "inputs": "is required: give at least one",
        "outputs[0].audio.channels": "9 is not between 1 and 8",
    }
