"""A job's secrets do their work, and are found nowhere: not in the database, Redis, Kafka, logs or answers."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
from fault.kit.checker import messages
from fault.kit.deployment import Deployment
from redis.asyncio import Redis
from services.process import HOST

from reelmill.client import errors
from reelmill.media.ciphers import opened
from reelmill.v1.encryption_pb2 import Encryption
from reelmill.v1.jobs_pb2 import Input, Job, Output
from reelmill.v1.operations_pb2 import Thumbnail, VideoSettings
from reelmill.v1.package_pb2 import Package

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "t0ken-that-nobody-is-told-4711"


@asynccontextmanager
async def behind_a_token(file: Path, *, token: str = TOKEN) -> AsyncIterator[tuple[str, set[str]]]:
    """The address of a file that is given to who has the token; `open` in the set opens it, else nobody has it."""
    body, state = file.read_bytes(), {"open"}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        may = f"authorization: bearer {token}\r\n" in head.lower() and "open" in state
        status, data = ("200 OK", body) if may else ("403 Forbidden", b"")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/talk.mp4", state
    finally:
        server.close()


def thumbnail(uri: str, token: str = TOKEN) -> Job:
    given = Input(uri=uri, headers={"Authorization": f"Bearer {token}"})
    return Job(inputs=[given], outputs=[Output(name="still", thumbnail=Thumbnail(times_seconds=[1], width=64))])


async def test_an_input_behind_a_token_is_read_and_the_token_found_nowhere(full: Deployment) -> None:
    async with behind_a_token(full.media / "talk.mp4") as (uri, state):
        created = await full.client.create_job(thumbnail(uri), request_id="with-a-token")
        assert dict(created.inputs[0].headers) == {"Authorization": "redacted"}
        [done] = await full.finish(created)
        assert done.state == Job.COMPLETED, done.error
        shown = await full.client.get_job(created.id, full=True)
        assert dict(shown.inputs[0].headers) == {"Authorization": "redacted"} and shown.receipts
        again = await full.client.create_job(thumbnail(uri), request_id="with-a-token")
        assert again.id == created.id and again.inputs[0].headers["Authorization"] == "redacted"
        with pytest.raises(errors.Conflict):
            await full.client.create_job(thumbnail(uri, "another-t0ken"), request_id="with-a-token")
        # What is tried again is asked with it again.
        state.clear()
        [failed] = await full.finish(await full.client.create_job(thumbnail(uri)))
        assert failed.error.code == "INPUT_FORBIDDEN"
        state.add("open")
        [retried] = await full.finish(await full.client.retry_job(failed.id))
        assert retried.state == Job.COMPLETED, retried.error
        assert retried.inputs[0].headers["Authorization"] == "redacted"
    answers = (created, done, shown, again, failed, retried)
    await found_nowhere(full, answers, TOKEN, base64.b64encode(TOKEN.encode()).decode(), TOKEN.encode().hex())


async def found_nowhere(full: Deployment, answers: Sequence[Job], *forms: str) -> None:
    """A secret, in no form of it, in what was answered, stored, sent or logged; jobs have secrets that are sealed."""
    events = [event async for event in full.client.watch_job(answers[0].id)]
    logs = [line async for line in full.client.job_logs(answers[0].id)]
    told = "".join(map(str, (*answers, events, logs)))
    sent = [m for topic in ("tasks.normal", "events") for m in await asyncio.to_thread(messages, full, topic)]
    found = {
        "answers": told.encode(),
        "database": await database(full.database_url),
        "redis": await redis(full.cache_url),
        "kafka": b"".join((m.key() or b"") + (m.value() or b"") for m in sent),
        "logs": "".join(process.log.read_text() for process in full.all).encode(),
    }
    assert answers[0].id.encode() in found["answers"] and len(found["kafka"]) > 100 and len(found["logs"]) > 100
    assert b"sealed:" in found["database"]
    for place, data in found.items():
        for form in forms:
            assert form.lower().encode() not in data.lower(), place


async def test_packages_are_encrypted_and_their_keys_found_nowhere(full: Deployment) -> None:
    """Given ones, and those of a key server behind a token: in answers, arguments, receipts, disks and logs."""
    key, served, key_id = (bytes(range(start, start + 16)) for start in (161, 177, 1))
    (full.media / "served.key").write_bytes(served)
    spec = Package(rungs=[VideoSettings(height=64, crf=40)], mute=True, protocols=[Package.HLS])
    outputs = [Output(name=name, package=spec) for name in ("given", "served")]
    given = outputs[0].package.encryption
    given.scheme, given.key_uri = Encryption.CBCS, "https://keys.example/{key_id}"
    given.keys.add(key_id=key_id.hex(), key=key.hex())
    async with behind_a_token(full.media / "served.key") as (url, _):
        asked = outputs[1].package.encryption
        asked.scheme, asked.key_uri = Encryption.AES_128, "stream.key"
        asked.key_server.url, asked.key_server.headers["Authorization"] = url, f"Bearer {TOKEN}"
        job = Job(inputs=[Input(uri=(full.media / "talk.mp4").as_uri())], outputs=outputs)
        created = await full.client.create_job(job)
        [done] = await full.finish(created)
        assert done.state == Job.COMPLETED, done.error
        shown = await full.client.get_job(created.id, full=True)
        assert shown.outputs[0].package.encryption.keys[0].key == "redacted" and len(shown.receipts) == 1
        # Who may not ask for it gets none, and is not told what was answered.
        asked.key_server.headers["Authorization"] = "Bearer other"
        [refused] = await full.finish(await full.client.create_job(Job(inputs=job.inputs, outputs=outputs)))
        assert refused.error.code == "KEYS_REFUSED" and "403" in refused.error.message
    files = {file.path: Path(unquote(urlsplit(file.uri).path)) for output in done.outputs for file in output.files}
    assert "#EXT-X-KEY:METHOD=AES-128" in "".join(p.read_text() for p in files.values() if p.name == "index.m3u8")
    listed = {
        output.name: [file for file in output.files if file.path.endswith("/00001.m4s")] for output in done.outputs
    }
    data = Path(unquote(urlsplit(listed["served"][0].uri).path)).read_bytes()
    assert b"moof" not in data and b"moof" in opened(served, bytes(16), data)
    forms = [form for one in (key, served) for form in (one.hex(), base64.b64encode(one).decode())]
    await found_nowhere(full, (created, done, shown, refused), TOKEN, *forms)
    # Nothing of a key stays on a disk: of files that packages are made of, none names one.
    for path in full.folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 2**20 and path != full.media / "served.key":
            data = path.read_bytes()
            assert key not in data and served not in data and key.hex().encode() not in data, path


async def database(url: str) -> bytes:
    """All rows of all tables, bytes as they are."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        found = bytearray()
        for table in tables:
            for row in await connection.fetch(f"SELECT * FROM {table['name']}"):
                for value in row.values():
                    found += value if isinstance(value, bytes) else str(value).encode()
        return bytes(found)
    finally:
        await connection.close()


async def redis(url: str) -> bytes:
    """All that it has, as it dumps it."""
    async with Redis.from_url(url) as client:
        found = bytearray()
        async for key in client.scan_iter():
            kind = await client.type(key)
            if kind == b"hash":
                found += b"".join(name + value for name, value in (await client.hgetall(key)).items())
            elif kind == b"string":
                found += key + (await client.get(key) or b"")
            else:
                found += key + (await client.dump(key) or b"")
        return bytes(found)


async def test_a_secret_is_given_and_not_what_is_shown_of_it(full: Deployment) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        await full.client.create_job(
            thumbnail("https://example.com/a.mp4", "x").__class__(
                inputs=[Input(uri="https://example.com/a.mp4", headers={"Authorization": "redacted"})],
                outputs=thumbnail("https://example.com/a.mp4").outputs,
            )
        )
    assert "redacted" in str(caught.value)
    validated = await full.client.validate_job(thumbnail("https://example.com/a.mp4"))
    assert validated.inputs[0].headers["Authorization"] == "redacted"
