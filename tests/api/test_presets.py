"""Presets of one's own, over the wire: saved, asked for by jobs, and kept by them as they were."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from api.refusals import fields_of
from google.protobuf.json_format import ParseDict
from jobs import STILL, job
from live import Reelmill

from reelmill.client import Client, InvalidRequest, NotFound
from reelmill.v1 import jobs_pb2 as pb
from reelmill.v1.jobs_pb2_grpc import JobServiceStub
from reelmill.v1.media_pb2 import Preset

URI = "https://example.com/a.mp4"


@pytest.fixture
def client(idle_api: Reelmill) -> Iterator[Client]:
    with Client(idle_api.grpc) as connected:
        yield connected


@pytest.fixture
def name() -> str:
    """Of a preset that no other test has."""
    return f"mine-{uuid4().hex[:8]}"


def sound(name: str, bitrate: int) -> Preset:
    return ParseDict({"name": name, "description": "Sound", "audio": {"bitrate_bps": bitrate}}, Preset())


def asking(*presets: str) -> pb.Job:
    outputs = [pb.Output(name=f"o{i}", preset=preset) for i, preset in enumerate(presets)]
    return pb.Job(inputs=[pb.Input(uri=URI)], outputs=outputs)


def test_a_job_keeps_the_version_it_was_submitted_with(client: Client, name: str) -> None:
    assert client.save_preset(sound(name, 64000)).version == 1
    made = client.create_job(asking(name, "poster"), "one")
    assert client.save_preset(sound(name, 96000)).version == 2
    assert client.save_preset(sound(name, 96000)).version == 2
    kept = client.get_job(made.id, full=True)
    assert [output.from_preset for output in kept.outputs] == [f"{name}@1", "poster"]
    assert kept.outputs[0].audio.bitrate_bps == 64000
    assert client.create_job(asking(name, "poster"), "one").id == made.id  # the same request, and not another job
    newer = client.validate_job(asking(name, f"{name}@1", f"{name}@2"))
    assert [(o.from_preset, o.audio.bitrate_bps) for o in newer.outputs] == [
        (f"{name}@2", 96000),
        (f"{name}@1", 64000),
        (f"{name}@2", 96000),
    ]
    client.cancel_job(made.id)
    assert client.delete_preset(name).version == 2
    again = client.retry_job(made.id)
    assert [output.from_preset for output in again.outputs] == [f"{name}@1", "poster"]
    client.cancel_job(again.id)
    assert client.save_preset(sound(name, 64000)).version == 3
    assert client.delete_preset(name).name == name


def test_presets_are_got_and_listed_behind_the_shipped_ones(client: Client, name: str) -> None:
    client.save_preset(sound(name, 64000))
    client.save_preset(sound(name, 96000))
    listed = {preset.name: preset for preset in client.presets()}
    assert (listed[name].version, listed["web-mp4"].version) == (2, 0)
    assert client.get_preset(name) == listed[name] == client.get_preset(f"{name}@2")
    assert client.get_preset(f"{name}@1").audio.bitrate_bps == 64000
    assert client.get_preset("web-mp4") == listed["web-mp4"]
    for missing in (f"{name}@3", "nobodys"):
        with pytest.raises(NotFound, match=missing):
            client.get_preset(missing)
    client.delete_preset(name)
    with pytest.raises(NotFound, match=name):
        client.delete_preset(name)


def test_what_can_not_be_saved_or_deleted_is_told_by_its_field(client: Client) -> None:
    with pytest.raises(InvalidRequest, match=r"preset\.name: 'web-mp4' comes with Reelmill: choose another name"):
        client.save_preset(sound("web-mp4", 64000))
    with pytest.raises(InvalidRequest, match=r"preset\.audio\.bitrate_bps"):
        client.save_preset(sound("mine", 1))
    with pytest.raises(InvalidRequest, match=r"preset\.name: 'mine@3' does not match"):
        client.save_preset(sound("mine@3", 64000))
    with pytest.raises(InvalidRequest, match="comes with Reelmill, and stays"):
        client.delete_preset("web-mp4")


def test_a_preset_that_nobody_has_is_told_with_the_one_that_may_be_meant(
    client: Client, jobs: JobServiceStub, name: str
) -> None:
    client.save_preset(sound(name, 64000))
    found = fields_of(jobs.CreateJob, pb.CreateJobRequest(job=asking(f"{name}x", f"{name}@7")))
    assert found["job.outputs[0].preset"].endswith(f"did you mean {name!r}?")
    assert "job.outputs[1].preset" in found
    client.delete_preset(name)


def test_jobs_of_a_batch_ask_for_presets_each_by_itself(client: Client, name: str) -> None:
    client.save_preset(sound(name, 64000))
    good, bad, plain = client.batch_create_jobs([asking(name), asking("nobodys"), job(URI, STILL)])
    assert isinstance(good, pb.Job) and good.outputs[0].from_preset == f"{name}@1"
    assert isinstance(bad, InvalidRequest) and isinstance(plain, pb.Job)
    assert not plain.outputs[0].from_preset
    for made in (good, plain):
        client.cancel_job(made.id)
    client.delete_preset(name)


def test_what_a_client_says_of_where_an_output_comes_from_is_not_believed(client: Client) -> None:
    said = job(URI, STILL)
    said.outputs[0].from_preset = "mine@3"
    assert not client.validate_job(said).outputs[0].from_preset
