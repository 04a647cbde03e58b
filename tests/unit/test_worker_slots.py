"""Slots: as many encode at once as there are, and who only fetches leaves its own to others."""

import asyncio

import pytest

from reelmill.worker.slots import Slots


@pytest.fixture
def freed() -> list[int]:
    return []


@pytest.fixture
def slots(freed: list[int]) -> Slots:
    return Slots(2, 2, lambda: freed.append(1))


async def test_a_slot_is_taken_until_its_task_ends(slots: Slots, freed: list[int]) -> None:
    first, second = slots.take(), slots.take()
    assert (first.held, second.held, slots.free) == (True, True, 0)
    first.end()
    first.end()
    assert (slots.free, freed) == (1, [1])


async def test_who_fetches_leaves_its_slot_and_comes_back_before_a_new_task(slots: Slots) -> None:
    first, second = slots.take(), slots.take()
    fetched = asyncio.Event()

    async def fetching() -> None:
        async with first.left():
            await fetched.wait()

    task = asyncio.create_task(fetching())
    await asyncio.sleep(0)
    assert slots.free == 1
    third = slots.take()
    fetched.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (task.done(), first.held) == (False, False)  # both slots are at work
    second.end()
    await task
    assert (first.held, slots.free) == (True, 0)
    third.end()
    first.end()
    assert slots.free == 2


async def test_no_more_leave_theirs_than_may(slots: Slots) -> None:
    contexts = []
    for _ in range(2):
        context = slots.take().left()
        await context.__aenter__()
        contexts.append(context)
    third, fourth = slots.take(), slots.take()
    async with third.left():
        assert (third.held, slots.free) == (True, 0)
    for slot in (third, fourth):
        slot.end()
    for context in contexts:
        await context.__aexit__(None, None, None)
    assert slots.free == 0


async def test_a_claim_that_comes_too_late_waits_its_turn(slots: Slots) -> None:
    first, second, late = slots.take(), slots.take(), slots.take()
    assert not late.held
    waiting = asyncio.create_task(late.hold())
    await asyncio.sleep(0)
    first.end()
    await waiting
    assert (late.held, slots.free) == (True, 0)
    late.end()
    second.end()
    assert slots.free == 2


async def test_one_that_is_told_to_stop_while_it_waits_loses_no_slot(slots: Slots) -> None:
    first, second, late = slots.take(), slots.take(), slots.take()
    waiting = asyncio.create_task(late.hold())
    await asyncio.sleep(0)
    first.end()  # given to the one that waits …
    waiting.cancel()  # … in the very moment in which it is cancelled
    await asyncio.gather(waiting, return_exceptions=True)
    late.end()
    second.end()
    assert slots.free == 2


async def test_a_fetch_that_fails_holds_nothing(slots: Slots) -> None:
    slot = slots.take()
    with pytest.raises(OSError, match="away"):
        async with slot.left():
            raise OSError("away")
    slot.end()
    assert slots.free == 2


async def test_who_fetches_several_leaves_once_and_comes_back_with_the_last(slots: Slots) -> None:
    slot, other = slots.take(), slots.take()
    first, second = slot.left(), slot.left()
    await first.__aenter__()
    await second.__aenter__()
    assert (slot.held, slots.free) == (False, 1)
    third, fourth = slots.take(), slots.take()
    await first.__aexit__(None, None, None)  # does not wait for a slot
    third.end()
    fourth.end()
    assert (slot.held, slots.free) == (False, 1)
    await second.__aexit__(None, None, None)
    assert (slot.held, slots.free) == (True, 0)
    async with other.left(), slot.left():  # both may leave again
        assert slots.free == 2
    slot.end()
    other.end()
    assert slots.free == 2


async def test_of_several_fetches_that_fail_none_holds_the_slot(slots: Slots) -> None:
    slot = slots.take()
    first, second = slot.left(), slot.left()
    await first.__aenter__()
    await second.__aenter__()
    for context in (first, second):
        assert not await context.__aexit__(OSError, OSError("away"), None)
    assert (slot.held, slots.free) == (False, 2)
    slot.end()
    assert slots.free == 2
