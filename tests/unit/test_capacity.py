"""Large requests share what there is; small ones never wait for them."""

import asyncio
import threading

import pytest

from reelmill.capacity import INLINE_BYTES, SMALL_BYTES, Capacity, off_loop
from reelmill.jobs.errors import Unavailable

LARGE = 4 * SMALL_BYTES


async def test_large_requests_wait_for_each_other_and_small_ones_for_nobody() -> None:
    capacity, order = Capacity(max_bytes=LARGE, wait_seconds=10), list[str]()

    async def second() -> None:
        async with capacity.share() as share:
            await share.grow(LARGE)
            order.append("second")

    async with capacity.share() as share:
        await share.grow(SMALL_BYTES + 1)
        await share.grow(LARGE)  # as it comes: counted once
        waiting = asyncio.create_task(second())
        for _ in range(10):
            async with capacity.share() as small:
                await small.grow(SMALL_BYTES)
        order.append("first")
    await waiting
    assert order == ["first", "second"]


async def test_who_waits_too_long_is_asked_to_come_again_and_takes_nothing() -> None:
    capacity = Capacity(max_bytes=LARGE, wait_seconds=0.01)
    async with capacity.share() as share:
        await share.grow(LARGE - SMALL_BYTES)
        with pytest.raises(Unavailable, match="too many large requests"):
            async with capacity.share() as other:
                await other.grow(LARGE)
    async with capacity.share() as share:
        await share.grow(LARGE)


async def test_what_fails_gives_its_share_back() -> None:
    capacity = Capacity(max_bytes=LARGE, wait_seconds=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with capacity.share() as share:
                await share.grow(LARGE)
                raise ZeroDivisionError
    waiting = asyncio.create_task(_held(capacity))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with capacity.share() as share:
        await share.grow(LARGE)


async def _held(capacity: Capacity) -> None:
    async with capacity.share() as share:
        await share.grow(LARGE)
        await asyncio.Event().wait()


async def test_large_messages_are_worked_on_beside_the_loop() -> None:
    here = threading.get_ident()
    assert await off_loop(INLINE_BYTES, threading.get_ident) == here
    assert await off_loop(INLINE_BYTES + 1, threading.get_ident) != here
