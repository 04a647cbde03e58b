"""Which failed calls the client repeats, and when."""

import random

import pytest

from reelmill.client import Backoff, NotFound, ReelmillError, Unavailable


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("away", code="UNAVAILABLE"),
        ReelmillError("too long", code="DEADLINE_EXCEEDED"),
        ReelmillError("too many", code="RESOURCE_EXHAUSTED", retry_seconds=0),
    ],
)
def test_what_passes_is_repeated_until_the_last_try(error: ReelmillError) -> None:
    backoff = Backoff(attempts=3, first_seconds=0.2)
    waits = [backoff.delay_seconds(error, attempt) for attempt in (1, 2, 3)]
    assert waits[2] is None
    assert all(wait is not None and 0 <= wait <= 0.4 for wait in waits[:2])


@pytest.mark.parametrize("code", ["NOT_FOUND", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"])
def test_what_stays_is_not_repeated(code: str) -> None:
    assert Backoff().delay_seconds(NotFound("no", code=code), 1) is None


def test_the_servers_hint_is_kept() -> None:
    error = Unavailable("away", code="UNAVAILABLE", retry_seconds=7)
    assert Backoff().delay_seconds(error, 1) == 7


@pytest.fixture
def dice() -> None:
    random.seed(21)


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 3.2), (6, 5.0), (9, 5.0)])
def test_waits_are_spread_over_the_whole_of_a_window_that_doubles(dice: None, attempt: int, longest: float) -> None:
    backoff, error = Backoff(attempts=10), Unavailable("away", code="UNAVAILABLE")
    waits = [backoff.delay_seconds(error, attempt) or 0.0 for _ in range(2000)]
    assert 0 <= min(waits) < 0.01 * longest
    assert 0.47 * longest < sum(waits) / len(waits) < 0.53 * longest
    assert 0.99 * longest < max(waits) <= longest


def test_a_hint_is_the_least_and_the_dice_may_ask_for_more(dice: None) -> None:
    error = Unavailable("away", code="UNAVAILABLE", retry_seconds=1)
    waits = [Backoff().delay_seconds(error, 5) or 0.0 for _ in range(500)]
    assert min(waits) == 1
    assert 3 < max(waits) <= 3.2


def test_six_tries_are_the_most_unless_told() -> None:
    error = Unavailable("away", code="UNAVAILABLE")
    assert [Backoff().delay_seconds(error, attempt) is None for attempt in (1, 5, 6, 7)] == [False, False, True, True]
