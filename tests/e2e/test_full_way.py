"""A job goes the whole way, by gRPC, REST and command line, in both set-ups; what comes out plays."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import clips
import httpx
import pytest
from fault.kit.checker import check
from fault.kit.deployment import Deployment
from gateway.browser import Browser
from httpx_sse import aconnect_sse
from media.kit import FFMPEG
from media.watching import play_out, start
from waiting import PATIENCE_SECONDS

from reelmill.v1.jobs_pb2 import Input, Job, JobEvent, Output
from reelmill.v1.operations_pb2 import AudioExtract

pytestmark = pytest.mark.asyncio(loop_scope="module")


def body(system: Deployment) -> dict[str, Any]:
    """The README's job, smaller."""
    video = {"codec": "H264", "height": 240, "crf": 23}
    return {
        "inputs": [{"uri": (system.media / "talk.mp4").as_uri()}],
        "outputs": [
            {
                "name": "web",
                "transcode": {"container": "MP4", "video": video, "audio": {"codec": "AAC", "bitrate_bps": 128000}},
            },
            {"name": "stills", "thumbnail": {"count": 5, "width": 160, "format": "JPEG"}},
            {"name": "sound", "audio": {"format": "MP3"}},
            {"name": "small", "preset": "web-mp4"},
        ],
        "destination": (system.media / "out" / "talk").as_uri(),
        "priority": 50,
        "labels": {"asset": "42"},
    }


def decode(uri: str) -> dict[str, Any]:
    """What a player finds in a file: codec, size, duration in seconds and frames of each stream, decoded."""
    found: dict[str, Any] = {}
    with av.open(unquote(urlsplit(uri).path)) as container:
        for stream in container.streams:
            frames = [frame for frame in container.decode(stream)]
            last = frames[-1]
            found[stream.type] = {
                "codec": stream.codec.canonical_name,
                "frames": len(frames),
                "seconds": float(last.time + (last.samples / last.sample_rate if stream.type == "audio" else 0)),
                "size": (last.width, last.height) if stream.type == "video" else None,
            }
            container.seek(0)
    return found


def assert_plays(job: Job) -> None:
    """All that the README's job asked for is there."""
    assert job.state == Job.COMPLETED
    files = {output.name: list(output.files) for output in job.outputs}
    web = decode(files["web"][0].uri)
    assert web["video"] | {"seconds": 0} == {
        "codec": "h264",
        "frames": clips.FPS * clips.SECONDS,
        "size": (426, 240),
        "seconds": 0,
    }
    assert web["video"]["seconds"] == pytest.approx(clips.SECONDS, abs=0.1)
    assert (web["audio"]["codec"], web["audio"]["seconds"]) == ("aac", pytest.approx(clips.SECONDS, abs=0.1))
    stills = [decode(file.uri)["video"] for file in files["stills"]]
    assert [(s["codec"], s["frames"], s["size"]) for s in stills] == [("mjpeg", 1, (160, 90))] * 5
    assert len({file.sha256 for file in files["stills"]}) == 5, "five different pictures"
    sound = decode(files["sound"][0].uri)["audio"]
    assert (sound["codec"], sound["seconds"]) == ("mp3", pytest.approx(clips.SECONDS, abs=0.1))
    assert decode(files["small"][0].uri)["video"]["size"] == (clips.WIDTH, clips.HEIGHT), "SHRINK never enlarges"


async def test_by_grpc_every_state_is_seen_in_order(system: Deployment) -> None:
    job = await system.client.create_job(_message(body(system)))
    events = [event async for event in system.client.watch_job(job.id)]
    kept = [event for event in events if event.sequence]
    assert [event.sequence for event in kept] == list(range(1, len(kept) + 1))
    states = [(Job.State.Name(e.state), Job.Phase.Name(e.phase)) for e in kept]
    phases = [("PROCESSING", phase) for phase in ("PROBING", "TRANSCODING", "PACKAGING", "UPLOADING")]
    unset = "PHASE_UNSPECIFIED"
    assert states == [("QUEUED", unset), *phases, ("COMPLETED", unset)]
    assert_plays(await system.client.get_job(job.id, full=True))


async def test_a_watch_resumes_after_a_sequence_number(system: Deployment) -> None:
    job = await system.client.create_job(_message(body(system)))
    first: list[JobEvent] = []
    async for event in system.client.watch_job(job.id):
        if event.sequence:
            first.append(event)
        if len(first) == 2:
            break
    rest = [event.sequence async for event in system.client.watch_job(job.id, first[-1].sequence) if event.sequence]
    assert [e.sequence for e in first] + rest == [1, 2, 3, 4, 5, 6]


async def test_by_rest_with_server_sent_events(system: Deployment) -> None:
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS) as http:
        created = await http.post("/v1/jobs", json=body(system))
        assert created.status_code == 200, created.text
        path = f"/v1/jobs/{created.json()['id']}"
        async with aconnect_sse(http, "GET", f"{path}/watch") as source:
            events = [(e.id, e.event, json.loads(e.data)) async for e in source.aiter_sse()]
        kept = [data for _, event, data in events if event == "state"]
        assert [int(e["sequence"]) for e in kept] == [1, 2, 3, 4, 5, 6]
        assert kept[-1]["state"] == "COMPLETED"
        async with aconnect_sse(http, "GET", f"{path}/watch", headers={"Last-Event-ID": "4"}) as source:
            assert [json.loads(e.data)["sequence"] async for e in source.aiter_sse()] == ["5", "6"]
        job = (await http.get(path)).json()
        assert (job["state"], job["labels"]) == ("COMPLETED", {"asset": "42"})
        assert len((await http.get(f"{path}/events")).json()["events"]) == 6
        log = (await http.get(f"{path}/logs")).json()["logs"]
        assert any("-progress" in line.get("command", "") for line in log)
        sound = await http.get(f"{path}/outputs/sound/sound.mp3", headers={"Range": "bytes=0-99"})
        assert (sound.status_code, len(sound.content)) == (206, 100)


async def test_the_clip_that_comes_along_is_an_input_everywhere(system: Deployment) -> None:
    outputs = [Output(name="sound", audio=AudioExtract()), Output(name="still", preset="poster")]
    made = await system.client.create_job(Job(inputs=[Input(uri="example:clip")], outputs=outputs))
    job = await system.client.wait(made.id)
    assert job.state == Job.COMPLETED, job.error
    assert [len(output.files) for output in job.outputs] == [1, 1]


async def test_a_package_is_played_from_its_address(system: Deployment, player: str, tmp_path: Path) -> None:
    package = {"protocols": ["HLS", "DASH"], "segment_seconds": 1, "chunk_seconds": 2, "rungs": [{"height": 90}]}
    wanted = {**body(system), "outputs": [{"name": "stream", "package": package}]}
    foreign = {"Origin": player}
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS, headers=foreign) as http:
        created = await http.post("/v1/jobs", json=wanted)
        job = await system.client.wait(created.json()["id"])
        assert job.state == Job.COMPLETED, job.error
        made_by = (await http.get(f"/v1/jobs/{job.id}/tasks")).json()["tasks"]
        assert len(made_by) >= 5, "planned, two chunks, the sound, joined"
        at = f"/v1/jobs/{job.id}/outputs/stream"
        for path, kind in {
            "master.m3u8": "application/vnd.apple.mpegurl",
            "manifest.mpd": "application/dash+xml",
            "h264-90/index.m3u8": "application/vnd.apple.mpegurl",
            "h264-90/init.mp4": "video/mp4",
            "h264-90/00001.m4s": "video/iso.segment",
            "audio-und/00002.m4s": "audio/iso.segment",
        }.items():
            whole = await http.get(f"{at}/{path}")
            part = await http.get(f"{at}/{path}", headers={"Range": "bytes=4-7"})
            assert (whole.status_code, part.status_code, part.content) == (200, 206, whole.content[4:8]), path
            assert {one.headers["content-type"].partition(";")[0] for one in (whole, part)} == {kind}
            assert whole.headers["access-control-allow-origin"] == player
            assert "Content-Range" in part.headers["access-control-expose-headers"]
        asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
        assert (await http.options(f"{at}/master.m3u8", headers=asks)).status_code == 200
    argv = [str(FFMPEG), "-v", "error", "-i", f"{system.rest}{at}/master.m3u8", "-map", "0:v:0", "-f", "framecrc", "-"]
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    frames, _ = await process.communicate()
    assert sum(not line.startswith(b"#") for line in frames.splitlines()) == clips.FPS * clips.SECONDS
    with Browser(tmp_path / "chromium") as browser:
        for call in (f"hls('{system.rest}{at}/master.m3u8', 0)", f"dash('{system.rest}{at}/manifest.mpd')"):
            start(browser, player, call)
            play_out(browser)
            assert browser.evaluate("seen.errors") == [] and browser.evaluate("frames()") == clips.FPS * clips.SECONDS


async def test_by_command_line(system: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(body(system)))
    code, printed = await _reelmill("submit", str(file), "--watch", "--json", "--api", system.api.grpc)
    assert code == 0, printed
    job = json.loads(printed.splitlines()[-1])
    assert job["state"] == "COMPLETED"
    assert_plays(await system.client.get_job(job["id"], full=True))


async def test_an_upload_is_an_input(system: Deployment) -> None:
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS) as http:
        content = (system.media / "talk.mp4").read_bytes()
        upload = (await http.post("/v1/uploads", params={"name": "talk.mp4"}, content=content)).json()
        job = {"inputs": [{"uri": upload["uri"]}], "outputs": [{"name": "s", "thumbnail": {"width": 64}}]}
        created = (await http.post("/v1/jobs", json=job)).json()
    done = await system.client.wait(created["id"], 60)
    assert done.state == Job.COMPLETED
    assert "/storage/outputs/" in done.outputs[0].files[0].uri, "without a destination: the server's own storage"


async def test_twenty_calls_with_one_key_make_one_job(system: Deployment) -> None:
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS) as http:
        headers = {"Idempotency-Key": "one-key"}
        answers = await asyncio.gather(*(http.post("/v1/jobs", json=body(system), headers=headers) for _ in range(20)))
        assert {a.status_code for a in answers} == {200}
        assert len({a.json()["id"] for a in answers}) == 1
        other = await http.post("/v1/jobs", json=body(system) | {"priority": 51}, headers=headers)
        assert other.status_code == 409
        assert "another body" in other.json()["detail"]
    assert (await system.client.wait(answers[0].json()["id"], 60)).state == Job.COMPLETED


async def test_a_cancelled_job_ends_soon_and_leaves_nothing(system: Deployment) -> None:
    [job] = await system.submit(system.long_job(system.media / "talk.mp4"))
    async for event in system.client.watch_job(job.id):
        if event.phase == Job.TRANSCODING:
            await system.client.cancel_job(job.id, "no longer wanted")
            break
    [done] = await system.finish(job, timeout_seconds=30)
    assert done.state == Job.CANCELLED
    assert system.ffmpegs() == []


async def test_all_is_as_promised_in_the_end(full: Deployment) -> None:
    async for job in full.client.list_jobs('state = "PROCESSING"'):
        await full.client.wait(job.id, 60)
    assert await check(full) == []


def _message(document: dict[str, Any]) -> Job:
    from google.protobuf.json_format import ParseDict

    return ParseDict(document, Job())


async def _reelmill(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reelmill", *arguments), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()
