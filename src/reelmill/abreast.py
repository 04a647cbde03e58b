"""The same work for several things side by side: a bounded number at once, answers in order, one failure ends all."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


async def abreast(
    function: Callable[[Item], Awaitable[Answer]], items: Iterable[Item], *, at_once: int
) -> list[Answer]:
    """The function's answers, in the order of the items, of which `at_once` are under way.

    Raises what the first one failed with (of several that failed together, the one that comes first in order), once
    the others are cancelled and have ended; so too where the caller is cancelled.
    """
    things = list(items)
    if len(things) == 1:  # beside it there is nothing: it needs no task of its own
        return [await function(things[0])]
    waiting = iter(enumerate(things))
    answers: dict[int, Answer] = {}
    failures: dict[int, Exception] = {}

    async def work() -> None:
        for i, item in waiting:
            try:
                answers[i] = await function(item)
            except Exception as error:
                failures[i] = error
                raise

    tasks = [asyncio.create_task(work()) for _ in range(min(at_once, len(things)))]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failures:
        raise failures[min(failures)]
    for task in tasks:
        task.result()  # one that was cancelled from elsewhere
    return [answers[i] for i in range(len(things))]
