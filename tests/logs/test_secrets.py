"""Nothing secret is ever logged, stored as an error, told to a client or put on a span: real processes, every way."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import pytest
import pytest_asyncio
from conftest import SharedServer
from e2e.servers import naughty_server
from fault.kit.deployment import Deployment
from live import Reelmill
from services.databases import Databases
from services.moto import Moto
from services.process import HOST
from telemetry.collector import Collector, collector
from waiting import PATIENCE_SECONDS

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "hush-"  # every secret here begins with it, and nothing else has it
SIGNED = "X-Amz-Signature=hush-1&X-Amz-Security-Token=hush-2&sig=hush-3&token=hush-4"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    databases: Databases, kafka_server: SharedServer, redis_server: SharedServer, clip: Path
) -> AsyncIterator[tuple[Deployment, Collector]]:
    """All four processes, each URL and key with a secret; Redis even refuses it. Spans go to a collector."""
    url = await databases.create()
    with collector() as spans, Moto() as moto:
        settings = {
            "REELMILL_OTLP_ENDPOINT": spans.url,
            "REELMILL_S3_ENDPOINT": moto.url,
            "AWS_ACCESS_KEY_ID": "hush-key-id",
            "AWS_SECRET_ACCESS_KEY": "hush-key",
            "AWS_REGION": "us-east-1",
            "REELMILL_FETCH_TIMEOUT_SECONDS": "1",
            "REELMILL_LOG_LEVEL": "debug",
        }
        async with Deployment(
            database_url=url.replace("reelmill@", "reelmill:hush-database@"),
            queue_url=f"{kafka_server.url}?sasl.username=app&sasl.password=hush-kafka",
            cache_url=redis_server.url.replace("//", "//app:hush-redis@"),
            settings=settings,
        ) as deployment:
            shutil.copy(clip, deployment.talk)
            yield deployment, spans
    await databases.drop(url)


def inputs(media: Path, talk: Path, address: str) -> list[str]:
    """URIs of inputs that hold secrets, or lead to some; most of them fail."""
    (media / "text.mp4").write_text("hush-content\n" * 100)
    (media / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,hush-title\n{address}/404?{SIGNED}\n")
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(talk), "-c", "copy"]
    subprocess.run([*argv, "-metadata", "title=hush-content", str(media / "titled.mp4")], check=True)
    (media / "cut.mp4").write_bytes((media / "titled.mp4").read_bytes()[:-5000])
    secret = address.replace("//", "//user:hush-userinfo@")
    files = [(media / name).as_uri() for name in ("text.mp4", "list.m3u8", "titled.mp4", "cut.mp4")]
    return [*files, *(f"{secret}/{name}?{SIGNED}" for name in ("404", "500", "slow", "none")), "s3://no-bucket/a.mp4"]


async def submitted(deployment: Deployment, uris: list[str]) -> list[Job]:
    """Jobs over REST, once they have ended; the last one's output goes to a bucket that is not there."""
    once = {"retry_policy": {"max_attempts": 1}, "outputs": [{"name": "o", "thumbnail": {"width": 64}}]}
    bodies: list[dict[str, Any]] = [{"inputs": [{"uri": uri}], **once} for uri in uris]
    bodies.append({"inputs": [{"uri": deployment.talk.as_uri()}], "destination": "s3://no-bucket/out", **once})
    headers = {"Authorization": "Bearer hush-header", "Cookie": "session=hush-cookie"}
    async with httpx.AsyncClient(base_url=deployment.rest, timeout=PATIENCE_SECONDS, headers=headers) as http:
        created = [(await http.post("/v1/jobs?token=hush-query", json=body)).json() for body in bodies]
        created = [
            job if "id" in job else (await http.post("/v1/jobs", json=b)).json()
            for job, b in zip(created, bodies, strict=True)
        ]
    return [await deployment.client.wait(job["id"], 60) for job in created]


async def test_no_job_tells_a_secret(system: tuple[Deployment, Collector]) -> None:
    deployment, spans = system
    async with naughty_server() as address:
        done = await submitted(deployment, inputs(deployment.media, deployment.talk, address))
    assert [job.state for job in done].count(Job.COMPLETED) >= 1
    assert len({job.error.code for job in done}) >= 6, "they fail in different ways"
    told = [str(job.error) for job in done]
    for job in done:
        told += [str(line) async for line in deployment.client.job_logs(job.id)]
        told += [str(event) async for event in deployment.client.watch_job(job.id)]
    assert [text for text in told if SECRET in text] == []
    last = done[-1].id
    await asyncio.to_thread(spans.wait_for, lambda s: s.name == "attempt" and last in str(s))
    assert SECRET not in spans.everything()


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://user:hush-1@host/a?sig=hush-2",
        "file://user:hush-1@host/a",
        "http://user:hush-1@/a",
        "s3://user:hush-1@b/a",
    ],
)
async def test_no_refusal_repeats_a_secret(system: tuple[Deployment, Collector], uri: str) -> None:
    deployment, _ = system
    body = {"inputs": [{"uri": uri}], "outputs": [{"name": "o", "preset": "web-mp4"}], "destination": uri}
    async with httpx.AsyncClient(base_url=deployment.rest, timeout=PATIENCE_SECONDS) as http:
        refused = await http.post("/v1/jobs", json=body)
    assert refused.status_code == 400
    assert SECRET not in refused.text


async def test_no_log_line_has_a_secret(system: tuple[Deployment, Collector]) -> None:
    deployment, _ = system
    lines = [line for process in deployment.all for line in process.log.read_text().splitlines()]
    assert len(lines) > 50
    assert [line for line in lines if SECRET in line] == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE_URL", f"postgresql://app:hush-1/hush-2@{HOST}/x"),
        ("DATABASE_URL", f"mysql://app:hush-1@{HOST}/x"),
        ("QUEUE_URL", f"kafka://app:hush-1@{HOST}:1"),
        ("QUEUE_URL", f"kafka://{HOST}:1/path?sasl.password=hush-1"),
        ("QUEUE_URL", f"kafka://{HOST}:1?sasl.passwort=hush-1"),
        ("QUEUE_URL", "amqp://app:hush-1@host"),
        ("QUEUE_URL", f"kafka://app:hush-1\u2100hush-2@{HOST}:1"),
        ("CACHE_URL", f"redis://app:hush-1/hush-2@{HOST}"),
        ("CACHE_URL", "memcached://app:hush-1@host"),
        ("CACHE_URL", f"redis://app:hush-1\u2100hush-2@{HOST}"),  # Python's own error quotes it
        ("STORAGE_URL", "gs://hush-1@bucket?key=hush-2"),
    ],
)
async def test_a_wrong_setting_is_told_without_its_secret(
    system: tuple[Deployment, Collector], tmp_path: Path, setting: str, value: str
) -> None:
    worker = Reelmill(
        "worker",
        variables={"REELMILL_DATABASE_URL": system[0].database_url, f"REELMILL_{setting}": value},
        data_dir=tmp_path,
    )
    try:
        with pytest.raises(RuntimeError, match="ended with status 1 at its start"):
            await asyncio.to_thread(worker.start)
        printed = worker.log.read_text()
    finally:
        worker.close()
    assert printed.startswith(f"REELMILL_{setting}: ")
    assert SECRET not in printed
