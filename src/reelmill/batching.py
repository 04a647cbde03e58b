"""Batch concurrent calls: what arrives while one batch is under way makes the next one.

A lone call waits for nobody; under load batches grow by themselves. Inserting 100 rows at once
costs PostgreSQL little more than inserting one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from reelmill.jobs.errors import Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Turns `flush`, which takes a batch, into `submit`, which takes one item."""

    def __init__(self, flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, max_items: int = 200) -> None:
        self._flush = flush
        self._max_items = max_items
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Answer:
        """The answer to this item.

        Unavailable is raised for each item of a batch; after another error each is tried by itself.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._runner is None or self._runner.done():
            # A batch is of many callers: its log lines and spans must not become those of the first.
            self._runner = asyncio.create_task(self._run(), context=Context())
        return await future

    async def _run(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_items))]
                await self._answer(batch)
        finally:  # where this task was ended, too, nobody waits for what can't come
            _fail((*batch, *self._waiting), Unavailable("the batch was broken off"))
            self._waiting.clear()

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._flush([item for item, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} items")
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for one in batch:  # a bad item must not fail its neighbours
                    await self._answer([one])
                return
            _fail(batch, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(batch: Sequence[tuple[Any, asyncio.Future[Any]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
