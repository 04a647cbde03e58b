"""Batches of concurrent calls."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

from reelmill.batching import Batcher

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


async def test_a_batch_is_not_its_first_caller_s() -> None:
    async def flush(items: Sequence[int]) -> list[str]:
        return [CALLER.get()] * len(items)

    batcher: Batcher[int, str] = Batcher(flush)
    CALLER.set("the first")
    assert await asyncio.gather(batcher.submit(1), batcher.submit(2)) == ["nobody", "nobody"]
