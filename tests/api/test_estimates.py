"""EstimateJob: what a job would take is told before it is submitted, and nothing is made."""

import pytest
from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from live import Reelmill

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


def asked(live: Reelmill, *outputs: dict, names: tuple[str, ...] = ("clip.mp4",)) -> pb.EstimateJobRequest:
    inputs = [{"uri": f"file://{live.media}/{name}", "name": f"in{i}"} for i, name in enumerate(names)]
    return ParseDict({"job": {"inputs": inputs, "outputs": list(outputs)}}, pb.EstimateJobRequest())


def test_a_job_and_each_output_are_told_in_ranges(live: Reelmill, live_jobs: JobServiceStub) -> None:
    outputs = (
        {"name": "film", "transcode": {"video": {"height": 120, "codec": "H265", "effort": "SLOW"}}},
        {"name": "sound", "audio": {"format": "WAV"}},
        {"name": "stills", "thumbnail": {"count": 3}},
    )
    before = len(live_jobs.ListJobs(pb.ListJobsRequest()).jobs)
    told = live_jobs.EstimateJob(asked(live, *outputs))
    assert [one.output for one in told.outputs] == ["film", "sound", "stills"] and told.tasks == 1
    for one in (told.job, *(output.estimate for output in told.outputs)):
        for amount in (one.core_seconds, one.bytes, one.seconds):
            assert 0 < amount.least < amount.likely < amount.most
    parts = sum(output.estimate.core_seconds.likely for output in told.outputs)
    assert parts == pytest.approx(told.job.core_seconds.likely)
    film, sound, _ = (output.estimate for output in told.outputs)
    assert film.core_seconds.likely > sound.core_seconds.likely
    assert sound.bytes.least < 192_000 * 4.2 < sound.bytes.most  # WAV of the clip's length
    assert told.HasField("queue") and told.queue.HasField("start"), "a worker lives"
    assert len(live_jobs.ListJobs(pb.ListJobsRequest()).jobs) == before
    assert not list(live.folder.rglob("plan-*"))


def test_tries_of_samples_are_reckoned_too(live: Reelmill, live_jobs: JobServiceStub) -> None:
    video = {"height": 120, "effort": "SLOW"}
    outputs = [{"name": "plain", "transcode": {"video": video}}, {"name": "aimed", "transcode": {"video": dict(video)}}]
    outputs[1]["transcode"]["video"]["target_vmaf"] = 90
    outputs.append({"name": "title", "package": {"target_vmaf": 90, "mute": True}})
    told = live_jobs.EstimateJob(asked(live, *outputs))
    plain, aimed, title = (output.estimate for output in told.outputs)
    # Some tries of all of it, for it is short, and each is measured.
    assert aimed.core_seconds.likely > 3 * plain.core_seconds.likely
    assert aimed.bytes.likely == pytest.approx(plain.bytes.likely)
    parts = sum(one.core_seconds.likely for one in (plain, aimed, title))
    assert told.job.core_seconds.likely == pytest.approx(parts, rel=0.05)  # what packs is of no output


@pytest.mark.parametrize(
    ("names", "output", "field", "words"),
    [
        (("clip.mp4", "is not there.mp4"), {"transcode": {}}, "job.inputs[1]", "INPUT_NOT_FOUND"),
        (("clip.mp4",), {"thumbnail": {"times_seconds": [999]}}, "job.outputs[1]", "TIME_OUT_OF_RANGE"),
        (("clip.mp4",), {"transcode": {"video": {"crf": 99}}}, "job.outputs[1].transcode.video.crf", ""),
    ],
)
def test_what_would_fail_or_is_wrong_is_told_by_its_field(
    live: Reelmill, live_jobs: JobServiceStub, names: tuple[str, ...], output: dict, field: str, words: str
) -> None:
    outputs = [{"name": "first", "audio": {}, "input": "in0"}, {"name": "out", "input": "in0", **output}]
    found = fields_of(live_jobs.EstimateJob, asked(live, *outputs, names=names))
    assert list(found) == [field] and words in found[field]
