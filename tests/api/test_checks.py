"""What is checked of a request before anything is stored, of a batch that is only checked too."""

import time
from pathlib import Path
from typing import Any

import pytest
from jobs import job

from reelmill.api.checks import Checks
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.v1 import jobs_pb2 as pb


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    return Checks(Storage.from_settings(Settings(data_dir=tmp_path / "data", read_roots=(tmp_path,))))


def told(found: Any) -> dict[str, str]:
    return {violation.field: violation.description for violation in found}


def batch(count: int, **fields: Any) -> pb.BatchCreateJobsRequest:
    item = pb.CreateJobRequest(job=job(**fields)) if fields else pb.CreateJobRequest()
    return pb.BatchCreateJobsRequest(requests=[item] * count)


def test_of_a_batch_that_is_only_checked_each_item_is(checks: Checks) -> None:
    assert told(checks.everything(batch(2))) == {f"requests[{i}].job": "is required" for i in (0, 1)}
    assert checks.request(batch(2)) == [], "its items are refused each by itself"
    assert [told(found) for found in checks.items(batch(2).requests)] == [
        {f"requests[{i}].job": "is required"} for i in (0, 1)
    ]
    for count, most in ((99, 99), (100, 100), (101, 100), (300, 100)):
        assert len(checks.everything(batch(count))) == most
    several = batch(3, destination="gopher://x/", deadline="2020-01-01T00:00:00Z")
    assert list(told(checks.everything(several))) == [
        f"requests[{i}].job.{name}" for i in range(3) for name in ("destination", "deadline")
    ]
    assert list(told(checks.everything(pb.BatchCreateJobsRequest()))) == ["requests"]
    assert checks.everything(batch(2, priority=7)) == []
    assert list(told(checks.everything(pb.CreateJobRequest()))) == ["job"]


def test_after_two_thousand_violations_an_item_tells_three(checks: Checks) -> None:
    bad = pb.Job(inputs=[pb.Input()] * 16, outputs=[pb.Output()] * 64)
    found = list(checks.items([pb.CreateJobRequest(job=bad)] * 30))
    counts = [len(item) for item in found]
    each = counts[0]
    full = -(-2000 // each)
    assert 3 < each <= 100
    assert counts == [each] * full + [3] * (30 - full)


def test_names_are_compared_with_the_right_ones_for_ten_items(checks: Checks) -> None:
    wrong = batch(12, outputs=[{"name": "a", "preset": "web-mp5"}])
    hinted = ["did you mean" in next(iter(told(found).values())) for found in checks.items(wrong.requests)]
    assert hinted == [True] * 10 + [False] * 2


def test_a_path_has_at_most_128_segments(checks: Checks, tmp_path: Path) -> None:
    base = f"file://{tmp_path}"
    for slash in ("/", "%2F", "%2f"):
        room = 128 - base.count("/")
        assert checks.uri(base + f"{slash}a" * room) is None
        assert checks.uri(base + f"{slash}a" * (room + 1)) == "has more than 128 segments"
    for uri in (f"{base}/" + "x" * 4096, f"{base}/a\0b"):
        assert checks.uri(uri) is None, "the rules of its field say so"
    assert "outside the allowed folders" in (checks.uri("file:///etc/passwd") or "")
    assert "must begin with one of file:, http:, https:, s3:, upload:, example:" in (checks.uri("gopher://x") or "")


def test_a_deadline_lies_ahead(checks: Checks) -> None:
    made = job()
    for ahead, problem in ((-5, True), (0, True), (60, False)):
        made.deadline.seconds = int(time.time()) + ahead
        assert ("x.deadline" in told(checks.job(made, "x"))) is problem


def test_one_violation_is_told_of_each_field(checks: Checks) -> None:
    made = pb.CreateJobRequest(job=job(inputs=[{"uri": ""}], priority=101))
    assert told(checks.request(made)) == {
        "job.inputs[0].uri": "is required",
        "job.priority": "101 is not between 0 and 100",
    }


def test_an_unknown_choice_within_a_list_is_refused_by_its_field(checks: Checks) -> None:
    request = pb.EstimateJobRequest(job=job())
    output = request.job.outputs[0]
    for codec in (-1, 99):
        output.package.Clear()
        output.package.rungs.add(codec=codec, height=240)
        output.package.rungs.add(height=120)
        found = told(checks.request(request))
        assert "is not one of" in found["job.outputs[0].package.rungs[0].codec"]
    output.transcode.Clear()
    output.transcode.overlays.add().ParseFromString(b"")
    output.transcode.audio_tracks.add(role=77)
    assert "job.outputs[0].transcode.audio_tracks[0].role" in told(checks.request(request))
