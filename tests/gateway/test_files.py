"""Uploads and downloads."""

import asyncio
import hashlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import grpc
import httpx
import pytest
from gateway.test_problems import problem
from live import Reelmill
from store.kit import Store
from typer.testing import CliRunner
from waiting import PATIENCE_SECONDS, until

from reelmill.cli.main import app
from reelmill.client import Client
from reelmill.storage.uris import file_path, file_uri
from reelmill.store.database import Database
from reelmill.store.leases import FinishedTask, MadeFile
from reelmill.v1.jobs_pb2 import Output, OutputFile

JOB: dict[str, Any] = {"outputs": [{"name": "sound", "audio": {"format": "MP3"}}]}


@pytest.fixture(scope="module")
def file(live: Reelmill, http: httpx.Client, clip: Path) -> str:
    """Path of a file that a job made of an upload."""
    uploaded = http.post("/v1/uploads", params={"name": "my clip é.mp4"}, content=clip.read_bytes())
    assert uploaded.status_code == 201
    assert uploaded.json()["size_bytes"] == str(clip.stat().st_size)
    made = http.post("/v1/jobs", json=JOB | {"inputs": [{"uri": uploaded.json()["uri"]}]}).json()
    http.get(f"/v1/jobs/{made['id']}/watch")
    done = http.get(f"/v1/jobs/{made['id']}").json()
    assert done["state"] == "COMPLETED", done
    name = done["outputs"][0]["files"][0]["uri"].rsplit("/", 1)[1]
    return f"/v1/jobs/{made['id']}/outputs/sound/{name}"


def test_a_download_is_the_whole_file_with_its_type_and_name(http: httpx.Client, file: str) -> None:
    answer = http.get(file)
    described = http.get(file.split("/outputs/")[0]).json()["outputs"][0]["files"][0]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert answer.headers["etag"] == f'"{described["sha256"]}"'
    assert len(answer.content) == int(described["size_bytes"]) == int(answer.headers["content-length"])
    assert answer.headers["content-disposition"] == f"inline; filename*=UTF-8''{file.rsplit('/', 1)[1]}"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-5", -5, None)]
)
def test_a_range_is_answered(http: httpx.Client, file: str, asked: str, start: int, end: int | None) -> None:
    whole = http.get(file).content
    answer = http.get(file, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, whole[start:end])
    first = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"


def test_a_range_past_the_end_is_a_416(http: httpx.Client, file: str) -> None:
    size = len(http.get(file).content)
    answer = http.get(file, headers={"Range": f"bytes={size}-"})
    problem(answer, 416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_head_has_the_headers_alone(http: httpx.Client, file: str) -> None:
    get, head = http.get(file), http.head(file, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == get.headers[name]


def test_a_copy_that_is_still_good_is_a_304(http: httpx.Client, file: str) -> None:
    etag = http.get(file).headers["etag"]
    same = http.get(file, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert http.get(file, headers={"If-None-Match": '"old"'}).status_code == 200
    changed = http.get(file, headers={"Range": "bytes=0-9", "If-Range": '"old"'})
    assert changed.status_code == 200


def test_names_that_lead_nowhere_say_what_there_is(http: httpx.Client, file: str) -> None:
    job, _, rest = file.partition("/outputs/")
    name = rest.partition("/")[2]
    assert f"its files: {name}" in problem(http.get(f"{job}/outputs/sound/other.mp3"), 404, "NOT_FOUND")["detail"]
    assert "its outputs: sound" in problem(http.get(f"{job}/outputs/other/{name}"), 404, "NOT_FOUND")["detail"]
    problem(http.get(f"{job}/outputs/sound/..%2F..%2Fsecret"), 404, "NOT_FOUND")


def test_a_job_that_is_not_finished_has_no_files(idle_http: httpx.Client) -> None:
    made = idle_http.post("/v1/jobs", json=JOB | {"inputs": [{"uri": "https://example.org/x"}]}).json()
    answer = idle_http.get(f"/v1/jobs/{made['id']}/outputs/sound/sound.mp3")
    assert "is QUEUED: files are there once it is COMPLETED" in problem(answer, 404, "NOT_FOUND")["detail"]


def test_many_files_are_counted_listed_and_fetched_each_by_its_path(
    idle_gateway: Reelmill, idle_api: Reelmill, idle_http: httpx.Client
) -> None:
    names = [f"video/{i // 100}/seg {i} 100%.m4s" for i in range(250)]
    job_id = _finish(idle_api, idle_gateway.folder / "data" / "storage" / "outputs", names)
    job = f"/v1/jobs/{job_id}"
    [output] = idle_http.get(job).json()["outputs"]
    assert (output["file_count"], output["total_bytes"], len(output["files"])) == ("250", "2500", 100)
    assert idle_http.get(job).json()["omitted"] == ["outputs.files"]
    listed: list[str] = []
    token = ""
    while token or not listed:
        page = idle_http.get(f"{job}/outputs/sound/files", params={"page_size": 99, "page_token": token}).json()
        listed += [file["path"] for file in page["files"]]
        token = page.get("next_page_token", "")
    assert listed == names
    with Client(idle_api.grpc) as client:
        assert [file.path for file in client.output_files(job_id, "sound")] == names
        shown = ["job", job_id, "--api", idle_api.grpc]
        assert "and 150 more: reelmill job" in CliRunner().invoke(app, shown).output
        every = json.loads(CliRunner().invoke(app, [*shown, "--files", "--json"]).output)
        assert [file["path"] for file in every["outputs"][0]["files"]] == names

    for path in (quote(names[249]), quote(names[249], safe="")):  # %2F parts folders too
        answer = idle_http.get(f"{job}/outputs/sound/{path}", headers={"Range": "bytes=2-5"})
        assert (answer.status_code, answer.content) == (206, b"cont"), answer.text
        assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''seg%20249%20100%25.m4s"
    secret = idle_gateway.folder / "data" / "storage" / "secret"
    secret.write_text("secret")
    ways = ("../secret", "video/../../secret", "video/2", "video//2", str(secret), names[0] + "/", "x" * 4096)
    for way in ways:
        detail = problem(idle_http.get(f"{job}/outputs/sound/{quote(way, safe='')}"), 404, "NOT_FOUND")["detail"]
        assert f"its files: {', '.join(names[:10])} and 240 more" in detail
    for way in ("%00", "x" * 4097):
        found = problem(idle_http.get(f"{job}/outputs/sound/{way}"), 400, "INVALID_REQUEST")
        assert found["errors"][0]["field"] == "path"
    problem(idle_http.get(f"{job}/outputs/other/files"), 404, "NOT_FOUND")
    problem(idle_http.get(f"/v1/jobs/{uuid4()}/outputs/sound/files"), 404, "NOT_FOUND")
    for token in ("?", "AAAA", "AAAAAAAA"):
        found = problem(
            idle_http.get(f"{job}/outputs/sound/files", params={"page_token": token}), 400, "INVALID_REQUEST"
        )
        assert "next_page_token" in found["errors"][0]["detail"]


def _finish(api: Reelmill, folder: Path, names: list[str]) -> str:
    """A COMPLETED job whose output `sound` became files of these names in a folder, with ten bytes each; its id."""

    async def finish() -> str:
        url = api.environment["REELMILL_DATABASE_URL"]
        database = Database(url, pool_size=2, publish_events=False, application="test")
        await database.start()
        try:
            store = Store(database)
            task = await store.claim(await store.submit(outputs=[Output(name="sound")], prefix=file_uri(folder)))
            made = []
            for i, name in enumerate(names):
                uri = f"{task.output_prefix}sound/{quote(name)}"
                file_path(uri).parent.mkdir(parents=True, exist_ok=True)
                file_path(uri).write_bytes(b"a content.")
                file = OutputFile(uri=uri, path=name, size_bytes=10, sha256=str(i), content_type="video/mp4")
                made.append(MadeFile(output="sound", position=i, file=file))
            await store.leases.complete([FinishedTask(lease=task.lease, files=tuple(made))])
            return task.job.id
        finally:
            await database.stop()

    return asyncio.run(finish())


def uploads(gateway: Reelmill) -> list[Path]:
    folder = gateway.folder / "data" / "storage" / "uploads"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_upload_is_stored_as_it_came(idle_gateway: Reelmill, idle_http: httpx.Client) -> None:
    name = "talk ☃.mov"
    answer = idle_http.post("/v1/uploads", params={"name": name}, content=iter([b"some ", b"bytes"]))
    assert answer.status_code == 201
    scheme, _, rest = answer.json()["uri"].partition(":")
    stored = [path for path in uploads(idle_gateway) if f"{path.parent.name}/{path.name}" == rest]
    assert (scheme, [path.read_bytes() for path in stored]) == ("upload", [b"some bytes"])


@pytest.mark.parametrize("declared", [True, False])
def test_an_upload_over_the_limit_leaves_nothing(
    idle_gateway: Reelmill, idle_http: httpx.Client, declared: bool
) -> None:
    before, content = uploads(idle_gateway), b"x" * 1001
    body: bytes | Iterator[bytes] = content if declared else iter([content[:900], content[900:]])
    answer = idle_http.post("/v1/uploads?name=big.mov", content=body)
    assert "1000 bytes" in problem(answer, 413, "PAYLOAD_TOO_LARGE")["detail"]
    assert uploads(idle_gateway) == before


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("", "name", "is required: the file's name, such as ?name=talk.mov"),
        ("?name=", "name", "is required"),
        ("?name=a&name=b", "name", "is given more than once"),
        (f"?name={quote('../x', safe='')}", "name", "must not begin with a dot"),
        (f"?name={quote('a/b', safe='')}", "name", "nor contain /"),
        ("?name=" + "x" * 201, "name", "is longer than 200 bytes"),
        ("?name=a&other=b", "other", "is not a known query parameter; known: name"),
        (f"?name=a&{'o' * 81}=b", "o" * 80, "is not a known query parameter; known: name"),
        ("?name=%ff", "query", "can't be read: "),
    ],
)
def test_an_upload_needs_a_plain_name(idle_http: httpx.Client, query: str, field: str, words: str) -> None:
    found = problem(idle_http.post(f"/v1/uploads{query}", content=b"x"), 400, "INVALID_REQUEST")
    [told] = found["errors"]
    assert told["field"] == field
    assert words in told["detail"]


def test_an_upload_without_bytes_is_refused(idle_http: httpx.Client) -> None:
    assert "has no bytes" in problem(idle_http.post("/v1/uploads?name=a"), 400, "INVALID_REQUEST")["detail"]


def test_an_upload_that_breaks_off_leaves_nothing(idle_gateway: Reelmill) -> None:
    before = uploads(idle_gateway)
    host, port = idle_gateway.http.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /v1/uploads?name=half.mov HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nhalf")
    folder = idle_gateway.folder / "data" / "storage" / "uploads"
    until(lambda: not list(folder.rglob("*half.mov*")), "half an upload goes")
    assert uploads(idle_gateway) == before


async def rows(api: Reelmill) -> list[tuple[str, str, int | None, str | None]]:
    """URI, state, size and hash of every upload that the api knows, oldest first."""
    connection = await asyncpg.connect(api.environment["REELMILL_DATABASE_URL"])
    try:
        found = await connection.fetch("SELECT uri, state::text, size_bytes, sha256 FROM uploads ORDER BY id")
    finally:
        await connection.close()
    return [tuple(row) for row in found]


def test_an_upload_has_a_row_and_one_that_is_refused_has_none(idle_api: Reelmill, idle_http: httpx.Client) -> None:
    before = asyncio.run(rows(idle_api))
    uri = idle_http.post("/v1/uploads?name=talk.mov", content=b"some bytes").json()["uri"]
    for content in (b"", b"x" * 1001):
        assert idle_http.post("/v1/uploads?name=bad.mov", content=iter([content])).is_client_error
    digest = hashlib.sha256(b"some bytes").hexdigest()
    assert asyncio.run(rows(idle_api))[len(before) :] == [(uri, "COMPLETE", 10, digest)]


class Older(grpc.GenericRpcHandler):
    """An api of the release before: it knows no uploads."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        return None


def test_an_api_of_the_release_before_takes_uploads_as_that_did() -> None:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Older()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        gateway = Reelmill("gateway", api_target=f"127.0.0.1:{port}")
        gateway.ready = "healthz"  # ready it is not: that api answers nothing
        with gateway:
            answer = httpx.post(
                f"{gateway.http}/v1/uploads?name=talk.mov", content=b"some bytes", timeout=PATIENCE_SECONDS
            )
            assert answer.status_code == 201
            [path] = uploads(gateway)
            assert answer.json()["uri"] == f"upload:{path.parent.name}/talk.mov"
            server.stop(None).wait()
            refused = httpx.post(
                f"{gateway.http}/v1/uploads?name=talk.mov", content=b"some bytes", timeout=PATIENCE_SECONDS
            )
            assert (refused.status_code, uploads(gateway)) == (503, [path])
    finally:
        server.stop(None)
