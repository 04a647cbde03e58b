"""Work side by side: bounded, answered in order, and ended as one."""

import asyncio

import pytest

from reelmill.abreast import abreast


class Gates:
    """Work that ends when the test says so."""

    def __init__(self, count: int) -> None:
        self.open = [asyncio.Event() for _ in range(count)]
        self.begun: list[int] = []
        self.ended: list[int] = []

    async def work(self, i: int) -> int:
        self.begun.append(i)
        try:
            await self.open[i].wait()
            if i % 10 == 7:
                raise ValueError(f"no {i}")
            return i * i
        finally:
            self.ended.append(i)


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_answers_come_in_order_and_so_many_are_under_way() -> None:
    gates = Gates(5)
    running = asyncio.create_task(abreast(gates.work, range(5), at_once=2))
    await _settled()
    assert gates.begun == [0, 1]
    gates.open[1].set()  # one that is slow holds up nobody else
    gates.open[2].set()
    await _settled()
    assert (gates.begun, gates.ended) == ([0, 1, 2, 3], [1, 2])
    for gate in gates.open:
        gate.set()
    assert await running == [0, 1, 4, 9, 16]
    assert await abreast(gates.work, [], at_once=2) == []


async def test_a_failure_ends_the_others_and_begins_no_more() -> None:
    gates = Gates(10)
    running = asyncio.create_task(abreast(gates.work, range(5, 10), at_once=3))
    await _settled()
    gates.open[7].set()
    with pytest.raises(ValueError, match="no 7"):
        await running
    assert (gates.begun, sorted(gates.ended)) == ([5, 6, 7], [5, 6, 7])


async def test_of_failures_that_come_together_the_first_in_order_is_told() -> None:
    gates = Gates(30)
    running = asyncio.create_task(abreast(gates.work, [27, 7, 17], at_once=3))
    await _settled()
    for i in (17, 7, 27):
        gates.open[i].set()
    with pytest.raises(ValueError, match="no 27"):
        await running


async def test_who_is_cancelled_leaves_none_at_work() -> None:
    gates = Gates(5)
    running = asyncio.create_task(abreast(gates.work, range(5), at_once=2))
    await _settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (gates.begun, sorted(gates.ended)) == ([0, 1], [0, 1])
