"""Fetching http inputs from a server that misbehaves: each fault its code, and nothing hangs."""

import asyncio
import gzip
import resource
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_SECONDS, soon

from reelmill.jobs.errors import AttemptFailed, Failure
from reelmill.storage import guarded_http
from reelmill.storage.fetch import Fetched, HttpLimits, fetch_http, look_http
from reelmill.storage.space import Room

BODY = b"a clip " * 1000
MAX_BYTES = 100_000
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
PATIENT = {"timeout_seconds": PATIENCE_SECONDS, "total_seconds": PATIENCE_SECONDS}
SECRETS = "alice:s3cret"
QUERY = "X-Amz-Signature=deadbeef"

# 10 GiB of nothing, packed twice: some kilobytes.
BOMB = gzip.compress(gzip.compress(bytes(2**24)) * 640)

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def head(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *headers, "Connection: close", "", ""]).encode()


def says(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def stalls(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await asyncio.Event().wait()

    return answer


def endless(data: bytes, piece: bytes, pause_seconds: float = 0) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return answer


ANSWERS: dict[str, Answer] = {
    "/ok": says(head(200, f"Content-Length: {len(BODY)}") + BODY),
    "/no-length": says(head(200) + BODY),
    "/chunked": says(head(200, "Transfer-Encoding: chunked") + b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"),
    "/too-much": says(head(200, "Content-Length: 7") + BODY),
    "/empty": says(head(200, "Content-Length: 0")),
    "/cut": says(head(200, f"Content-Length: {len(BODY) + 1}") + BODY),
    "/chunk-cut": says(head(200, "Transfer-Encoding: chunked") + b"ffff\r\nabcd"),
    "/odd-length": says(head(200, "Content-Length: many") + BODY),
    "/announces-much": says(head(200, f"Content-Length: {MAX_BYTES + 1}")),
    "/endless": endless(head(200), bytes(2**14)),
    "/no-http": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "/closes": says(b""),
    "/silent": stalls(b""),
    "/slow-headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05),
    "/stalls": stalls(head(200, f"Content-Length: {len(BODY)}") + BODY[:100]),
    "/drips": endless(head(200), b"x", 0.05),
    "/loop": says(head(302, "Location: /loop")),
    "/moved": says(head(302, "Location: /ok")),
    "/to-file": says(head(302, "Location: file:///etc/passwd")),
    "/to-nonsense": says(head(302, "Location: http://[::bad")),
    "/no-location": says(head(302)),
    "/not-zip": says(head(200, "Content-Encoding: gzip") + BODY),
    "/zipped-twice": says(head(200, "Content-Encoding: gzip, gzip") + BOMB),
    "/zipped-in-parts": says(head(200, "Content-Encoding: gzip", "Content-Encoding: identity") + BOMB),
    "/zipped-on-the-way": says(head(200, "Transfer-Encoding: gzip, chunked") + b"4\r\nabcd\r\n0\r\n\r\n"),
    "/brotli": says(head(200, "Content-Encoding: BR") + BODY),
    "/identity": says(head(200, "Content-Encoding: Identity", f"Content-Length: {len(BODY)}") + BODY),
    "/endless-headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 4096 + b"\r\n"),
    "/to-no-name": says(head(302, "Location: http://a..b/")),
    "/to-no-port": says(head(302, "Location: http://a.example:99999/")),
    "/to-odd-name": says(head(302, "Location: http://xn--a/")),
    "/to-long-label": says(head(302, f"Location: http://{'a' * 64}.com/")),
    "/tagged": says(head(200, 'ETag: "one"', "Last-Modified: Monday", f"Content-Length: {len(BODY)}") + BODY),
    "/tagged-elsewhere": says(head(200, 'ETag: W/"one"', "Last-Modified: Tuesday") + BODY),
    "/tagged-anew": stalls(head(200, 'ETag: "two"', "Last-Modified: Monday", f"Content-Length: {len(BODY)}")),
    "/dated-anew": stalls(head(200, "Last-Modified: Tuesday", f"Content-Length: {len(BODY)}")),
    "/longer": stalls(head(200, 'ETag: "one"', f"Content-Length: {len(BODY) + 1}")),
    "/longer-without-length": says(head(200, 'ETag: "one"') + BODY + b"!"),
    "/tells-nothing": stalls(head(200, f"Content-Length: {len(BODY)}")),
    **{f"/{status}": says(head(status)) for status in (204, 206, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503)},
}


@dataclass
class Web:
    """A server; `asked` counts its requests."""

    port: int = 0
    asked: int = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{SECRETS}@{host}:{self.port}{path}?{QUERY}"


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web, tasks = Web(), set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            web.asked += 1
            await ANSWERS[target.partition("?")[0]](writer)
            await writer.drain()
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    yield web
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def fetched(uri: str, target: Path, **options: Any) -> Fetched:
    settings = {"allowed": EVERYWHERE, "timeout_seconds": 0.3, "total_seconds": 0.6}
    rest = {name: options.pop(name) for name in ("max_bytes", "room", "expected") if name in options}
    limits = HttpLimits(**(settings | options))
    return await soon(fetch_http(uri, target, limits=limits, **({"max_bytes": MAX_BYTES} | rest)))


async def fetch(uri: str, target: Path, **options: Any) -> int:
    return (await fetched(uri, target, **options)).size_bytes


async def refusal(uri: str, target: Path, **options: Any) -> Failure:
    """Its message is safe to show."""
    with pytest.raises(AttemptFailed) as caught:
        await fetch(uri, target, **options)
    told = caught.value.failure.message
    assert not [secret for secret in ("alice", "s3cret", "deadbeef") if secret in told]
    return caught.value.failure


async def failure(uri: str, target: Path, **options: Any) -> str:
    """The code."""
    return (await refusal(uri, target, **options)).code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ok", BODY),
        ("/no-length", BODY),
        ("/chunked", b"abcdef"),
        ("/too-much", BODY[:7]),
        ("/moved", BODY),
        ("/identity", BODY),
    ],
)
async def test_a_good_answer_is_written_whole(web: Web, tmp_path: Path, path: str, body: bytes) -> None:
    assert await fetch(web.url(path), tmp_path / "got", **PATIENT) == len(body)
    assert (tmp_path / "got").read_bytes() == body


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *[(f"/{status}", "INPUT_NOT_FOUND") for status in (404, 410)],
        *[(f"/{status}", "INPUT_UNAVAILABLE") for status in (408, 429, 500, 502, 503)],
        *[(f"/{status}", "INPUT_FORBIDDEN") for status in (204, 206, 400, 401, 403)],
        ("/empty", "INPUT_EMPTY"),
        ("/announces-much", "INPUT_TOO_LARGE"),
        ("/endless", "INPUT_TOO_LARGE"),
        *[(path, "INPUT_UNAVAILABLE") for path in ("/cut", "/chunk-cut", "/odd-length", "/no-http", "/closes")],
        *[(path, "INPUT_UNSUPPORTED") for path in ("/not-zip", "/zipped-twice", "/zipped-in-parts", "/brotli")],
        *[(path, "INPUT_UNAVAILABLE") for path in ("/zipped-on-the-way", "/endless-headers")],
        *[(path, "INPUT_FORBIDDEN") for path in ("/to-no-name", "/to-odd-name", "/to-long-label", "/to-no-port")],
        *[(path, "INPUT_TIMEOUT") for path in ("/silent", "/slow-headers", "/stalls", "/drips")],
        *[(path, "INPUT_FORBIDDEN") for path in ("/loop", "/to-file", "/no-location")],
        ("/to-nonsense", "INPUT_UNAVAILABLE"),
    ],
)
async def test_a_bad_answer_has_its_code(web: Web, tmp_path: Path, path: str, code: str) -> None:
    # Only what is to run out of time has little of it.
    patience = {} if code == "INPUT_TIMEOUT" else PATIENT
    assert await failure(web.url(path), tmp_path / "got", **patience) == code


CALM = PATIENT  # fourteen at once
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "/404": ("@ answered 404", CALM),
    "/503": ("@ answered 503", CALM),
    "/403": ("@ answered 403", CALM),
    "/empty": ("@ has no bytes", CALM),
    "/announces-much": ("@ is larger than 100000 bytes (setting input_max_bytes)", CALM),
    "/endless": ("@ is larger than 100000 bytes (setting input_max_bytes)", CALM),
    "/brotli": ("@ answered with Content-Encoding 'br'; serve the file as it is", CALM),
    "/loop": ("@ redirects more than 5 times", CALM),
    "/to-file": ("@ leads to an address that is not fetched: ", CALM),
    "/closes": ("@: ", CALM),
    "/silent": ("@ sent nothing for 0.3 s (setting fetch_timeout_seconds)", CALM | {"timeout_seconds": 0.3}),
    "/slow-headers": ("@ took longer than 0.6 s (setting fetch_total_seconds)", CALM | {"total_seconds": 0.6}),
    "/drips": (
        " bytes in 1 s; the least is 1000 bytes a second (setting fetch_min_bytes_per_second)",
        CALM | {"timeout_seconds": 1.0, "least_bytes_per_second": 1000.0},
    ),
    "/ok": (
        "@: 127.0.0.1 has the private address 127.0.0.1; REELMILL_HTTP_ALLOWED_NETWORKS lists",
        CALM | {"allowed": ()},
    ),
}


async def test_what_went_wrong_is_told_with_the_address_the_bound_and_its_setting(web: Web, tmp_path: Path) -> None:
    async def told(path: str) -> str:
        return (await refusal(web.url(path), tmp_path / path[1:], **TOLD[path][1])).message

    messages = dict(zip(TOLD, await asyncio.gather(*map(told, TOLD)), strict=True))
    for path, message in messages.items():
        shown = f"http://127.0.0.1:{web.port}{path}?…"
        assert message.startswith(shown), path
        assert TOLD[path][0].replace("@", shown) in message, path
    assert messages["/drips"].startswith(f"http://127.0.0.1:{web.port}/drips?… sent ")
    full = await refusal(web.url("/ok"), Path("/dev/full"), **PATIENT)
    assert full.message == "the input can't be written to the worker's disk: No space left on device"
    first = await fetched(web.url("/tagged"), tmp_path / "got", **PATIENT)
    anew = await refusal(web.url("/longer"), tmp_path / "got", expected=first.validator, **PATIENT)
    assert anew.message.startswith(f"http://127.0.0.1:{web.port}/longer?… was changed since the job first read it: ")


async def test_redirects_end_after_five(web: Web, tmp_path: Path) -> None:
    await failure(web.url("/loop"), tmp_path / "got", **PATIENT)
    assert web.asked == 6


async def test_a_server_that_is_not_there_is_worth_another_try(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert await failure(f"http://127.0.0.1:{port}/a", tmp_path / "got", **PATIENT) == "INPUT_UNAVAILABLE"
    assert await failure("http://no-such-host.invalid/a", tmp_path / "got", **PATIENT) == "INPUT_UNAVAILABLE"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"])
async def test_private_addresses_are_refused_and_never_asked(web: Web, tmp_path: Path, host: str) -> None:
    code = await failure(web.url("/ok", host), tmp_path / "got", allowed=(), **PATIENT)
    assert code == "INPUT_FORBIDDEN"
    assert web.asked == 0


async def test_a_redirect_to_a_private_address_is_refused(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first connection is let through as if it went to a public host; the one to the target is not.
    verdicts = iter([True, False])
    monkeypatch.setattr(guarded_http, "may_connect", lambda address, allowed: next(verdicts))
    code = await failure(web.url("/moved"), tmp_path / "got", allowed=(), **PATIENT)
    assert code == "INPUT_FORBIDDEN"
    assert web.asked == 1


async def test_a_name_with_one_private_address_among_public_ones_is_refused(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int, **options: object) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    code = await failure("http://example.org/a", tmp_path / "got", allowed=(), **PATIENT)
    assert code == "INPUT_FORBIDDEN"


async def test_a_name_that_is_not_resolved_in_time_hangs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int, **options: object) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    code = await failure("http://example.org/a", tmp_path / "got", allowed=(), total_seconds=9)
    assert code == "INPUT_TIMEOUT"


async def test_the_next_address_is_tried_where_one_has_no_route(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(host: str, port: int, **options: object) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in ("::1", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(guarded_http, "may_connect", lambda address, allowed: True)
    size = await fetch(web.url("/ok", "example.org"), tmp_path / "got", allowed=(), **PATIENT)
    assert size == len(BODY)


async def test_a_full_disk_of_the_worker_is_told_as_such(web: Web, tmp_path: Path) -> None:
    assert await failure(web.url("/ok"), Path("/dev/full"), **PATIENT) == "DISK_FULL"
    assert await failure(web.url("/ok"), tmp_path / "none" / "got", **PATIENT) == "DISK_FULL"


async def test_what_is_packed_is_not_unpacked(web: Web, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await failure(web.url("/zipped-twice"), tmp_path / "got", max_bytes=2**40, **PATIENT) == "INPUT_UNSUPPORTED"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 2**10  # in KiB
    assert not (tmp_path / "got").exists()


async def test_an_endless_input_leaves_the_reserve_of_the_disk(web: Web, tmp_path: Path) -> None:
    reserve = shutil.disk_usage(tmp_path).free - 2**26
    code = await failure(web.url("/endless"), tmp_path / "got", max_bytes=2**40, room=Room(reserve), **PATIENT)
    assert code == "DISK_FULL"
    assert (tmp_path / "got").stat().st_size <= 2**27  # others write to this disk, too


async def test_what_comes_too_slowly_is_given_up_long_before_its_time(web: Web, tmp_path: Path) -> None:
    patience = {"timeout_seconds": 0.5, "total_seconds": 3600}
    assert (
        await failure(web.url("/drips"), tmp_path / "got", least_bytes_per_second=1000, **patience) == "INPUT_TIMEOUT"
    )
    with pytest.raises(TimeoutError):  # without a least speed it goes on
        async with asyncio.timeout(2):
            await fetch(web.url("/drips"), tmp_path / "got", **patience)


async def test_a_network_that_is_allowed_is_reached_and_no_other(web: Web, tmp_path: Path) -> None:
    allowed = (ip_network("127.0.0.0/30"),)
    assert await fetch(web.url("/ok"), tmp_path / "got", **PATIENT | {"allowed": allowed}) == len(BODY)
    assert await failure(web.url("/ok", "127.0.0.9"), tmp_path / "got", **PATIENT | {"allowed": allowed}) == (
        "INPUT_FORBIDDEN"
    )


async def test_what_was_changed_since_it_was_fetched_is_refused_before_its_body_is_read(
    web: Web, tmp_path: Path
) -> None:
    first = await fetched(web.url("/tagged"), tmp_path / "got", **PATIENT)
    for path in ("/tagged", "/tagged-elsewhere"):
        again = await fetched(web.url(path), tmp_path / "got", expected=first.validator, **PATIENT)
        assert again.size_bytes == first.size_bytes == first.validator.size_bytes, path
    for path in ("/tagged-anew", "/dated-anew", "/longer", "/longer-without-length", "/tells-nothing"):
        told = await failure(web.url(path), tmp_path / "got", expected=first.validator, **PATIENT)
        assert told == "INPUT_CHANGED", path
    untold = await fetched(web.url("/no-length"), tmp_path / "got", **PATIENT)
    assert await fetch(web.url("/ok"), tmp_path / "got", expected=untold.validator, **PATIENT) == len(BODY)
    assert await failure(web.url("/longer"), tmp_path / "got", expected=untold.validator, **PATIENT) == "INPUT_CHANGED"


async def test_what_an_address_is_now_is_told_without_its_body(web: Web, tmp_path: Path) -> None:
    limits = HttpLimits(allowed=EVERYWHERE, **PATIENT)
    first = await fetched(web.url("/tagged"), tmp_path / "got", **PATIENT)
    assert await look_http(web.url("/tagged"), limits=limits) == first.validator
    told = await look_http(web.url("/longer"), limits=limits)  # whose body never ends
    assert told.size_bytes == len(BODY) + 1
    for path, code in {"/tagged-anew": "INPUT_CHANGED", "/404": "INPUT_NOT_FOUND", "/loop": "INPUT_FORBIDDEN"}.items():
        with pytest.raises(AttemptFailed, match=code):
            await look_http(web.url(path), limits=limits, expected=first.validator)
