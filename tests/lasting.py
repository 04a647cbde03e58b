"""What tests of several files share ends with the last of them: at rest an `up` takes a second of CPU each minute."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import pytest

T = TypeVar("T")


class Lasting:
    """Systems of session fixtures, each until no test is left that asks for it."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._running: dict[str, ExitStack] = {}

    def plan(self, items: Sequence[pytest.Item]) -> None:
        """Find out which test is the last to ask for a fixture, itself or by another one.

        Of tests in the order in which they run: what is left comes after what runs.
        """
        for place, item in enumerate(items):
            self._places[item.nodeid] = place
            self._last |= dict.fromkeys(getattr(item, "fixturenames", ()), place)

    @contextmanager
    def run(self, fixture: str, system: AbstractContextManager[T]) -> Iterator[T]:
        """The system, which a fixture of this name yields; ended by `begin`, or by who leaves."""
        with ExitStack() as stack:
            self._running[fixture] = stack
            yield stack.enter_context(system)

    def begin(self, item: pytest.Item) -> None:
        """Before a test: end what neither it asks for nor one that is left."""
        place = self._places.get(item.nodeid, 0)
        for fixture in [name for name in reversed(self._running) if self._last.get(name, place) < place]:
            self._running.pop(fixture).close()
