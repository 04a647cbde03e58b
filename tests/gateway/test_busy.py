"""Calls that look into files are bounded together, whoever makes them; who is too many is asked to come again."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reelmill.app import api
from reelmill.app.gateway import running_gateway
from reelmill.capacity import Looks
from reelmill.client import AsyncClient, Backoff, ReelmillError
from reelmill.parts import open_parts
from reelmill.settings import Settings
from reelmill.v1.jobs_pb2 import Input, Job, Output


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    """One at once, of the process under test."""
    one = Looks(at_once=1, wait_seconds=0.05)
    monkeypatch.setattr(api, "Looks", lambda: one)
    yield one


async def test_one_that_is_too_many_is_asked_to_come_again(
    looks: Looks, database_url: str, clip: Path, tmp_path: Path
) -> None:
    (media := tmp_path / "media").mkdir()
    (media / "clip.mp4").write_bytes(clip.read_bytes())
    uri = (media / "clip.mp4").as_uri()
    settings = Settings(
        database_url=database_url, data_dir=tmp_path / "data", read_roots=(media,), grpc_port=0, http_port=0
    )
    job = Job(inputs=[Input(uri=uri)], outputs=[Output(name="o", preset="web-mp4")])
    body = {"inputs": [{"uri": uri}], "outputs": [{"name": "o", "preset": "web-mp4"}]}
    async with (
        open_parts(settings, process="api") as parts,
        api.running_api(parts) as grpc_port,
        running_gateway(settings, parts.storage, f"127.0.0.1:{grpc_port}") as http_port,
        AsyncClient(f"127.0.0.1:{grpc_port}", backoff=Backoff(attempts=1)) as client,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", timeout=60) as http,
    ):
        async with looks.turn():  # as another call has it
            for call in (client.probe(uri), client.validate_job(job, full=True), client.estimate_job(job)):
                with pytest.raises(ReelmillError) as refused:
                    await call
                assert (refused.value.code, refused.value.retry_seconds) == ("RESOURCE_EXHAUSTED", 1)
            paths = {"/v1/media:probe": {"uri": uri}, "/v1/jobs:validate?view=FULL": body, "/v1/jobs:estimate": body}
            for path, sent in paths.items():
                answer = await http.post(path, json=sent)
                assert (answer.status_code, answer.json()["code"]) == (429, "BUSY"), answer.text
                assert answer.headers["Retry-After"] == "1"
            assert not (await client.validate_job(job)).steps, "who looks into nothing waits for nobody"
        for _ in range(2):  # the turn is given back, by who failed too
            assert (await client.probe(uri)).streams
            assert (await client.validate_job(job, full=True)).steps
            assert (await client.estimate_job(job)).job.core_seconds.likely > 0
            with pytest.raises(ReelmillError, match="INPUT_NOT_FOUND"):
                await client.probe((media / "none.mp4").as_uri())
