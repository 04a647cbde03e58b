"""Slow, large and too many: what one connection and all of them may take, over real sockets."""

import asyncio
import json
import re
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx
import pytest
from gateway.test_problems import JOB, problem
from httpx_sse import connect_sse
from live import Reelmill
from services.process import HOST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send
from waiting import PATIENCE_SECONDS, patient

from reelmill.gateway.connections import ConnectionLimits, protocol
from reelmill.serving import running_http

SLOW = 300
LARGE_ENDED = asyncio.Event()


@pytest.fixture(scope="module")
def narrow(idle_api: Reelmill) -> Iterator[Reelmill]:
    """A gateway that takes 40 connections, and heads within a second."""
    with Reelmill("gateway", api_target=idle_api.grpc, http_max_connections=40, http_head_seconds=1) as gateway:
        yield gateway


def connected(gateway: Reelmill, sent: bytes) -> socket.socket:
    host, _, port = gateway.http.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)
    connection.sendall(sent)
    return connection


def rest(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def test_hundreds_of_slow_heads_keep_nobody_out_and_are_closed_in_time(narrow: Reelmill) -> None:
    with ExitStack() as stack, httpx.Client(base_url=narrow.http, timeout=PATIENCE_SECONDS) as client:
        began = time.monotonic()
        slow = [connected(narrow, b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX: ") for _ in range(SLOW)]
        for connection in slow:
            stack.enter_context(connection)
        assert client.get("/v1/jobs").status_code == 200
        assert client.get("/readyz").status_code == 200
        answers = [rest(connection) for connection in slow]  # raises TimeoutError where one stays open
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert sum(answer.startswith(b"HTTP/1.1 408 ") for answer in answers) in range(1, 41)
    assert {answer[:12] for answer in answers} == {b"", b"HTTP/1.1 408"}, "those that gave way are closed silently"
    assert json.loads(answers[-1].partition(b"\r\n\r\n")[2])["code"] == "REQUEST_TIMEOUT"


def test_heads_that_are_dripped_and_connections_that_are_silent_end_too(narrow: Reelmill) -> None:
    with connected(narrow, b"") as silent, connected(narrow, b"GET /healthz HTTP/1.1\r\n") as dripped:
        began = time.monotonic()
        while not select.select([dripped], [], [], 0.05)[0]:
            dripped.sendall(b"X: y\r\n")
            assert time.monotonic() - began < PATIENCE_SECONDS
        assert rest(silent) == b""


def test_a_second_request_on_a_connection_has_its_time_too(narrow: Reelmill) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(narrow, whole + whole[:20]) as connection:
        answers = rest(connection)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert statuses == [b"200", b"408"]


def test_watches_leave_connections_for_others(narrow: Reelmill) -> None:
    with ExitStack() as stack, httpx.Client(base_url=narrow.http, timeout=PATIENCE_SECONDS) as client:
        job_id = client.post("/v1/jobs", json=JOB).json()["id"]
        path = f"/v1/jobs/{job_id}/watch"
        streams = []
        for _ in range(30):
            watcher = stack.enter_context(httpx.Client(base_url=narrow.http, timeout=PATIENCE_SECONDS))
            source = stack.enter_context(connect_sse(watcher, "GET", path))
            streams.append(source.iter_sse())  # kept: its end would be the stream's
            assert next(streams[-1]).json()["state"] == "QUEUED"
        assert problem(client.get(path), 503, "TOO_MANY_WATCHES")
        assert client.get(f"/v1/jobs/{job_id}").status_code == 200
        stack.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:  # until the api has heard that they left
            with client.stream("GET", path) as again:
                if again.status_code == 200:
                    return
            assert time.monotonic() < deadline


# One server of a small application, with limits that are quick to reach.


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body's size; to /large with more than fits; to /wait never."""
    if scope["path"] == "/wait":
        async with patient():
            while (await receive())["type"] != "http.disconnect":
                pass
        return
    size = 0
    async for piece in Request(scope, receive).stream():
        size += len(piece)
    content = "x" * 50_000_000 if scope["path"] == "/large" else str(size)
    await PlainTextResponse(content)(scope, receive, send)
    if scope["path"] == "/large":
        LARGE_ENDED.set()


@pytest.fixture
async def quick() -> AsyncIterator[int]:
    """Its port."""
    limits = ConnectionLimits(
        connections=3,
        head_seconds=60,
        head_bytes=10_000,
        head_fields=20,
        body_window_seconds=0.3,
        body_bytes_per_second=1000,
        unread_seconds=0.3,
    )
    application = Starlette(routes=[Mount("/", app=echo)])
    async with running_http("test_http", application, HOST, 0, protocol=protocol(limits)) as port:
        yield port


async def sent(port: int, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(HOST, port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    return reader, writer


async def answered(port: int, *pieces: bytes) -> tuple[int, bytes]:
    """Status and body of what comes until the other side closes."""
    reader, writer = await sent(port, *pieces)
    async with patient():
        found = await reader.read()
    writer.close()
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def head(*fields: str, path: str = "/") -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *fields, "", "")).encode()


@pytest.mark.parametrize(
    "pieces",
    [
        (head(f"X: {'y' * 11_000}"),),
        (head(path="/" + "y" * 11_000),),
        (head(*["X: y"] * 30),),
        (b"POST / HTTP/1.1\r\nX: ", *[b"y" * 1000] * 20),  # which never ends
        (b"POST /" + b"y" * 11_000,),
    ],
    ids=["a long field", "a long address", "many fields", "an endless field", "an endless address"],
)
async def test_a_large_head_is_refused(quick: int, pieces: tuple[bytes, ...]) -> None:
    status, body = await answered(quick, *pieces)
    told = json.loads(body)
    assert (status, told["code"], told["status"]) == (431, "HEADERS_TOO_LARGE", 431)
    assert told["detail"] == "the request's head has more than 10000 bytes or 20 fields"


async def test_what_is_within_the_limits_is_answered(quick: int) -> None:
    assert await answered(quick, head(*["X: y"] * 16, f"Y: {'y' * 9000}", "Content-Length: 3"), b"abc") == (200, b"3")
    assert await answered(quick, head("Content-Length: 3000000"), b"x" * 3_000_000) == (200, b"3000000")


async def test_a_slow_body_ends_and_a_steady_one_does_not(quick: int) -> None:
    status, body = await answered(quick, head("Content-Length: 1000"), b"x")
    assert (status, json.loads(body)["code"]) == (408, "REQUEST_TIMEOUT")
    assert json.loads(body)["detail"] == "the body came slower than 1000 bytes/s over 0.3 s"

    async with patient():
        while True:
            answer, longest_pause = await dripped(quick)
            if longest_pause < 0.1:  # else we were not steady ourselves
                break
    assert answer.endswith(b"2000")


async def dripped(port: int) -> tuple[bytes, float]:
    """The answer to a body of 2,000 bytes a second, over three windows, and the longest time without any of them."""
    reader, writer = await sent(port, head("Content-Length: 2000"))
    last, longest = time.monotonic(), 0.0
    for _ in range(20):
        writer.write(b"x" * 100)
        await asyncio.sleep(0.05)
        now = time.monotonic()
        last, longest = now, max(longest, now - last)
    answer = await reader.read()
    writer.close()
    return answer, longest


async def test_a_client_that_takes_nothing_is_left(quick: int) -> None:
    _, writer = await sent(quick, head("Content-Length: 0", path="/large"))
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    LARGE_ENDED.clear()
    async with patient():
        assert await LARGE_ENDED.wait(), "the gateway has given up the answer"
    writer.close()


async def test_only_idle_connections_give_way(quick: int) -> None:
    busy = [await sent(quick, head("Content-Length: 0", path="/wait")) for _ in range(2)]
    idle, writer = await sent(quick)
    assert await answered(quick, head("Content-Length: 0")) == (200, b"0")
    assert await idle.read() == b"", "it gave way"
    writer.close()
    busy.append(await sent(quick, head("Content-Length: 0", path="/wait")))
    status, body = await answered(quick, head("Content-Length: 0"))
    assert (status, json.loads(body)["code"]) == (503, "TOO_MANY_CONNECTIONS")
    assert json.loads(body)["detail"] == "all connections are busy; try again (http_max_connections)"
    reader, writer = await sent(quick)  # whatever comes, or nothing
    fields = (await reader.read()).partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert fields[0] == b"HTTP/1.1 503 Service Unavailable"
    assert {b"Retry-After: 1", b"Connection: close", b"Content-Type: application/problem+json"} < set(fields)
    writer.close()
    for _, writer in busy:
        writer.close()


async def test_one_that_has_left_is_no_idle_one(quick: int) -> None:
    for _ in range(3):
        reader, writer = await sent(quick, head("Content-Length: 0"))
        assert (await reader.read()).endswith(b"0")
        writer.close()
        _, silent = await sent(quick)
        silent.close()
        await silent.wait_closed()
    busy = [await sent(quick, head("Content-Length: 0", path="/wait")) for _ in range(2)]
    idle, writer = await sent(quick)
    assert await answered(quick, head("Content-Length: 0")) == (200, b"0")
    async with patient():
        assert await idle.read() == b"", "it gave way, and not one that was gone already"
    for _, other in [*busy, (idle, writer)]:
        other.close()


async def test_two_that_come_at_once_have_each_the_place_of_another(quick: int) -> None:
    idle = [await sent(quick) for _ in range(2)]
    busy = await sent(quick, head("Content-Length: 0", path="/wait"))
    with ExitStack() as stack:
        for _ in range(2):  # the server does not run between them
            stack.enter_context(socket.create_connection((HOST, quick), timeout=PATIENCE_SECONDS))
        async with patient():
            assert [await reader.read() for reader, _ in idle] == [b"", b""], "both gave way"
    for _, writer in (*idle, busy):
        writer.close()
