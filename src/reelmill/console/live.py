"""Live parts of pages: what many pages show to one reader is asked for once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from reelmill.console.callers import Caller
from reelmill.console.policy import HEADERS
from reelmill.gateway.problems import Problem, internal
from reelmill.gateway.streaming import KEEP_ALIVE_SECONDS, MEDIA_TYPE, Room
from reelmill.supervise import end
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
Key = tuple[str, ...]
Source = Callable[[], AsyncGenerator[str]]
"""Texts, each in the place of the one before."""


@dataclass(slots=True)
class _Feed:
    """A source that runs while somebody reads it."""

    task: "asyncio.Task[None] | None" = None
    readers: int = 0
    text: str = ""
    version: int = 0
    ended: bool = False
    problem: Problem | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake all who read."""
        told, self.news = self.news, asyncio.Event()
        told.set()


class Feeds:
    """Open sources, by whose they are and what they show."""

    def __init__(self) -> None:
        self._open: dict[Key, _Feed] = {}

    async def read(self, caller: Caller, what: Key, source: Source) -> AsyncGenerator[str]:
        """The newest text whenever there is a newer one, and "" now and then while there is none. Raises Problem."""
        key = (caller.digest, *what)  # by the credentials: nobody reads what another's key was shown
        feed = self._open.get(key)
        if feed is None or feed.ended:
            feed = self._open[key] = _Feed()
            feed.task = asyncio.create_task(_run(feed, source))
        feed.readers += 1
        seen = 0
        try:
            while True:
                news = feed.news
                if feed.version > seen:
                    seen = feed.version
                    yield feed.text
                elif feed.ended:
                    break
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), KEEP_ALIVE_SECONDS)
                    if not news.is_set():
                        yield ""
            if feed.problem:
                raise feed.problem
        finally:
            feed.readers -= 1
            if feed.readers == 0:
                if self._open.get(key) is feed:
                    del self._open[key]
                await end(feed.task)


async def _run(feed: _Feed, source: Source) -> None:
    try:
        async with aclosing(source()) as texts:
            async for text in texts:
                if text != feed.text:
                    feed.text, feed.version = text, feed.version + 1
                    feed.tell()
    except Problem as problem:
        feed.problem = problem
    except Exception as error:
        log.exception("a live part of a page failed")
        feed.problem = internal(str(error))
    finally:
        feed.ended = True
        feed.tell()


class _Stream(StreamingResponse):
    """Whatever ends it, its texts end too."""

    def __init__(self, first: str, texts: AsyncGenerator[str]) -> None:
        headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_frames(first, texts), headers=headers, media_type=MEDIA_TYPE)
        self._texts = texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the last text or the reader's leave."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._texts.aclose()


async def respond(room: Room, texts: AsyncGenerator[str]) -> Response:
    """Texts as Server-Sent Events, which have one of the places that streams have.

    Raises Problem where there is no place, or no first text.
    """
    placed = _placed(room, texts)
    try:
        first = await anext(placed, "")
    except BaseException:
        await placed.aclose()
        raise
    return _Stream(first, placed)


async def _placed(room: Room, texts: AsyncGenerator[str]) -> AsyncGenerator[str]:
    async with aclosing(texts):
        with room.place():
            async for text in texts:
                yield text


async def _frames(first: str, texts: AsyncIterator[str]) -> AsyncIterator[str]:
    yield frame(first) if first else ": nothing yet\n\n"
    try:
        async for text in texts:
            yield frame(text) if text else ": keep-alive\n\n"
    except Problem as problem:
        yield f"event: problem\ndata: {problem.code}\n\n"
        return
    yield "event: done\ndata: done\n\n"


def frame(text: str) -> str:
    """A text as an event without a name: the page puts it where it belongs."""
    return "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
