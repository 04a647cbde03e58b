"""Every kind of rule, over the wire: what is wrong is told by field, all at once."""

from typing import Any

import pytest
from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from jobs import job

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

INPUT = {"uri": "https://example.org/talk.mov"}


def output(**operation: Any) -> dict[str, Any]:
    return {"outputs": [{"name": "a", **operation}]}


def video(**settings: Any) -> dict[str, Any]:
    return output(transcode={"video": settings})


VIDEO = "job.outputs[0].transcode.video"
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"inputs": []}, "job.inputs", "is required"),
    ({"inputs": [{}]}, "job.inputs[0].uri", "is required"),
    ({"inputs": [{"uri": "https://example.org/" + "x" * 4096}]}, "job.inputs[0].uri", "4116 characters"),
    ({"inputs": [INPUT | {"name": "../x"}]}, "job.inputs[0].name", "does not match"),
    ({"inputs": [INPUT | {"name": "i"}] * 2}, "job.inputs[1].name", "'i' is used by inputs[0] already"),
    ({"inputs": [INPUT | {"name": f"i{i}"} for i in range(17)]}, "job.inputs", "has 17 items; between 1 and 16"),
    ({"inputs": [INPUT | {"name": "a"}, INPUT]}, "job.inputs[1].name", "is required"),
    ({"inputs": [{"uri": "file:///etc/passwd"}]}, "job.inputs[0].uri", "outside the allowed folders"),
    ({"inputs": [{"uri": "gopher://x/y"}]}, "job.inputs[0].uri", "must begin with one of"),
    ({"outputs": []}, "job.outputs", "is required"),
    ({"outputs": [{"name": f"o{i}", "audio": {}} for i in range(10_000)]}, "job.outputs", "has 10000 items"),
    ({"outputs": [{"name": "a", "audio": {}}] * 2}, "job.outputs[1].name", "is used by outputs[0] already"),
    (output(), "job.outputs[0]", "set one of transcode, thumbnail, audio, preset"),
    (output(preset="web-mp5"), "job.outputs[0].preset", "did you mean 'web-mp4'?"),
    (output(input="other", audio={}), "job.outputs[0].input", "'other' is no input of this job"),
    (output(audio={"channels": 9}), "job.outputs[0].audio.channels", "9 is not between 1 and 8"),
    (output(audio={"channels": -1}), "job.outputs[0].audio.channels", "-1 is not between 1 and 8"),
    (output(audio={"trim": {"start_seconds": -1}}), "job.outputs[0].audio.trim.start_seconds", "-1 is not between"),
    (output(audio={"trim": {"start_seconds": "NaN"}}), "job.outputs[0].audio.trim.start_seconds", "nan is not"),
    (output(thumbnail={"times_seconds": [1, -2]}), "job.outputs[0].thumbnail.times_seconds[1]", "-2 is not between"),
    (output(audio={"loudness_lufs": 0}), "job.outputs[0].audio.loudness_lufs", "0 is not between -50 and -5"),
    (output(audio={"true_peak_dbtp": 0.5}), "job.outputs[0].audio.true_peak_dbtp", "0.5 is not between -20 and 0"),
    (output(audio={"fade_in_seconds": 601}), "job.outputs[0].audio.fade_in_seconds", "601 is not between"),
    (
        output(audio={"remove_silence": {"min_seconds": 0.01}}),
        "job.outputs[0].audio.remove_silence.min_seconds",
        "0.01 is not between 0.05 and 600",
    ),
    (output(audio={"format": "AC3", "channels": 7}), "job.outputs[0].audio.channels", "AC3 takes at most 6"),
    (output(waveform={"width": 9000}), "job.outputs[0].waveform.width", "9000 is not between 16 and 8192"),
    (output(waveform={"bits": 8}), "job.outputs[0].waveform.bits", "is not for PNG"),
    (output(waveform={"format": "JSON", "bits": 12}), "job.outputs[0].waveform.bits", "must be 8 or 16"),
    (output(waveform={"format": "JSON", "width": 20}), "job.outputs[0].waveform.width", "is not for JSON"),
    (output(waveform={"color": "blue"}), "job.outputs[0].waveform.color", "must be a colour such as"),
    (output(waveform={"background": "blue"}), "job.outputs[0].waveform.background", "must be transparent or"),
    (output(analyze={"looks": ["LOOK_UNSPECIFIED"]}), "job.outputs[0].analyze.looks[0]", "must name what to look for"),
    (output(analyze={"freeze_seconds": 0.01}), "job.outputs[0].analyze.freeze_seconds", "0.01 is not between"),
    (output(compare={}), "job.outputs[0].compare.reference", "is required"),
    (output(compare={"reference": "no"}), "job.outputs[0].compare", "'no' is no input of this job"),
    (output(thumbnail={}, contract={"min_vmaf": 1}), "job.outputs[0].contract", "is for audio, concat and transcode"),
    (output(audio={}, contract={"min_vmaf": 1}), "job.outputs[0].contract.min_vmaf", "is for pictures"),
    (
        output(preset="podcast-audio", contract={"max_black_seconds": 1}),
        "job.outputs[0].contract.max_black_seconds",
        "is for pictures",
    ),
    (
        output(transcode={}, contract={"min_width": 100, "max_width": 99}),
        "job.outputs[0].contract.max_width",
        "must not be less than min_width (100)",
    ),
    (
        output(transcode={"video": {"frame_rate": 5}}, contract={"min_vmaf": 50}),
        "job.outputs[0].contract.min_vmaf",
        "needs the input's own frames",
    ),
    (video(width=1), f"{VIDEO}.width", "1 is not between 16 and 8192"),
    (video(codec=99), f"{VIDEO}.codec", "99 is not one of H264, H265, VP9, AV1"),
    (video(crf=64), f"{VIDEO}.crf", "64 is not between 0 and 63"),
    (video(crf=20, bitrate_bps=100_000), f"{VIDEO}.crf", "contradicts bitrate_bps"),
    ({"priority": 101}, "job.priority", "101 is not between 0 and 100"),
    ({"labels": {f"k{i}": "" for i in range(65)}}, "job.labels", "has 65 items"),
    ({"labels": {"": "x"}}, "job.labels['']", "a key that is not empty"),
    ({"labels": {"k": "x" * 257}}, "job.labels['k']", "at most 256 characters"),
    ({"labels": {"k": "a\0b"}}, "job.labels['k']", "NUL"),
    ({"destination": "s3://bucket/a\0b"}, "job.destination", "NUL"),
    ({"destination": "https://example.org/"}, "job.destination", "must begin with one of"),
    ({"retry_policy": {"max_attempts": 21}}, "job.retry_policy.max_attempts", "21 is not between 1 and 20"),
    ({"retry_policy": {"max_backoff": "-1s"}}, "job.retry_policy.max_backoff", "between 0s and 86400s"),
    ({"deadline": "2020-01-01T00:00:00Z"}, "job.deadline", "lies in the past"),
]


@pytest.mark.parametrize(("fields", "path", "words"), CASES, ids=[f"{c[1]}: {c[2]}"[:60] for c in CASES])
def test_a_job_that_breaks_a_rule_is_refused_by_field(
    jobs: JobServiceStub, fields: dict[str, Any], path: str, words: str
) -> None:
    found = fields_of(jobs.CreateJob, pb.CreateJobRequest(job=job(**fields)))
    assert list(found) == [path]
    assert words in found[path]
    assert fields_of(jobs.ValidateJob, pb.ValidateJobRequest(job=job(**fields))) == found


def test_all_violations_are_told_at_once(jobs: JobServiceStub) -> None:
    bad = job(**video(codec=99, width=1), priority=-1)
    bad.inputs[0].uri = ""
    found = fields_of(jobs.CreateJob, pb.CreateJobRequest(job=bad, request_id="x" * 129))
    assert found.keys() == {f"{VIDEO}.codec", f"{VIDEO}.width", "job.priority", "job.inputs[0].uri", "request_id"}


def test_what_is_wrong_beyond_the_rules_is_told_at_once_too(jobs: JobServiceStub) -> None:
    bad = job("file:///etc/passwd", **output(preset="no"), destination="http://x/", deadline="2020-01-01T00:00:00Z")
    found = fields_of(jobs.CreateJob, pb.CreateJobRequest(job=bad))
    assert found.keys() == {"job.inputs[0].uri", "job.outputs[0].preset", "job.destination", "job.deadline"}


def test_a_request_without_a_job_is_refused(jobs: JobServiceStub) -> None:
    assert fields_of(jobs.CreateJob, pb.CreateJobRequest()) == {"job": "is required"}


@pytest.mark.parametrize(
    ("method", "request_", "path"),
    [
        ("GetJob", pb.GetJobRequest(), "id"),
        ("GetJob", ParseDict({"id": "x", "view": 7}, pb.GetJobRequest()), "view"),
        ("ListJobs", pb.ListJobsRequest(page_size=-1), "page_size"),
        ("ListJobs", pb.ListJobsRequest(page_size=1001), "page_size"),
        ("ListJobs", pb.ListJobsRequest(page_token="\0"), "page_token"),
        ("CancelJob", pb.CancelJobRequest(id="x", reason="a\0b"), "reason"),
        ("ListJobEvents", pb.ListJobEventsRequest(id="x", after_sequence=-1), "after_sequence"),
        ("ListJobLogs", pb.ListJobLogsRequest(id="x" * 65), "id"),
        ("ListTasks", pb.ListTasksRequest(id="x" * 65), "id"),
        ("ListTasks", pb.ListTasksRequest(id="x", page_size=1001), "page_size"),
    ],
)
def test_other_requests_have_rules_too(jobs: JobServiceStub, method: str, request_: Any, path: str) -> None:
    assert list(fields_of(getattr(jobs, method), request_)) == [path]


def test_a_stream_is_refused_like_a_call(jobs: JobServiceStub) -> None:
    found = fields_of(lambda request: list(jobs.WatchJob(request)), pb.WatchJobRequest(after_sequence=-1))
    assert found.keys() == {"id", "after_sequence"}


def test_zero_of_an_optional_field_is_a_value_and_of_others_means_unset(jobs: JobServiceStub) -> None:
    made = jobs.ValidateJob(pb.ValidateJobRequest(job=job(priority=0, **video(crf=0, width=0))))
    assert (made.priority, made.outputs[0].transcode.video.crf) == (0, 0)
    assert jobs.ValidateJob(pb.ValidateJobRequest(job=job())).priority == 50
