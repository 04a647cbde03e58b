"""Bad input: each kind has its own clear error; permanent ones are not retried; nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from e2e.servers import naughty_server
from fault.kit.deployment import Deployment
from waiting import PATIENCE_SECONDS, patient

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")

RETRY_AT_ONCE = {"max_attempts": 2, "initial_backoff": "0.001s"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    """Address of the naughty server."""
    async with naughty_server() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inputs(embedded: Deployment, address: str) -> dict[str, str]:
    """URIs of inputs that fail, by name."""
    talk = (embedded.media / "talk.mp4").read_bytes()
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"This is no film. " * 100,
        "truncated.mp4": talk[: len(talk) // 2],
    }
    for name, content in contents.items():
        (embedded.media / name).write_bytes(content)
    files = {name: (embedded.media / name).as_uri() for name in (*contents, "missing.mp4")}
    return files | {name: f"{address}/{name}" for name in ("404", "500", "slow", "endless")}


@pytest.mark.parametrize(
    ("name", "code", "attempts"),
    [
        ("missing.mp4", "INPUT_NOT_FOUND", 1),
        ("empty.mp4", "INPUT_EMPTY", 1),
        ("text.mp4", "INPUT_NOT_MEDIA", 1),
        ("truncated.mp4", "INPUT_CORRUPT", 1),
        ("404", "INPUT_NOT_FOUND", 1),
        ("500", "INPUT_UNAVAILABLE", 2),
        ("slow", "INPUT_TIMEOUT", 2),
        ("endless", "INPUT_TOO_LARGE", 1),
    ],
)
async def test_an_input_that_fails(
    embedded: Deployment, inputs: dict[str, str], name: str, code: str, attempts: int
) -> None:
    job = body(embedded) | {"inputs": [{"uri": inputs[name]}], "retry_policy": RETRY_AT_ONCE}
    done = await embedded.client.wait((await _post(embedded, job)).json()["id"], 30)
    assert (done.state, done.error.code, done.attempt) == (Job.FAILED, code, attempts), done.error
    assert name in done.error.message or done.error.output or "file" in done.error.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outputs": [{"name": "o", "transcode": {"trim": {"start_seconds": 100}}}]}, "TIME_OUT_OF_RANGE"),
        ({"outputs": [{"name": "o", "thumbnail": {"times_seconds": [99]}}]}, "TIME_OUT_OF_RANGE"),
    ],
)
async def test_what_only_the_input_can_tell(embedded: Deployment, change: dict[str, Any], code: str) -> None:
    done = await embedded.client.wait((await _post(embedded, body(embedded) | change)).json()["id"], 30)
    assert (done.state, done.error.code, done.attempt, done.error.output) == (Job.FAILED, code, 1, "o")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"inputs": [{"uri": "file:///etc/passwd"}]}, "job.inputs[0].uri"),
        ({"inputs": [{"uri": "ftp://example.org/a.mov"}]}, "job.inputs[0].uri"),
        (
            {"outputs": [{"name": "o", "transcode": {"video": {"codec": "H999"}}}]},
            "job.outputs[0].transcode.video.codec",
        ),
        (
            {"outputs": [{"name": "o", "transcode": {"container": "WEBM", "video": {"codec": "H264"}}}]},
            "job.outputs[0].transcode.video.codec",
        ),
        (
            {"outputs": [{"name": "o", "transcode": {"video": {"crf": 20, "bitrate_bps": 100000}}}]},
            "job.outputs[0].transcode.video.crf",
        ),
        ({"unknown": 1}, "job.unknown"),
        ({"outputs": [{"name": "o", "transcode": {"video": {"width": 1}}}]}, "job.outputs[0].transcode.video.width"),
        (
            {"outputs": [{"name": "o", "thumbnail": {"times_seconds": [-1]}}]},
            "job.outputs[0].thumbnail.times_seconds[0]",
        ),
        ({"outputs": [{"name": f"o{i}", "preset": "web-mp4"} for i in range(10_000)]}, "job.outputs"),
        ({"outputs": [{"name": "o", "preset": "web-mp4"}] * 2}, "job.outputs[1].name"),
        ({"outputs": [{"name": "o", "preset": "web-mp5"}]}, "job.outputs[0].preset"),
        ({"destination": "file:///etc/"}, "job.destination"),
    ],
)
async def test_a_job_that_is_refused(embedded: Deployment, change: dict[str, Any], field: str) -> None:
    answer = await _post(embedded, body(embedded) | change)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [e["field"] for e in answer.json()["errors"]] == [field]


async def test_everything_wrong_is_told_at_once(embedded: Deployment) -> None:
    outputs = [{"name": "-", "thumbnail": {"width": 1, "height": 9000}}, {"name": "b", "audio": {"bitrate_bps": 1}}]
    answer = await _post(embedded, body(embedded) | {"outputs": outputs, "priority": 101})
    assert {e["field"] for e in answer.json()["errors"]} == {
        "job.priority",
        "job.outputs[0].name",
        "job.outputs[0].thumbnail.width",
        "job.outputs[0].thumbnail.height",
        "job.outputs[1].audio.bitrate_bps",
    }


async def test_nothing_is_left_behind(embedded: Deployment) -> None:
    async with patient():
        while list((embedded.media / "out").glob("*")) or embedded.ffmpegs():
            await asyncio.sleep(0.1)  # the scheduler's sweep of attempts that failed
    assert list((embedded.folder / "data" / "work").glob("*")) == []


def body(system: Deployment) -> dict[str, Any]:
    """A good job."""
    return {
        "inputs": [{"uri": (system.media / "talk.mp4").as_uri()}],
        "outputs": [{"name": "web", "preset": "web-mp4"}],
        "destination": (system.media / "out").as_uri(),
    }


async def _post(system: Deployment, job: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=system.rest, timeout=PATIENCE_SECONDS) as http:
        return await http.post("/v1/jobs", json=job)
