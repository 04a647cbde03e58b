"""Headers of an input go to its own origin, and to no other."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from services.process import HOST

from reelmill.jobs.errors import AttemptFailed
from reelmill.storage.fetch import HttpLimits, fetch_http

TOKEN = "Bearer s3cret"
LIMITS = HttpLimits(allowed=(ip_network("127.0.0.0/8"),), timeout_seconds=30, total_seconds=60)
BODY = b"a clip"


class Site:
    """A server; it notes what it is asked, and with which headers. Answers its body to who has the token."""

    def __init__(self) -> None:
        self.port = 0
        self.moved: dict[str, str] = {}
        """From a path to an address."""
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = lines[0].split()[1]
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        self.asked.append((path, told))
        if path in self.moved:
            answer = f"HTTP/1.1 302 Found\r\nLocation: {self.moved[path]}\r\nContent-Length: 0\r\n"
            body = b""
        elif told.get("authorization") == TOKEN or path == "/open":
            answer, body = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n", BODY
        else:
            answer, body = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n", b""
        writer.write(f"{answer}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def sites() -> AsyncIterator[tuple[Site, Site]]:
    """Two origins."""
    made = Site(), Site()
    servers = [await asyncio.start_server(site.serve, HOST, 0) for site in made]
    for site, server in zip(made, servers, strict=True):
        site.port = server.sockets[0].getsockname()[1]
    yield made
    for server in servers:
        server.close()


async def got(uri: str, folder: Path, headers: dict[str, str]) -> bytes:
    fetched = await fetch_http(uri, folder / "got", limits=LIMITS, max_bytes=1000, headers=headers)
    return fetched.path.read_bytes()


async def test_they_are_sent_and_stay_over_a_redirect_within_the_origin(
    sites: tuple[Site, Site], tmp_path: Path
) -> None:
    site, _ = sites
    site.moved["/here"] = "/there"
    assert await got(site.url("/here"), tmp_path, {"Authorization": TOKEN, "User-Agent": "mine"}) == BODY
    assert [path for path, _ in site.asked] == ["/here", "/there"]
    assert all((told["authorization"], told["user-agent"]) == (TOKEN, "mine") for _, told in site.asked)


async def test_no_other_origin_ever_gets_them(sites: tuple[Site, Site], tmp_path: Path) -> None:
    site, other = sites
    site.moved["/away"] = other.url("/open")
    given = {"Authorization": TOKEN, "X-Api-Key": "k3y", "User-Agent": "mine", "Cookie": "a=b"}
    assert await got(site.url("/away"), tmp_path, given) == BODY
    [(_, told)] = other.asked
    assert not {"authorization", "x-api-key", "cookie"} & told.keys() and told["user-agent"] == "Reelmill"
    # Nor does the first one, where another sent us back to it: that one chose the path.
    site.moved["/away"], other.moved["/back"] = other.url("/back"), site.url("/asked-by-other")
    with pytest.raises(AttemptFailed, match="answered 401"):
        await got(site.url("/away"), tmp_path, given)
    path, told = site.asked[-1]
    assert path == "/asked-by-other" and "authorization" not in told


async def test_what_goes_wrong_tells_nothing_of_them(sites: tuple[Site, Site], tmp_path: Path) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await got(sites[0].url("/closed"), tmp_path, {"Authorization": "Bearer wr0ng"})
    assert caught.value.code == "INPUT_FORBIDDEN" and "wr0ng" not in str(caught.value)
