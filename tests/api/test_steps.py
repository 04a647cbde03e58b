"""ValidateJob with view FULL: the inputs are looked into, and what would run is told before anything does."""

import shlex
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest
from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from live import Reelmill

from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub


def asked(live: Reelmill, *outputs: dict, names: tuple[str, ...] = ("clip.mp4",)) -> pb.ValidateJobRequest:
    inputs = [{"uri": f"file://{live.media}/{name}", "name": f"in{i}"} for i, name in enumerate(names)]
    return ParseDict({"job": {"inputs": inputs, "outputs": list(outputs)}, "view": "FULL"}, pb.ValidateJobRequest())


def test_the_steps_are_data_and_a_command_that_runs_as_it_stands(
    live: Reelmill, live_jobs: JobServiceStub, tmp_path: Path
) -> None:
    request = asked(
        live,
        {"name": "small", "transcode": {"video": {"height": 120}}},
        {"name": "sound", "audio": {"format": "WAV"}},
        {"name": "still", "thumbnail": {"times_seconds": [0.5]}},
    )
    made = live_jobs.ValidateJob(request)
    assert made.outputs[0].transcode.video.crf == 23 and not made.id and not made.HasField("create_time")
    encode, still = made.steps
    assert (list(encode.outputs), list(still.outputs)) == (["small", "sound"], ["still"])
    assert encode.reads[0].input == "in0" and encode.reads[0].demuxer == "mov"
    assert [[stream.encoder for stream in one.streams] for one in encode.writes] == [["libx264", "aac"], ["pcm_s16le"]]
    assert "scale=" in encode.writes[0].streams[0].filters and 0 < still.reads[0].seek_seconds <= 0.5
    assert len({step.digest for step in made.steps}) == 2 and encode.memory_bytes > 0 < encode.media_seconds
    assert not encode.after
    # As it stands, in a folder that has what its comment says.
    (tmp_path / "input-0").symlink_to(live.media / "clip.mp4")
    for step in made.steps:
        for writing in step.writes:
            (tmp_path / writing.path).parent.mkdir(exist_ok=True)
        argv = shlex.split(step.command)
        assert argv[0] == "ffmpeg"
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *argv[1:]], cwd=tmp_path, check=True)
    written = [tmp_path / writing.path for step in made.steps for writing in step.writes]
    assert len(written) == 3 and all(path.stat().st_size > 500 for path in written)


def test_without_the_view_nothing_is_fetched(live: Reelmill, live_jobs: JobServiceStub) -> None:
    request = asked(live, {"name": "a", "transcode": {}}, names=("is not there.mp4",))
    request.view = pb.BASIC
    assert not live_jobs.ValidateJob(request).steps


@pytest.mark.parametrize(
    ("names", "output", "field", "words"),
    [
        (("clip.mp4", "is not there.mp4"), {"transcode": {}}, "job.inputs[1]", "INPUT_NOT_FOUND"),
        (("clip.mp4",), {"thumbnail": {"times_seconds": [999]}}, "job.outputs[1]", "TIME_OUT_OF_RANGE"),
    ],
)
def test_what_would_fail_is_told_by_its_field(
    live: Reelmill, live_jobs: JobServiceStub, names: tuple[str, ...], output: dict, field: str, words: str
) -> None:
    outputs = [{"name": "first", "audio": {}, "input": "in0"}, {"name": "out", "input": "in0", **output}]
    found = fields_of(live_jobs.ValidateJob, asked(live, *outputs, names=names))
    assert list(found) == [field] and words in found[field]


def test_what_was_fetched_to_look_at_is_gone(live: Reelmill, live_jobs: JobServiceStub) -> None:
    live_jobs.ValidateJob(asked(live, {"name": "a", "transcode": {}}))
    assert not list(live.folder.rglob("plan-*"))
