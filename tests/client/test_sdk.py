"""The SDK finishes the job: both clients, by REST and by gRPC, on the running system."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live import Reelmill

import reelmill
from reelmill.client import AsyncClient, Client, InvalidRequest, JobFailed, Progress, audio, thumbnail

Run = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(params=["blocking-rest", "asyncio-rest", "blocking-grpc", "asyncio-grpc"])
def open_client(request: pytest.FixtureRequest, live: Reelmill) -> Callable[[], Any]:
    """Each of the two clients, by each of the two ways."""
    kind, way = request.param.split("-")
    made = Client if kind == "blocking" else AsyncClient
    return lambda: made(live.http) if way == "rest" else made(live.grpc, gateway=live.http)


async def finished(answer: Any) -> Any:
    return await answer if hasattr(answer, "__await__") else answer


def test_a_file_of_ours_becomes_files_of_ours(open_client: Callable[[], Any], live: Reelmill, tmp_path: Path) -> None:
    seen: list[Progress] = []

    async def go() -> Any:
        client = open_client()
        stills, clip = thumbnail(count=2, width=64), live.media / "clip.mp4"
        wanted: dict[str, Any] = {"sound": audio(format="MP3"), "stills": stills, "outputs": {"a-b": "podcast-audio"}}
        options = {"labels": {"asset": "42"}, "priority": 60}
        job = await finished(client.run(clip, on_progress=seen.append, options=options, timeout_seconds=120, **wanted))
        job.raise_for_state()
        paths = {name: await finished(output.download(tmp_path / name)) for name, output in job.outputs.items()}
        await finished(client.close())
        return job, paths

    job, paths = asyncio.run(go())
    assert (job.state, job.labels, job.message.priority) == ("COMPLETED", {"asset": "42"}, 60)
    assert job.message.inputs[0].uri.startswith("upload:")
    assert {name: [p.suffix for p in found] for name, found in paths.items()} == {
        "sound": [".mp3"],
        "stills": [".jpg", ".jpg"],
        "a-b": [job.outputs["a-b"].files[0].path[-4:]],
    }
    for name, found in paths.items():
        assert [p.stat().st_size for p in found] == [f.size_bytes for f in job.outputs[name].files]
    assert job.outputs["sound"].files[0].media["streams"][0]["codec"] == "mp3"
    assert seen[-1].state == "COMPLETED"
    assert {one.job_id for one in seen} == {job.id}


def test_what_is_wrong_is_told_before_a_byte_is_sent(open_client: Callable[[], Any]) -> None:
    class Untouched:
        name = "talk.mov"

        def read(self, _: int) -> bytes:
            raise AssertionError("was read")

    async def go() -> None:
        client = open_client()
        try:
            await finished(client.run(Untouched(), web="no-such-preset"))
        finally:
            await finished(client.close())

    with pytest.raises(InvalidRequest) as caught:
        asyncio.run(go())
    assert [v.field for v in caught.value.violations] == ["job.outputs[0].preset"]


def test_a_job_that_fails_says_why(open_client: Callable[[], Any]) -> None:
    async def go() -> Any:
        client = open_client()
        job = await finished(client.run(b"this is no film", web=audio(), timeout_seconds=120))
        await finished(client.close())
        return job

    job = asyncio.run(go())
    assert (job.state, job.error.code, job.error.category) == ("FAILED", "INPUT_NOT_MEDIA", "INPUT")
    with pytest.raises(JobFailed, match="INPUT_NOT_MEDIA") as caught:
        job.raise_for_state()
    assert caught.value.cause == job.error.cause


def test_a_set_of_many_files_keeps_its_folders(live: Reelmill, tmp_path: Path) -> None:
    with reelmill.Client(live.http) as c:
        job = c.run(
            (live.media / "clip.mp4").as_uri(),
            stream=reelmill.package(protocols=["HLS"], segment_seconds=1, rungs=[{"height": 90}]),
        )
        job.raise_for_state()
        paths = job.outputs["stream"].download(tmp_path)
    assert (tmp_path / "master.m3u8").read_text().startswith("#EXTM3U")
    assert {p.relative_to(tmp_path).parts[0] for p in paths} > {"master.m3u8"}
    assert len(paths) == job.outputs["stream"].message.file_count


def test_without_a_gateway_a_path_is_told_and_files_are_not_fetched(live: Reelmill, tmp_path: Path) -> None:
    with Client(live.grpc) as client:
        job = client.run(live.media / "clip.mp4", sound=audio())
        assert job.message.inputs[0].uri == (live.media / "clip.mp4").as_uri()
        assert job.outputs["sound"].files[0].download_url == ""
        for use in (lambda: job.outputs["sound"].download(tmp_path), lambda: client.upload(b"x")):
            with pytest.raises(reelmill.ReelmillError, match="gateway="):
                use()
