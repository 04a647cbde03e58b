"""A full disk, and storage that fails at each call: told, retried where that helps, nothing left behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
import pytest_asyncio
from fault.conftest import QUICK, checked
from fault.kit.deployment import Deployment
from fault.kit.proxy import Proxy
from moto.server import ThreadedMotoServer
from services.databases import Databases
from services.process import HOST

from reelmill.v1.jobs_pb2 import Job

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_BUCKET = "s3://bucket/talk.mp4"
AWS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def s3(clip: Path) -> Iterator[str]:
    """An S3-compatible server with a bucket that holds a clip: its address."""
    server = ThreadedMotoServer(ip_address=HOST, port=0)
    server.start()
    _, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{HOST}:{port}", **keys)
    client.create_bucket(Bucket="bucket")
    client.upload_file(str(clip), "bucket", "talk.mp4")
    yield f"http://{HOST}:{port}"
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(s3: str) -> AsyncIterator[Proxy]:
    """Stands before it."""
    async with Proxy(urlsplit(s3).port or 0) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(databases: Databases, proxy: Proxy, s3: str, clip: Path) -> AsyncIterator[Deployment]:
    """PostgreSQL alone, with storage behind the proxy."""
    settings = QUICK | AWS | {"REELMILL_S3_ENDPOINT": f"http://{HOST}:{proxy.port}"}
    async with checked(databases, clip, workers=1, settings=settings, s3_address=s3) as deployment:
        yield deployment


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _restored(proxy: Proxy) -> AsyncIterator[None]:
    yield
    await proxy.restore()


def _s3_job(system: Deployment, uri: str = "") -> Job:
    """A job that writes into the bucket, and reads what is at `uri`, or the local clip."""
    job = system.quick_job(system.talk)
    job.inputs[0].uri = uri or job.inputs[0].uri
    job.destination = "s3://bucket/out/"
    job.retry_policy.initial_backoff.FromMilliseconds(200)
    job.retry_policy.max_attempts = 20
    return job


async def test_storage_that_is_away_for_a_while(whole: Deployment, proxy: Proxy) -> None:
    await proxy.cut()
    [job] = await whole.submit(_s3_job(whole))
    waiting = await whole.until(job, lambda j: j.HasField("error"))
    assert waiting.error.code == "OUTPUT_UNAVAILABLE"
    await proxy.restore()
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error


async def test_storage_that_refuses_for_good(whole: Deployment) -> None:
    job = _s3_job(whole)
    job.destination = "s3://no-such-bucket/out/"
    [done] = await whole.finish(*await whole.submit(job))
    assert (done.state, done.attempt) == (Job.FAILED, 1), done.error
    assert done.error.code == "OUTPUT_NOT_WRITABLE"


async def test_storage_that_fails_at_any_single_call(whole: Deployment, proxy: Proxy) -> None:
    calls = await _calls_of_a_job(whole, proxy)
    for call in range(1, calls + 1):
        proxy.fail(call, times=1)
        [done] = await whole.finish(*await whole.submit(_s3_job(whole, IN_BUCKET)))
        assert (done.state, done.attempt) == (Job.COMPLETED, 1), (call, done.error)


async def test_storage_that_fails_from_any_call_on(whole: Deployment, proxy: Proxy) -> None:
    calls = await _calls_of_a_job(whole, proxy)
    for call in range(1, calls + 1):
        proxy.fail(call)
        [job] = await whole.submit(_s3_job(whole, IN_BUCKET))
        waiting = await whole.until(job, lambda j: j.HasField("error"))
        assert (waiting.error.code, waiting.error.retryable) in (
            ("INPUT_UNAVAILABLE", True),
            ("OUTPUT_UNAVAILABLE", True),
        ), call
        await proxy.restore()
        [done] = await whole.finish(job)
        assert done.state == Job.COMPLETED, (call, done.error)


async def _calls_of_a_job(system: Deployment, proxy: Proxy) -> int:
    """How often a job that goes well speaks to the storage."""
    before = proxy.calls
    await system.finish(*await system.submit(_s3_job(system, IN_BUCKET)))
    return proxy.calls - before


async def test_a_slow_upload_is_waited_for(whole: Deployment, proxy: Proxy) -> None:
    proxy.delay(1)
    [job] = await whole.submit(_s3_job(whole))
    [done] = await whole.finish(job)
    assert (done.state, done.attempt) == (Job.COMPLETED, 1), done.error


@pytest.mark.parametrize("full", ["data/work", "media/out"])
async def test_a_full_disk(whole: Deployment, full: str) -> None:
    folder = whole.folder / full
    folder.mkdir(parents=True, exist_ok=True)
    await _run("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder))
    try:
        [job] = await whole.submit(whole.short_encode(whole.talk))
        failed = await whole.until(job, lambda j: j.HasField("error"))
    finally:
        await _run("umount", "-l", str(folder))
    assert (failed.error.code, failed.error.retryable) == ("DISK_FULL", True)
    [done] = await whole.finish(job)
    assert done.state == Job.COMPLETED, done.error


async def _run(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
    _, printed = await process.communicate()
    if process.returncode != 0:
        pytest.skip(f"{' '.join(argv)} is not possible here: {printed.decode().strip()}")
