"""Batches of concurrent calls."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

from waiting import soon

from reelmill.batching import Batcher
from reelmill.jobs.errors import Unavailable

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


async def test_a_batch_is_not_its_first_caller_s() -> None:
    async def flush(items: Sequence[int]) -> list[str]:
        return [CALLER.get()] * len(items)

    batcher: Batcher[int, str] = Batcher(flush)
    CALLER.set("the first")
    assert await asyncio.gather(batcher.submit(1), batcher.submit(2)) == ["nobody", "nobody"]


async def test_a_flush_that_answers_another_number_is_an_error_to_each() -> None:
    async def flush(items: Sequence[int]) -> list[int]:
        return [0] * (len(items) + 1)

    batcher: Batcher[int, int] = Batcher(flush)
    answers = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["2 answers to 1 items"] * 2


async def test_whoever_waits_for_a_batch_that_was_broken_off_hears_of_it() -> None:
    begun = asyncio.Event()

    async def flush(items: Sequence[int]) -> list[int]:
        begun.set()
        await asyncio.Event().wait()
        return [0] * len(items)

    batcher: Batcher[int, int] = Batcher(flush, max_items=1)
    waiting = [asyncio.create_task(batcher.submit(i)) for i in range(3)]
    await begun.wait()
    assert batcher._runner
    batcher._runner.cancel()
    answers = await soon(asyncio.gather(*waiting, return_exceptions=True))
    assert [type(answer) for answer in answers] == [Unavailable] * 3
