"""Probing files, and what the server can do."""

import json

import clips
import pytest
from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from jobs import URI
from live import Reelmill

from reelmill.api.validation import violations
from reelmill.media.operations import OPERATIONS
from reelmill.media.presets import PRESETS
from reelmill.media.validate import job_violations
from reelmill.v1 import media_pb2 as pb
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.media_pb2_grpc import MediaServiceStub


def test_a_probe_tells_what_a_file_contains(live: Reelmill, media: MediaServiceStub) -> None:
    info = media.ProbeMedia(pb.ProbeMediaRequest(uri=f"file://{live.media}/clip.mp4"))
    picture, sound = info.streams
    assert (picture.kind, picture.codec, picture.width, picture.height) == (
        pb.MediaInfo.Stream.VIDEO,
        "h264",
        clips.WIDTH,
        clips.HEIGHT,
    )
    assert (sound.kind, sound.codec) == (pb.MediaInfo.Stream.AUDIO, "aac")
    assert info.duration_seconds == pytest.approx(clips.SECONDS, abs=0.1)
    assert info.size_bytes == (live.media / "clip.mp4").stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("missing.mp4", None, "INPUT_NOT_FOUND"),
        ("empty.mp4", b"", "INPUT_EMPTY"),
        ("words.mp4", b"words " * 1000, "INPUT_NOT_MEDIA"),
    ],
)
def test_a_probe_of_no_media_says_why_and_names_the_field(
    live: Reelmill, media: MediaServiceStub, name: str, content: bytes | None, code: str
) -> None:
    if content is not None:
        (live.media / name).write_bytes(content)
    found = fields_of(media.ProbeMedia, pb.ProbeMediaRequest(uri=f"file://{live.media}/{name}"))
    assert list(found) == ["uri"]
    assert found["uri"].startswith(f"{code}: ")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "is required"),
        ("file:///etc/passwd", "outside the allowed folders"),
        ("http://127.0.0.1:1/x.mp4", "INPUT_FORBIDDEN"),
        ("nonsense", "must begin with one of"),
    ],
)
def test_a_probe_reads_only_what_a_job_may_read(media: MediaServiceStub, uri: str, words: str) -> None:
    assert words in fields_of(media.ProbeMedia, pb.ProbeMediaRequest(uri=uri))["uri"]


def test_a_probe_leaves_nothing_behind(live: Reelmill, media: MediaServiceStub) -> None:
    media.ProbeMedia(pb.ProbeMediaRequest(uri=f"file://{live.media}/clip.mp4"))
    assert not list((live.folder / "data" / "work").glob("probe-*"))


def test_all_operations_and_presets_are_listed(media: MediaServiceStub) -> None:
    operations = media.ListOperations(pb.ListOperationsRequest()).operations
    assert {o.name for o in operations} == set(OPERATIONS)
    assert all(o.description and o.extensions for o in operations)
    # Each with all that it takes, from the protos, and an example that the api itself accepts.
    for one in operations:
        example = ParseDict(json.loads(one.example), Output())
        assert example.WhichOneof("operation") == one.name
        names = {example.input, example.compare.reference} - {""}
        job = Job(inputs=[Input(name=name, uri=URI) for name in sorted(names)] or [Input(uri=URI)], outputs=[example])
        assert job_violations(job, "job") == [] == violations(job)
        assert all(p.path and p.type and p.description for p in one.parameters), one.name
    audio = {p.path: p for o in operations if o.name == "audio" for p in o.parameters}
    assert (audio["bitrate_bps"].min, audio["bitrate_bps"].max, audio["bitrate_bps"].default) == (
        8000,
        512000,
        "128000",
    )
    assert audio["format"].default == '"MP3"'
    assert [value.name for value in audio["format"].values][:2] == ["MP3", "M4A"]
    assert audio["trim.start_seconds"].description.startswith("Where to start")
    assert audio["audio_track.language"].max_length == 35
    analyze = {p.path: p for o in operations if o.name == "analyze" for p in o.parameters}
    assert (analyze["looks"].repeated, json.loads(analyze["looks"].default)[0]) == (True, "BLACK")
    compare = {p.path: p for o in operations if o.name == "compare" for p in o.parameters}
    assert compare["reference"].required
    presets = media.ListPresets(pb.ListPresetsRequest()).presets
    assert {p.name for p in presets} == set(PRESETS)
    assert all(p.description and (p.WhichOneof("operation") or p.outputs) for p in presets)
