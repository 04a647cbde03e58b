"""Files sent to signed addresses by plain curl, and fetched from such: through the gateway, and at a bucket itself."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from jobs import STILL, job
from live import Reelmill
from services.moto import Moto

from reelmill.client import Client
from reelmill.v1 import jobs_pb2

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def local() -> Iterator[Reelmill]:
    """Files lie in a folder."""
    with Reelmill("up", upload_max_bytes=50_000_000, worker_slots=1) as system:
        yield system


@pytest.fixture(scope="module")
def bucket() -> Iterator[Reelmill]:
    """Files lie in a bucket."""
    with Moto() as moto:
        httpx.put(f"{moto.url}/bucket", timeout=60).raise_for_status()
        settings = {"storage_url": "s3://bucket/reelmill", "s3_endpoint": moto.url, "worker_slots": 1}
        with Reelmill("up", variables=CREDENTIALS, **settings) as system:
            yield system


def signed(system: Reelmill, **request: Any) -> dict[str, Any]:
    """An upload's URI, and its address as curl takes it."""
    answer = httpx.post(f"{system.http}/v1/uploads:sign", json={"name": "my clip.mp4", **request}, timeout=60)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    if told["upload_url"].startswith("/"):
        told["upload_url"] = system.http + told["upload_url"]
    return told


def curl(*arguments: object) -> tuple[int, bytes]:
    """Status and body of a request."""
    argv = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"]
    made = subprocess.run([*argv, *map(str, arguments)], capture_output=True, check=True)
    body, _, status = made.stdout.rpartition(b"\n")
    return int(status), body


def ended(system: Reelmill, uri: str) -> jobs_pb2.Job:
    """A job that read an upload, with addresses of its files."""
    with Client(system.grpc) as client:
        made = client.wait(client.create_job(job(uri, STILL)).id, 60)
        return client.get_job(made.id, signed_urls_seconds=60)


@pytest.mark.parametrize("kind", ["local", "bucket"])
def test_curl_sends_a_file_and_fetches_what_a_job_made_of_it(
    request: pytest.FixtureRequest, kind: str, clip: Path
) -> None:
    system = request.getfixturevalue(kind)
    told = signed(system, max_bytes=str(clip.stat().st_size))
    # Nothing was sent yet.
    assert ended(system, told["uri"]).error.code == "INPUT_NOT_FOUND"
    status, body = curl("-T", clip, told["upload_url"])
    assert status in (200, 201), body
    made = ended(system, told["uri"])
    assert made.state == jobs_pb2.Job.COMPLETED, made.error
    [file] = made.outputs[0].files
    url = file.download_url if file.download_url.startswith("http") else system.http + file.download_url
    status, body = curl(url)
    assert (status, len(body)) == (200, file.size_bytes) and body.startswith(b"\xff\xd8")
    if kind == "local":  # an address to fetch from is none to send to, and the other way round
        assert curl("-T", clip, url)[0] == 403
        assert curl(told["upload_url"])[0] == 403
    else:  # moto takes what is signed in whatever way; that S3 does not is S3's to hold
        for address in (url, told["upload_url"]):
            query = parse_qs(urlsplit(address).query)
            assert query["X-Amz-SignedHeaders"] == ["host"] and len(query["X-Amz-Signature"][0]) == 64
            assert query["X-Amz-Expires"] == ["60" if address == url else "3600"]


def test_an_address_of_the_gateway_takes_no_more_than_it_says(local: Reelmill, tmp_path: Path) -> None:
    told = signed(local, max_bytes="10")
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "small").write_bytes(b"x" * 10)
    for more in ((), ("-H", "Transfer-Encoding: chunked")):
        status, body = curl("-T", tmp_path / "large", *more, told["upload_url"])
        assert (status, json.loads(body)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert ended(local, told["uri"]).error.code == "INPUT_NOT_FOUND"
    assert curl("-T", tmp_path / "small", told["upload_url"])[0] == 201
    # What came whole stays, whatever is sent after it.
    for more in ((), ("-H", "Transfer-Encoding: chunked")):
        assert curl("-T", tmp_path / "large", *more, told["upload_url"])[0] == 413
    assert curl("-T", "/dev/null", told["upload_url"])[0] == 400
    assert ended(local, told["uri"]).error.code == "INPUT_NOT_MEDIA"  # it was read
    for wrong in ("max_bytes", "lifetime", "name"):
        value = {"max_bytes": "50000001", "lifetime": "604801s", "name": ""}[wrong]
        answer = httpx.post(f"{local.http}/v1/uploads:sign", json={"name": "a", wrong: value}, timeout=60)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, wrong), answer.text


def test_an_address_of_the_gateway_is_refused_changed_and_when_it_expired(local: Reelmill, clip: Path) -> None:
    told = signed(local, lifetime="2s")
    url, other = told["upload_url"], signed(local)
    parts, elsewhere = urlsplit(url), urlsplit(other["upload_url"])
    for changed in (
        f"{local.http}{elsewhere.path}?{parts.query}",
        url.replace("max_bytes=5", "max_bytes=6"),
        url.replace("/uploads/", "/outputs/"),
        url.partition("?")[0],
    ):
        assert changed != url
        status, body = curl("-T", clip, changed)
        assert (status, json.loads(body)["code"]) == (403, "ADDRESS_REFUSED"), changed
    deadline = time.monotonic() + 30
    while (status := curl("-T", clip, url)[0]) == 201:
        assert time.monotonic() < deadline
    assert status == 403


def test_a_bucket_takes_more_and_then_nobody_reads_it(bucket: Reelmill, clip: Path) -> None:
    told = signed(bucket, max_bytes=str(clip.stat().st_size - 1))
    assert curl("-T", clip, told["upload_url"])[0] == 200
    assert ended(bucket, told["uri"]).error.code == "INPUT_TOO_LARGE"
    assert ended(bucket, told["uri"]).error.code == "INPUT_NOT_FOUND"  # it was deleted
    assert signed(bucket)["max_bytes"] == str(5 * 2**30), "as much as one PUT takes"
