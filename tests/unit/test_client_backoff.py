"""Which failed calls the client repeats, and when."""

import pytest

from reelmill.client import Backoff, NotFound, ReelmillError, Unavailable


@pytest.mark.parametrize(
    "error", [Unavailable("away", code="UNAVAILABLE"), ReelmillError("too long", code="DEADLINE_EXCEEDED")]
)
def test_what_passes_is_repeated_until_the_last_try(error: ReelmillError) -> None:
    backoff = Backoff(attempts=3, first_seconds=0.2)
    waits = [backoff.delay_seconds(error, attempt) for attempt in (1, 2, 3)]
    assert waits[2] is None
    assert all(wait is not None and 0 <= wait <= 0.4 for wait in waits[:2])


@pytest.mark.parametrize("code", ["NOT_FOUND", "INTERNAL", "UNKNOWN"])
def test_what_stays_is_not_repeated(code: str) -> None:
    assert Backoff().delay_seconds(NotFound("no", code=code), 1) is None


def test_the_servers_hint_is_kept() -> None:
    error = Unavailable("away", code="UNAVAILABLE", retry_seconds=7)
    assert Backoff().delay_seconds(error, 1) == 7
