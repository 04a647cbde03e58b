"""An output that reads another: told before it runs, run, and told of."""

from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from live import Reelmill

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub

OUTPUTS = (
    {"name": "still", "input": "output:web", "thumbnail": {"count": 1}},
    {"name": "web", "transcode": {"video": {"height": 90}}},
)


def job(live: Reelmill, *outputs: dict) -> dict:
    return {"job": {"inputs": [{"uri": f"file://{live.media}/clip.mp4"}], "outputs": list(outputs)}}


def test_it_is_told_before_it_runs_and_then_made(live: Reelmill, live_jobs: JobServiceStub) -> None:
    asked = job(live, *OUTPUTS)
    told = live_jobs.ValidateJob(ParseDict({**asked, "view": "FULL"}, pb.ValidateJobRequest()))
    web, still = told.steps
    assert (list(web.outputs), list(still.outputs), list(still.after)) == (["web"], ["still"], [0])
    assert still.reads[0].path == "web/web.mp4" and "-i file:web/web.mp4" in still.command
    estimate = live_jobs.EstimateJob(ParseDict(asked, pb.EstimateJobRequest()))
    assert [one.output for one in estimate.outputs] == ["still", "web"] and estimate.tasks == 1
    assert all(one.estimate.core_seconds.likely > 0 < one.estimate.bytes.likely for one in estimate.outputs)
    made = live_jobs.CreateJob(ParseDict(asked, pb.CreateJobRequest()))
    for event in live_jobs.WatchJob(pb.WatchJobRequest(id=made.id)):
        state = event.state
    done = live_jobs.GetJob(pb.GetJobRequest(id=made.id))
    assert state == pb.Job.COMPLETED, done.error
    [picture], [film] = ([file.media.streams[0] for file in output.files] for output in done.outputs)
    assert (picture.height, film.height) == (90, 90)


def test_what_can_not_be_is_refused(live: Reelmill, live_jobs: JobServiceStub) -> None:
    late = {**OUTPUTS[0], "thumbnail": {"times_seconds": [99]}}
    found = fields_of(
        live_jobs.ValidateJob, ParseDict({**job(live, late, OUTPUTS[1]), "view": 2}, pb.ValidateJobRequest())
    )
    assert "TIME_OUT_OF_RANGE" in found["job.outputs[0]"]
    request = ParseDict(job(live, {**OUTPUTS[0], "input": "output:still"}), pb.CreateJobRequest())
    assert "can't read each other" in fields_of(live_jobs.CreateJob, request)["job.outputs[0].input"]
