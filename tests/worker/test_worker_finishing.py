"""When files of an attempt are judged, and by what is known of its input then."""

from collections.abc import Awaitable, Iterator
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.media.promises import Expected, PlannedFile
from reelmill.worker import finishing
from reelmill.worker.finishing import Finishing

pytestmark = pytest.mark.asyncio(loop_scope="function")


class Attempt:
    async def unless_stopped(self, work: Awaitable[Any]) -> Any:
        return await work


class Lacking:
    def separately(self, steps: list[Any]) -> Iterator[list[PlannedFile]]:
        yield from (step.promised for step in steps)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Names of the files that were looked into, and whether their input was taken for damaged."""
    calls: list[tuple[str, bool]] = []

    async def looked_into(promised: list[PlannedFile], *_: Any, input_damaged: bool, **_more: Any) -> list[Any]:
        calls.extend((str(file.path), input_damaged) for file in promised)
        return [[] for _ in promised]

    monkeypatch.setattr(finishing, "verified", looked_into)
    return calls


def files(*steps: str, input_damaged: bool = False) -> Finishing:
    made = [
        SimpleNamespace(
            reads=(),
            promised=[
                PlannedFile(output=name, path=PurePosixPath(name), content_type="", expected=Expected(streams=()))
            ],
        )
        for name in steps
    ]
    parts: Any = (Attempt(), None, None, SimpleNamespace(path=None), SimpleNamespace(steps=made), Lacking(), {})
    return Finishing(*parts, input_damaged=input_damaged)


async def test_what_was_looked_into_is_not_again(judged: list[tuple[str, bool]]) -> None:
    one = files("a", "b")
    await one.check()
    await one.check()
    assert judged == [("a", False), ("b", False)]


async def test_what_a_later_step_says_of_the_input_holds_for_the_files_before_it(
    judged: list[tuple[str, bool]],
) -> None:
    one = files("a", "b")
    await one.check()
    one.complained = True
    await one.check()
    assert judged == [("a", False), ("b", False), ("a", True), ("b", True)]


async def test_a_complaint_tells_nothing_new_of_an_input_that_is_known_to_be_damaged(
    judged: list[tuple[str, bool]],
) -> None:
    one = files("a", input_damaged=True)
    await one.check()
    one.complained = True
    await one.check()
    assert judged == [("a", True)]
