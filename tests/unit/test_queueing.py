"""When a task that waits is begun."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.jobs.queueing import SOON, Pace, start

paces = st.builds(Pace, begun=st.floats(0, 1e6), seconds=st.floats(0, 1e6))


def begun(before: int, **options: Any) -> Any:
    return start(before, **({"slots": 2, "free": 0, "task_seconds": 10.0, "pace": Pace()} | options))


@given(st.integers(0, 1000), st.integers(1, 10_000), st.integers(-5, 10_000), st.floats(0, 1e6), paces)
def test_it_is_never_negative_and_grows_with_what_goes_before(
    before: int, slots: int, free: int, task_seconds: float, pace: Pace
) -> None:
    def told(before: int) -> Any:
        return start(before, slots=slots, free=free, task_seconds=task_seconds, pace=pace)

    first, later = told(before), told(before + 1)
    assert 0 <= first.least <= first.likely <= first.most < math.inf
    assert first.likely <= later.likely


def test_nobody_who_can_begins_nothing_and_a_free_slot_begins_at_once() -> None:
    assert begun(0, slots=0) is None
    assert begun(0, free=1) == SOON
    assert begun(4, free=4).likely == begun(0).likely == 5


def test_what_is_seen_outweighs_what_is_reckoned() -> None:
    seen = Pace()
    for _ in range(60):
        seen = seen.on(4, 1.0)  # four a second, though a slot of two was thought to need 10 s
    assert begun(399, pace=seen).likely == pytest.approx(100, rel=0.25)
    assert begun(399, pace=seen).most / begun(399, pace=seen).least < begun(399).most / begun(399).least
    assert seen.on(0, 3600).begun < 1e-9, "what is an hour old is forgotten"
    assert seen.on(0, -5) == seen, "a clock that was set back"
