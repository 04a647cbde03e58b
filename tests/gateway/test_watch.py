"""Server-Sent Events: order, ids, resumption, the end, keep-alive, and clients that leave."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from live import Reelmill, get
from waiting import PATIENCE_SECONDS, until

from reelmill.app.gateway import running_gateway
from reelmill.gateway import streaming
from reelmill.settings import Settings
from reelmill.storage.storage import Storage

JOB: dict[str, Any] = {"outputs": [{"name": "sound", "preset": "podcast-audio"}]}


def submit(http: httpx.Client, uri: str) -> str:
    return str(http.post("/v1/jobs", json=JOB | {"inputs": [{"uri": uri}]}).json()["id"])


def watched(http: httpx.Client, job_id: str, **headers: str) -> list[tuple[int, dict[str, Any]]]:
    """The kept events until the stream's end, with their ids."""
    with connect_sse(http, "GET", f"/v1/jobs/{job_id}/watch", headers=headers) as source:
        assert source.response.headers["cache-control"] == "no-store"
        events = list(source.iter_sse())
    assert {event.event for event in events} <= {"state", "progress"}
    return [(int(event.id), event.json()) for event in events if event.event == "state"]


@pytest.fixture(scope="module")
def events(live: Reelmill, http: httpx.Client) -> list[tuple[int, dict[str, Any]]]:
    """All events of a job, watched from its submission."""
    return watched(http, submit(http, f"file://{live.media}/clip.mp4"))


def test_events_come_in_order_with_their_sequence_as_id(events: list[tuple[int, dict[str, Any]]]) -> None:
    assert [i for i, _ in events] == list(range(1, len(events) + 1))
    assert [int(event["sequence"]) for _, event in events] == [i for i, _ in events]
    assert list(dict.fromkeys(event["state"] for _, event in events)) == ["QUEUED", "PROCESSING", "COMPLETED"]


def test_last_event_id_resumes(http: httpx.Client, events: list[tuple[int, dict[str, Any]]]) -> None:
    def kept(found: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
        # Who watches live is told the progress of the moment with a state: it is not kept.
        return [(i, {name: value for name, value in event.items() if name != "progress"}) for i, event in found]

    job_id = events[0][1]["job_id"]
    for after in range(len(events)):
        assert kept(watched(http, job_id, **{"Last-Event-ID": str(after)})) == kept(events[after:])


def test_a_stream_without_news_ends_a_browsers_reconnecting(
    http: httpx.Client, events: list[tuple[int, dict[str, Any]]]
) -> None:
    last, event = events[-1]
    answer = http.get(f"/v1/jobs/{event['job_id']}/watch", headers={"Last-Event-ID": str(last)})
    assert (answer.status_code, answer.content) == (204, b"")


def _streams(idle_api: Reelmill) -> int:
    """Watches that ended by a client's leave, as the api counts them."""
    found = re.search(r'code="CANCELLED",method="WatchJob"} (\d+)', get(f"{idle_api.health}/metrics")[1])
    return int(found[1]) if found else 0


def test_a_client_that_leaves_ends_the_call(idle_api: Reelmill, idle_http: httpx.Client) -> None:
    job_id, before = submit(idle_http, "https://example.org/talk.mov"), _streams(idle_api)
    with connect_sse(idle_http, "GET", f"/v1/jobs/{job_id}/watch") as source:
        assert next(source.iter_sse()).json()["state"] == "QUEUED"
    until(lambda: _streams(idle_api) != before, "the call has ended")


async def test_a_silent_stream_is_kept_alive(
    idle_api: Reelmill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE_SECONDS", 0.05)
    settings = Settings(data_dir=tmp_path, http_port=0)
    running = running_gateway(settings, Storage.from_settings(settings), idle_api.grpc)
    async with (
        running as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as http,
    ):
        body = JOB | {"inputs": [{"uri": "https://example.org/talk.mov"}]}
        job_id = (await http.post("/v1/jobs", json=body)).json()["id"]
        async with http.stream("GET", f"/v1/jobs/{job_id}/watch") as answer:
            lines = [line async for line in _until(answer, ": keep-alive")]
    assert lines[0] == "id: 1"


async def _until(answer: httpx.Response, last: str) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        yield line
        if line == last:
            return
