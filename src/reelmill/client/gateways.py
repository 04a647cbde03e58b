"""How calls and files go by REST, blocking and for asyncio. Both raise ReelmillError, and nothing of httpx's."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from reelmill.client import rest
from reelmill.client.calls import Answer, Call
from reelmill.client.channel import Place
from reelmill.client.errors import ReelmillError, Unavailable
from reelmill.client.files import Download, Upload

_EVENTS = "text/event-stream"
_SILENCE_SECONDS = 45.0  # of a watch; the gateway says something each 15 s
_FILE_SECONDS = 60.0  # of silence
_OCTETS = {"Content-Type": "application/octet-stream"}


class Rest:
    """A gateway, for ordinary code. Connects at the first call."""

    def __init__(self, where: Place) -> None:
        self._http = httpx.Client(**_options(where))
        self._base = where.gateway

    def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        with _told():
            found = self._http.send(self._http.build_request(**_sent(call), timeout=timeout_seconds))
        return _answered(call, found, found.content)

    def events(self, call: Call[Answer], timeout_seconds: float | None) -> Generator[Answer, None, None]:
        """One connection's answers; closing it ends the call."""
        events, bound = rest.Events(call.answer), _Bound(timeout_seconds)
        request = self._http.build_request(**_sent(call, accept=_EVENTS), timeout=bound.silence_seconds)
        with _told(bound):
            answer = self._http.send(request, stream=True)
            try:
                if answer.status_code != 200:
                    _check(answer, answer.read())
                    return
                for chunk in answer.iter_raw():
                    bound.check()
                    events.feed(chunk)
                    yield from events
            finally:
                answer.close()

    def upload(self, upload: Upload) -> str:
        """One try; answers the file's upload: URI."""
        request = self._http.build_request(
            "POST", "/v1/uploads", params={"name": upload.name}, content=upload.chunks(), headers=_OCTETS,
            timeout=_FILE_SECONDS,
        )  # fmt: skip
        with _told():
            answer = self._http.send(request)
        return _upload_uri(answer, answer.content)

    def download(self, download: Download) -> Path:
        """A file at its place, over broken connections."""
        while not (download.there or download.whole):
            try:
                with _told():
                    answer = self._http.send(_asked(self._http, self._base, download), stream=True)
                    try:
                        if answer.status_code not in (200, 206):
                            _check(answer, answer.read())
                        download.begin(answer.status_code, answer.headers)
                        for chunk in answer.iter_raw():
                            download.write(chunk)
                    finally:
                        answer.close()
                        download.close()
            except ReelmillError as error:
                time.sleep(download.delay_seconds(error))
        return download.target if download.there else download.end()

    def close(self) -> None:
        """Disconnect."""
        self._http.close()


class AsyncRest:
    """The same for one event loop."""

    def __init__(self, where: Place) -> None:
        self._http = httpx.AsyncClient(**_options(where))
        self._base = where.gateway

    async def unary(self, call: Call[Answer], timeout_seconds: float | None) -> Answer:
        """One try of a call."""
        with _told():
            found = await self._http.send(self._http.build_request(**_sent(call), timeout=timeout_seconds))
        return _answered(call, found, found.content)

    async def events(self, call: Call[Answer], timeout_seconds: float | None) -> AsyncGenerator[Answer, None]:
        """One connection's answers; closing it ends the call."""
        events, bound = rest.Events(call.answer), _Bound(timeout_seconds)
        request = self._http.build_request(**_sent(call, accept=_EVENTS), timeout=bound.silence_seconds)
        with _told(bound):
            answer = await self._http.send(request, stream=True)
            try:
                if answer.status_code != 200:
                    _check(answer, await answer.aread())
                    return
                async for chunk in answer.aiter_raw():
                    bound.check()
                    events.feed(chunk)
                    for event in events:
                        yield event
            finally:
                await answer.aclose()

    async def upload(self, upload: Upload) -> str:
        """One try; answers the file's upload: URI."""
        request = self._http.build_request(
            "POST", "/v1/uploads", params={"name": upload.name}, content=_read(upload), headers=_OCTETS,
            timeout=_FILE_SECONDS,
        )  # fmt: skip
        with _told():
            answer = await self._http.send(request)
        return _upload_uri(answer, answer.content)

    async def download(self, download: Download) -> Path:
        """A file at its place, over broken connections."""
        while not (await asyncio.to_thread(lambda: download.there or download.whole)):
            try:
                with _told():
                    answer = await self._http.send(_asked(self._http, self._base, download), stream=True)
                    try:
                        if answer.status_code not in (200, 206):
                            _check(answer, await answer.aread())
                        download.begin(answer.status_code, answer.headers)
                        async for chunk in answer.aiter_raw():
                            await asyncio.to_thread(download.write, chunk)
                    finally:
                        await answer.aclose()
                        download.close()
            except ReelmillError as error:
                await asyncio.sleep(download.delay_seconds(error))
        return await asyncio.to_thread(lambda: download.target if download.there else download.end())

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()


class _Bound:
    """How long a watch may last, and be silent."""

    def __init__(self, timeout_seconds: float | None) -> None:
        self._end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self.silence_seconds = min(_SILENCE_SECONDS, timeout_seconds or _SILENCE_SECONDS)

    @property
    def over(self) -> bool:
        """Whether it has lasted as long as it may."""
        return self._end is not None and time.monotonic() >= self._end

    def check(self) -> None:
        """Raises ReelmillError once it is over."""
        if self.over:
            raise ReelmillError("the time is over", code="DEADLINE_EXCEEDED")


async def _read(upload: Upload) -> AsyncIterator[bytes]:
    chunks = upload.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _options(where: Place) -> dict[str, Any]:
    trust = where.trust if where.trust is not True else _authorities()
    return {"base_url": where.gateway, "headers": dict(where.metadata), "verify": trust}


@cache
def _authorities() -> ssl.SSLContext:
    """The usual ones: to read them takes longer than a call."""
    return httpx.create_ssl_context()


def _sent(call: Call[Any], accept: str = "application/json") -> dict[str, Any]:
    asked = rest.request(call)
    headers = {"Accept": accept} | ({"Content-Type": "application/json"} if asked.body is not None else {})
    return {
        "method": asked.verb,
        "url": asked.path,
        "params": dict(asked.query),
        "content": asked.body,
        "headers": headers,
    }


def _asked(http: httpx.Client | httpx.AsyncClient, base: str, download: Download) -> httpx.Request:
    remote = download.remote
    request = http.build_request("GET", remote.url, headers=download.headers(), timeout=_FILE_SECONDS)
    if remote.signed or not remote.url.startswith(f"{base}/"):  # our key is nobody else's to see
        request.headers.pop("authorization", None)
    return request


def _check(answer: httpx.Response, content: bytes) -> None:
    if not 200 <= answer.status_code < 300:
        raise rest.problem(answer.status_code, answer.headers, content)


def _answered(call: Call[Answer], answer: httpx.Response, content: bytes) -> Answer:
    _check(answer, content)
    return rest.answer(call, content)


def _upload_uri(answer: httpx.Response, content: bytes) -> str:
    _check(answer, content)
    return rest.text_of(content, "uri")


@contextmanager
def _told(bound: _Bound | None = None) -> Iterator[None]:
    """What goes wrong on the way, as ReelmillError; `bound`: of a watch, whose silence is no reason to end it."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise Unavailable(f"no connection in time: {error}", code="UNAVAILABLE") from error
    except httpx.TimeoutException as error:
        if bound is not None and not bound.over:
            raise Unavailable("the server was silent", code="UNAVAILABLE") from error
        raise ReelmillError("the server said nothing in time", code="DEADLINE_EXCEEDED") from error
    except httpx.TransportError as error:
        raise Unavailable(str(error) or type(error).__name__, code="UNAVAILABLE") from error
    except httpx.InvalidURL as error:
        raise ReelmillError(f"is no address that can be asked: {error}", code="INVALID_ARGUMENT") from error
