"""Whether a broken watch is taken up again, and until when: by a clock that the test moves."""

import pytest

from reelmill.client import Backoff, ReelmillError, Unavailable
from reelmill.client.watching import FINAL_STATES, Watch
from reelmill.v1.jobs_pb2 import Job, JobEvent

AWAY = Unavailable("away", code="UNAVAILABLE", retry_seconds=4)
LATE = ReelmillError("late", code="DEADLINE_EXCEEDED", retry_seconds=1)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("time.monotonic", made)
    return made


def watch(timeout_seconds: float | None = None, *, attempts: int = 6) -> Watch:
    return Watch("i", 0, timeout_seconds, Backoff(attempts=attempts))


def test_time_runs_out_and_is_never_less_than_none(clock: Clock) -> None:
    bounded = watch(10)
    assert (bounded.left_seconds, watch().left_seconds) == (10, None)
    clock.now += 9.75
    assert bounded.left_seconds == 0.25
    clock.now += 5
    assert bounded.left_seconds == 0


def test_a_wait_never_goes_beyond_the_time_that_is_left(clock: Clock) -> None:
    bounded = watch(10)
    assert bounded.delay_seconds(AWAY) == 4
    clock.now += 8
    assert bounded.delay_seconds(AWAY) == 2
    assert watch().delay_seconds(AWAY) == 4


def test_at_the_timeout_it_says_how_long_it_waited(clock: Clock) -> None:
    bounded = watch(10)
    clock.now += 10
    with pytest.raises(TimeoutError, match="job i was not finished after 10 s") as caught:
        bounded.delay_seconds(AWAY)
    assert caught.value.__cause__ is AWAY


def test_the_stream_s_own_end_at_the_timeout_is_one_too(clock: Clock) -> None:
    """gRPC may be a moment earlier than our clock."""
    bounded = watch(10)
    clock.now += 9.99
    with pytest.raises(TimeoutError):
        bounded.delay_seconds(LATE)
    assert watch().delay_seconds(LATE) is not None, "without a bound it is the server that was slow"


def test_after_the_final_event_nothing_is_tried_again(clock: Clock) -> None:
    for state in Job.State.values():
        for sequence in (0, 1, 7):
            seen = watch()
            seen.saw(JobEvent(sequence=sequence, state=state))
            ended = state in FINAL_STATES and sequence > 0
            assert (seen.delay_seconds(AWAY) is None) is ended
    assert {Job.State.Name(state) for state in FINAL_STATES} == {"COMPLETED", "FAILED", "CANCELLED"}
    assert watch().delay_seconds(AWAY) is not None


def test_what_stays_is_raised_as_it_came(clock: Clock) -> None:
    error = ReelmillError("no", code="NOT_FOUND")
    with pytest.raises(ReelmillError) as caught:
        watch().delay_seconds(error)
    assert caught.value is error


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_as_many_tries_as_the_backoff_has(clock: Clock, attempts: int) -> None:
    tried = watch(attempts=attempts)
    for _ in range(attempts - 1):
        assert tried.delay_seconds(AWAY) is not None
    with pytest.raises(Unavailable):
        tried.delay_seconds(AWAY)
