"""What callers of run and submit ask for, and what they see of a job."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import reelmill
from reelmill import client
from reelmill.client import JobFailed, ReelmillError, asking, thumbnail, transcode, views
from reelmill.client.files import Upload
from reelmill.v1 import jobs_pb2 as pb


def test_the_package_has_the_names_of_the_client_and_loads_it_late() -> None:
    assert set(client.__all__) == reelmill._SDK
    assert reelmill.thumbnail is client.thumbnail
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = reelmill.nothing_such


def test_an_output_is_a_preset_an_operation_or_json() -> None:
    wanted: dict[str, asking.Wanted] = {
        "web": "web-hls",
        "stills": thumbnail(count=5, width=320, format="PNG"),
        "plain": transcode(),
        "json": {"audio": {"format": "MP3"}, "optional": True},
        "whole": pb.Output(name="other", preset="web-mp4", optional=True),
    }
    made = asking.job({"": "example:clip"}, wanted, {"labels": {"asset": "42"}, "publish": "EACH"})
    assert [i.uri for i in made.inputs] == ["example:clip"]
    assert (dict(made.labels), made.publish) == ({"asset": "42"}, pb.Job.EACH)
    kinds = [(o.name, o.WhichOneof("operation"), o.optional) for o in made.outputs]
    assert kinds == [
        ("web", "preset", False),
        ("stills", "thumbnail", False),
        ("plain", "transcode", False),
        ("json", "audio", True),
        ("whole", "preset", True),
    ]
    assert made.outputs[1].thumbnail.count == 5


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (5, r"web: is a int; give a preset's name"),
        (pb.Job(), r"web: a Job is no operation; there are transcode, thumbnail"),
        ({"audi": {}}, r'web: .*no field named "audi"'),
    ],
)
def test_what_is_no_output_is_told_by_its_name(wanted: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        asking.job({"": "example:clip"}, {"web": wanted}, {})


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(ValueError, match=r'options: .*no "lables" field'):
        asking.job({}, {}, {"lables": {}})


def test_an_input_is_a_uri_or_is_uploaded(tmp_path: Path) -> None:
    odd = tmp_path / "s3:odd.mov"
    odd.touch()
    assert asking.uri_of("https://example.org/a.mov") == "https://example.org/a.mov"
    assert asking.uri_of("example:clip") == "example:clip"
    for file in ("talk.mov", str(odd), odd, b"", BytesIO()):
        assert asking.uri_of(file) == ""
    assert asking.file_uri(tmp_path / "a b.mov") == f"{tmp_path.as_uri()}/a%20b.mov"
    with pytest.raises(TypeError, match="only a gateway takes uploads"):
        asking.file_uri(b"bytes")
    assert asking.named("a") == {"": "a"}
    assert asking.checked({"a": "", "b": "s3://x/y"}) == {"a": "example:clip", "b": "s3://x/y"}


def test_an_upload_has_a_name_that_the_gateway_takes(tmp_path: Path) -> None:
    path = tmp_path / ".a?b%c.mov"
    path.write_bytes(b"12345")
    with Upload(path) as upload:
        assert (upload.name, b"".join(upload.chunks()), b"".join(upload.chunks())) == ("a_b_c.mov", b"12345", b"12345")
    with path.open("rb") as file:
        file.read(2)
        with Upload(file, "talk.mov") as upload:
            assert (upload.name, b"".join(upload.chunks())) == ("talk.mov", b"345")
        assert not file.closed, "who opened it closes it"
    assert Upload(b"x").name == "upload.bin"
    assert len(Upload(b"x", "ü" * 300).name.encode()) <= 200
    with pytest.raises(TypeError, match="give a path"):
        Upload(5)  # type: ignore[arg-type]
    with path.open() as text, pytest.raises(TypeError, match="'rb'"):
        list(Upload(text).chunks())  # type: ignore[arg-type]


FILE = pb.OutputFile(uri="file:///x/w.m3u8", path="a b/w.m3u8", size_bytes=3, sha256="00")


def viewed(**fields: Any) -> views.JobView[Any]:
    return views.view(pb.Job(id="i", **fields), "https://m", views.unfetchable)


def test_a_job_is_told_in_names() -> None:
    output = pb.Output(name="web", preset="web-hls", files=[FILE])
    job = viewed(state="COMPLETED", labels={"a": "1"}, outputs=[output])
    assert (job.state, job.labels, job.error) == ("COMPLETED", {"a": "1"}, None)
    web = job.outputs["web"]
    assert (web.preset, [(f.name, f.path) for f in web.files]) == ("web-hls", [("w.m3u8", "a b/w.m3u8")])
    assert web.files[0].download_url == "https://m/v1/jobs/i/outputs/web/a%20b/w.m3u8"
    job.raise_for_state()
    with pytest.raises(KeyError, match="no output 'other'; there are web"):
        _ = job.outputs["other"]
    with pytest.raises(ReelmillError, match="gateway"):
        web.download("out")


def test_a_signed_address_goes_before_ours() -> None:
    signed = pb.OutputFile(path="a", download_url="https://other/x?signature=1")
    [file] = viewed(outputs=[pb.Output(name="o", files=[signed])]).outputs["o"].files
    assert (file.download_url, file.remote.signed) == ("https://other/x?signature=1", True)


def test_a_job_that_failed_raises_with_code_cause_and_command() -> None:
    error = pb.JobError(
        code="FFMPEG_FAILED", message="no such filter", command="ffmpeg -i x", output="web", category="INTERNAL"
    )
    with pytest.raises(JobFailed, match="job i failed: FFMPEG_FAILED: no such filter") as caught:
        viewed(state="FAILED", error=error).raise_for_state()
    told = caught.value
    assert (told.job_id, told.code, told.cause, told.command, told.output) == (
        *("i", "FFMPEG_FAILED", "no such filter", "ffmpeg -i x", "web"),
    )
    with pytest.raises(JobFailed, match="was cancelled") as caught:
        viewed(state="CANCELLED").raise_for_state()
    assert caught.value.code == "CANCELLED"


def test_progress_is_a_line_for_people() -> None:
    event = pb.JobEvent(job_id="i", state="PROCESSING", phase="TRANSCODING")
    event.progress.percent, event.progress.speed = 41.4, 2.13
    event.progress.eta.FromSeconds(7)
    event.progress.outputs.add(output="web", percent=50)
    told = views.progress(event)
    assert str(told) == "PROCESSING TRANSCODING, 41 %, 2.1×, 7 s left"
    assert told.outputs == {"web": 50}
    assert str(views.progress(pb.JobEvent(state="COMPLETED"))) == "COMPLETED, 100 %"


def test_a_name_that_is_newer_than_we_are_is_its_number() -> None:
    assert views.enum_name(pb.Job.State, 99) == "99"
    assert views.enum_name(pb.Job.State, 0) == ""
