"""Downloads and uploads of both clients over connections that break, from a server that is a few lines."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from reelmill.client import AsyncClient, Backoff, Client, NotFound, ReelmillError
from reelmill.v1 import jobs_pb2 as pb

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Backoff(attempts=4, first_seconds=0.01)


@dataclass
class Server:
    """Serves one file; breaks off after so many bytes of each answer, `cuts` times. Keeps what it was asked."""

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Range and Authorization of each request."""
    received: list[bytes] = field(default_factory=list)
    refuse_uploads: int = 0
    address: str = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                given = self.headers.get("Range", "")
                served.asked.append((given, self.headers.get("Authorization", "")))
                if self.path.endswith("missing"):
                    self.send_error(404)
                    return
                same = self.headers.get("If-Range", "") == f'"{hashlib.sha256(served.content).hexdigest()}"'
                start = int(given.removeprefix("bytes=").removesuffix("-")) if given and same else 0
                self.send_response(206 if start else 200)
                whole = len(served.content)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
                self.send_header("Content-Length", str(whole - start))
                self.end_headers()
                end = start + served.cuts.pop(0) if served.cuts else whole
                self.wfile.write(served.content[start:end])
                self.close_connection = True

            def do_POST(self) -> None:
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                served.received.append(b"".join(parts))
                self.rfile.readline()
                refused = len(served.received) <= served.refuse_uploads
                body = b"{}" if refused else b'{"uri": "upload:u/talk.mov"}'
                self.send_response(503 if refused else 201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), made.handler()) as http:
        made.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield made
        http.shutdown()
        thread.join()


def job(path: str = "web.mp4", sha256: str = SHA256, **fields: Any) -> pb.Job:
    file = pb.OutputFile(path=path, size_bytes=len(CONTENT), sha256=sha256, **fields)
    return pb.Job(id="i", outputs=[pb.Output(name="web", files=[file])])


Act = Callable[[Any], Any]


@pytest.fixture(params=["blocking", "asyncio"])
def act(request: pytest.FixtureRequest, server: Server) -> Callable[[Act], Any]:
    """Does something with each of the two clients: what is awaitable is awaited."""

    def run(do: Act, **options: Any) -> Any:
        settings = {"token": "rm_secret", "backoff": QUICK, **options}
        if request.param == "blocking":
            with Client(server.address, **settings) as client:
                return do(client)

        async def other() -> Any:
            async with AsyncClient(server.address, **settings) as client:
                made = do(client)
                return await made if isinstance(made, Awaitable) else made

        return asyncio.run(other())

    return run


def test_a_download_goes_on_where_it_broke_off(server: Server, act: Any, tmp_path: Path) -> None:
    server.cuts = [100_000, 300_000]
    [path] = act(lambda client: client._view(job()).outputs["web"].download(tmp_path / "out"))
    assert (path, path.read_bytes()) == (tmp_path / "out" / "web.mp4", CONTENT)
    assert [given for given, _ in server.asked] == ["", "bytes=100000-", "bytes=400000-"]
    assert {key for _, key in server.asked} == {"Bearer rm_secret"}
    assert [p.name for p in path.parent.iterdir()] == ["web.mp4"]


def test_a_later_call_goes_on_too_and_one_of_what_is_there_asks_for_nothing(
    server: Server, act: Any, tmp_path: Path
) -> None:
    server.cuts = [100_000]
    with pytest.raises(ReelmillError):
        act(lambda client: client._view(job()).outputs["web"].download(tmp_path), backoff=Backoff(attempts=1))
    for _ in range(2):
        [path] = act(lambda client: client._view(job()).outputs["web"].download(tmp_path))
    assert path.read_bytes() == CONTENT
    assert [given for given, _ in server.asked] == ["", "bytes=100000-"]


def test_a_file_that_is_another_by_now_is_begun_anew_and_refused(server: Server, act: Any, tmp_path: Path) -> None:
    server.cuts = [1000]
    with pytest.raises(ReelmillError):
        act(lambda client: client._view(job()).outputs["web"].download(tmp_path), backoff=Backoff(attempts=1))
    server.content = CONTENT[::-1]
    with pytest.raises(ReelmillError, match="other bytes came") as caught:
        act(lambda client: client._view(job()).outputs["web"].download(tmp_path))
    assert caught.value.code == "DATA_LOSS"
    assert list(tmp_path.iterdir()) == []


def test_one_file_may_get_a_name_of_its_own(act: Any, tmp_path: Path) -> None:
    [path] = act(lambda client: client._view(job("a/b.mp4")).outputs["web"].download(tmp_path / "mine.mp4"))
    assert path == tmp_path / "mine.mp4"
    [path] = act(lambda client: client._view(job("a/b.mp4")).outputs["web"].download(f"{tmp_path}/folder.d/"))
    assert path == tmp_path / "folder.d" / "a" / "b.mp4"


@pytest.mark.parametrize("path", ["../x.mp4", "/etc/x", "a/../../x", "a\\..\\x", "C:x"])
def test_no_name_leads_out_of_the_folder(act: Any, tmp_path: Path, path: str) -> None:
    with pytest.raises(ReelmillError, match="no path below a folder"):
        act(lambda client: client._view(job(path)).outputs["web"].download(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_told(act: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        act(lambda client: client._view(job("missing")).outputs["web"].download(tmp_path))


def test_a_key_goes_to_its_gateway_alone(server: Server, act: Any, tmp_path: Path) -> None:
    signed = job(download_url=f"{server.address}/v1/signed/x?signature=1")
    act(lambda client: client._view(signed).outputs["web"].download(tmp_path))
    assert server.asked == [("", "")]


def test_an_upload_is_sent_again_where_it_can_be_read_again(server: Server, act: Any) -> None:
    server.refuse_uploads = 1
    assert act(lambda client: client.upload(BytesIO(CONTENT), "talk.mov")) == "upload:u/talk.mov"
    assert server.received == [CONTENT, CONTENT]


def test_a_stream_that_can_be_read_once_is_sent_once(server: Server, act: Any) -> None:
    class Once(BytesIO):
        def seekable(self) -> bool:
            return False

    server.refuse_uploads = 1
    with pytest.raises(ReelmillError):
        act(lambda client: client.upload(Once(CONTENT)))
    assert server.received == [CONTENT]
