"""How many tasks a worker claims beyond its slots."""

from reelmill.worker.pace import Pace


def after(*seconds: float, slots: int = 2) -> int:
    """How many, once tasks took so long."""
    pace = Pace(slots)
    for one in seconds:
        pace.took(one)
    return pace.ahead


def test_as_many_as_begin_within_a_tenth_of_a_second_and_few() -> None:
    assert after() == 0, "nobody knows yet"
    assert [after(seconds) for seconds in (10.0, 0.3, 0.1, 0.05, 0.02, 0.0)] == [0, 0, 2, 4, 10, 16]
    assert after(0.001, slots=200) == 16
    assert after(0.02, 0.02, 5.0) == 0, "one long task is enough"
    assert after(5.0, *[0.02] * 30) == 7


def test_one_that_waited_in_vain_ends_it_until_others_were_quick() -> None:
    pace = Pace(2)
    pace.took(0.02)
    pace.was_wrong()
    assert pace.ahead == 0
    pace.took(0.02)
    assert pace.ahead == 10
