"""Webhooks and signed addresses from outside: by command line, REST and client, at a receiver of one's own."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cli.conftest import reelmill
from live import Reelmill
from services.process import HOST, free_port
from typer.testing import CliRunner, Result
from waiting import PATIENCE_SECONDS, patient

from reelmill.cli.main import app
from reelmill.client import Client

Run = Callable[..., Result]
JOB: dict[str, Any] = {"outputs": [{"name": "sound", "audio": {"format": "MP3"}}]}


@pytest.fixture(scope="module")
def up(clip: Path) -> Iterator[Reelmill]:
    """`reelmill up` that may send to this machine."""
    with Reelmill("up", http_allowed_networks='["127.0.0.0/8"]') as system:
        system.bring(clip, "clip.mp4")
        yield system


@pytest.fixture
def run(up: Reelmill, monkeypatch: pytest.MonkeyPatch, logging_restored: None) -> Run:
    """A command for it, in this process."""
    monkeypatch.setenv("REELMILL_API_TARGET", up.grpc)
    return lambda *arguments: CliRunner().invoke(app, ["webhooks", *arguments])


def finished(http: httpx.Client, up: Reelmill, **more: Any) -> str:
    """The id of a job that is COMPLETED."""
    job = JOB | {"inputs": [{"uri": (up.media / "clip.mp4").as_uri()}]} | more
    made = http.post("/v1/jobs", json=job).json()
    http.get(f"/v1/jobs/{made['id']}/watch", timeout=60)
    return str(made["id"])


def test_a_receiver_verifies_what_it_is_told(up: Reelmill, run: Run, tmp_path: Path) -> None:
    url = f"http://{HOST}:{(port := free_port())}/hook"
    added = run("add", url, "--event", "job.completed")
    webhook_id, secret = added.stdout.split()
    assert added.exit_code == 0 and secret.startswith("whsec_")
    failing = run("test", webhook_id)
    assert (failing.exit_code, "UNREACHABLE" in failing.stdout) == (1, True)
    assert run("enable", webhook_id).stdout == f"{webhook_id}: enabled\n"

    options = ("--port", str(port), "--secret", secret, "--count", "4")
    listening = reelmill("webhooks", "listen", *options, folder=tmp_path)
    assert listening.stderr and listening.stdout
    assert listening.stderr.readline() == f"listening at http://{HOST}:{port}/\n"
    assert json.loads(listening.stdout.readline().removeprefix("verified: "))["type"] == "webhook.test"
    tested = run("test", webhook_id)
    assert (tested.exit_code, "DELIVERED" in tested.stdout, "TAKEN" in tested.stdout) == (0, True, True)
    with httpx.Client(base_url=up.http, timeout=60) as http:
        job_id = finished(http, up, webhook={"url": url, "events": ["job.completed"]})
        out, _ = listening.communicate(timeout=PATIENCE_SECONDS)
        assert listening.returncode == 0
        kinds = sorted(line.partition(": ")[0] for line in out.splitlines())
        assert kinds == ["NOT VERIFIED (no signature fits", "verified", "verified"], out
        [told] = [json.loads(line.removeprefix("verified: ")) for line in out.splitlines() if job_id in line[:200]]
        assert told["data"] == http.get(f"/v1/jobs/{job_id}").json()
        log = [json.loads(line) for line in run("log", job_id, "--json").stdout.splitlines()]
        assert {one["type"] for one in log} == {"job.completed"} and len(log) == 2
        listed = http.get(f"/v1/webhooks/{webhook_id}/deliveries", params={"state": "DELIVERED"}).json()["deliveries"]
        assert [one["type"] for one in listed] == ["job.completed", "webhook.test", "webhook.test"]
    table = run("log", webhook_id, "--state", "delivered").stdout
    assert table.count("TAKEN") == 3 and "204" in table
    assert run("redeliver", webhook_id, listed[0]["id"]).stdout == "1 messages are sent again\n"
    assert run("redeliver", webhook_id).exit_code == run("log", webhook_id, "--state", "lost").exit_code == 2
    rotated = run("rotate", webhook_id, "--overlap-hours", "0").stdout.split()
    assert rotated[0] == webhook_id and rotated[1] != secret
    assert run("rotate", "jobs").stdout.startswith("whsec_")
    assert url in run("list").stdout and secret not in run("list", "--json").stdout
    assert run("remove", webhook_id).stdout == f"{webhook_id}: removed\n"
    assert url not in run("list").stdout


def test_webhooks_by_rest_and_client(up: Reelmill) -> None:
    with httpx.Client(base_url=up.http, timeout=60) as http, Client(up.grpc) as client:
        made = http.post("/v1/webhooks", json={"url": "https://example.com/a", "events": ["job.failed"]})
        assert made.status_code == 200 and made.json()["secret"].startswith("whsec_")
        webhook_id = made.json()["webhook"]["id"]
        for wrong in ({"url": "http://10.0.0.1/"}, {"url": "https://example.com", "events": ["job.eaten"]}, {}):
            assert http.post("/v1/webhooks", json=wrong).status_code == 400
        assert [one["id"] for one in http.get("/v1/webhooks").json()["webhooks"]] == [webhook_id]
        answer = http.post(f"/v1/webhooks/{webhook_id}:rotateSecret", json={"overlap": "60s"}).json()
        assert answer["secret"] != made.json()["secret"]
        assert [one.id for one in client.webhooks()] == [webhook_id]
        assert client.redeliver(webhook_id, "1") == 0 and list(client.deliveries(webhook_id)) == []
        assert http.delete(f"/v1/webhooks/{webhook_id}").json()["id"] == webhook_id
        assert http.delete(f"/v1/webhooks/{webhook_id}").status_code == 404


def test_an_address_fetches_its_file_until_it_expires(up: Reelmill) -> None:
    with httpx.Client(base_url=up.http, timeout=60) as http, Client(up.grpc) as client:
        job_id = finished(http, up)
        plain = http.get(f"/v1/jobs/{job_id}").json()["outputs"][0]["files"][0]
        assert "download_url" not in plain
        params = {"signed_urls_seconds": 2}
        [file] = http.get(f"/v1/jobs/{job_id}", params=params).json()["outputs"][0]["files"]
        began, address = time.monotonic(), file["download_url"]
        got = http.get(address)
        assert got.content == http.get(f"/v1/jobs/{job_id}/outputs/sound/{plain['path']}").content
        assert (got.headers["content-type"], got.headers["etag"]) == ("audio/mpeg", f'"{plain["sha256"]}"')
        assert http.get(address, headers={"Range": "bytes=0-9"}).content == got.content[:10]
        [listed] = http.get(f"/v1/jobs/{job_id}/outputs/sound/files", params=params).json()["files"]
        assert http.head(listed["download_url"]).status_code == 200
        assert client.get_job(job_id, signed_urls_seconds=9).outputs[0].files[0].download_url
        assert "download_url" not in http.get(f"/v1/jobs/{job_id}").text
        path, query = urlsplit(address).path, urlsplit(address).query
        for changed in (f"{path}x?{query}", f"{path}?{query}0", path, f"{path}?{query}&a=b", f"/v1/signed/x?{query}"):
            assert (http.get(changed).status_code, http.get(changed).json()["code"]) == (403, "ADDRESS_REFUSED")
        assert http.get(f"/v1/jobs/{job_id}", params={"signed_urls_seconds": 604_801}).status_code == 400

        async def until_refused() -> None:
            async with patient():
                while http.get(address).status_code != 403:
                    await asyncio.sleep(0.1)

        asyncio.run(until_refused())
        assert time.monotonic() - began > 1
