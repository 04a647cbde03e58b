"""States, retries and errors: their tables hold together."""

import ast
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reelmill
from reelmill.jobs.codes import CODES, Category
from reelmill.jobs.errors import AttemptFailed, Conflict, InvalidRequest, Violation
from reelmill.jobs.retry import RetryPolicy
from reelmill.jobs.states import FINAL_JOB_STATES, JOB_TRANSITIONS, TASK_TRANSITIONS, JobState, TaskState
from reelmill.v1.jobs_pb2 import Job, JobError
from reelmill.v1.jobs_pb2 import RetryPolicy as RetryPolicyProto

TABLES = [(JobState, JOB_TRANSITIONS), (TaskState, TASK_TRANSITIONS)]


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_every_state_has_its_row_and_leads_to_states(states, table) -> None:
    assert set(table) == set(states)
    assert set().union(*table.values()) <= set(states)


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_final_states_lead_nowhere_and_can_be_reached_from_all_others(states, table) -> None:
    final = {state for state in states if not table[state]}
    assert {state.value for state in final} == {"COMPLETED", "FAILED", "CANCELLED"}
    for state in set(states) - final:
        reached, new = set(), {state}
        while new:
            reached |= new
            new = set().union(*(table[s] for s in new)) - reached
        assert final <= reached
        assert state in table[state]  # an update that changes other columns


def test_only_running_work_completes() -> None:
    assert [s for s in JobState if JobState.COMPLETED in JOB_TRANSITIONS[s]] == [JobState.PROCESSING]
    assert [s for s in TaskState if TaskState.COMPLETED in TASK_TRANSITIONS[s]] == [TaskState.RUNNING]
    assert {s for s in JobState if not JOB_TRANSITIONS[s]} == FINAL_JOB_STATES


def test_the_states_are_those_of_the_api() -> None:
    assert {s.value for s in JobState} == set(Job.State.keys()) - {"STATE_UNSPECIFIED"}


policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    initial_backoff_seconds=st.floats(0.001, 86_400),
    max_backoff_seconds=st.floats(0.001, 86_400),
)


@given(policies, st.integers(1, 10_000), st.booleans(), st.randoms())
def test_backoff_lies_within_its_window_and_ends(
    policy: RetryPolicy, attempt: int, retryable: bool, rng: random.Random
) -> None:
    waits = policy.backoff_seconds(attempt, retryable=retryable, rng=rng)
    if not retryable or attempt >= policy.max_attempts:
        assert waits is None
    else:
        assert waits is not None
        assert 0 <= waits <= min(policy.max_backoff_seconds, policy.initial_backoff_seconds * 2 ** (attempt - 1))


def spread(policy: RetryPolicy, attempt: int) -> tuple[float, float, float]:
    """The least, mean and greatest of many waits, as shares of the longest allowed."""
    rng = random.Random(attempt)
    longest = min(policy.max_backoff_seconds, policy.initial_backoff_seconds * 2 ** (attempt - 1))
    waits = [policy.backoff_seconds(attempt, retryable=True, rng=rng) or 0.0 for _ in range(2000)]
    return min(waits) / longest, sum(waits) / len(waits) / longest, max(waits) / longest


@pytest.mark.parametrize("attempt", [1, 2, 3, 4, 5, 6, 7, 40])
def test_waits_are_spread_over_the_whole_of_a_window_that_doubles(attempt: int) -> None:
    policy = RetryPolicy(max_attempts=100, initial_backoff_seconds=2.0, max_backoff_seconds=60.0)
    least, mean, greatest = spread(policy, attempt)
    assert 0 <= least < 0.01
    assert 0.47 < mean < 0.53
    assert 0.99 < greatest <= 1


def test_the_defaults_are_those_of_the_api() -> None:
    default = RetryPolicy()
    assert (default.max_attempts, default.initial_backoff_seconds, default.max_backoff_seconds) == (3, 2.0, 60.0)


def test_the_last_attempt_is_the_one_that_the_policy_names() -> None:
    policy, rng = RetryPolicy(max_attempts=3), random.Random(1)
    waits = [policy.backoff_seconds(attempt, retryable=True, rng=rng) for attempt in (1, 2, 3, 4)]
    assert [wait is None for wait in waits] == [False, False, True, True]
    assert policy.backoff_seconds(1, retryable=False, rng=rng) is None


def test_a_policy_takes_its_defaults_where_the_request_says_nothing() -> None:
    assert RetryPolicy.from_proto(RetryPolicyProto()) == RetryPolicy()
    asked = RetryPolicyProto(max_attempts=7)
    asked.max_backoff.FromMilliseconds(1500)
    assert RetryPolicy.from_proto(asked) == RetryPolicy(max_attempts=7, max_backoff_seconds=1.5)
    asked.initial_backoff.FromMilliseconds(250)
    assert RetryPolicy.from_proto(asked).initial_backoff_seconds == 0.25


def test_what_is_wrong_with_an_input_is_never_retried() -> None:
    assert [name for name, code in CODES.items() if code.category is Category.INPUT and code.retryable] == []
    assert [name for name, code in CODES.items() if code.category is Category.TRANSIENT and not code.retryable] == []
    assert all(code.meaning.endswith(".") for code in CODES.values())


def test_whoever_fails_names_a_code_that_is_known() -> None:
    told = [
        (f"{path.name}:{node.lineno}", code.value)
        for path in Path(reelmill.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("AttemptFailed", "Failure")
        for code in [*node.args[:1], *(word.value for word in node.keywords if word.arg == "code")]
        if isinstance(code, ast.Constant)
    ]
    assert [one for one in told if one[1] not in CODES] == []
    assert len(told) > 100


def test_a_failure_tells_the_api_all_of_it() -> None:
    failure = AttemptFailed("DISK_FULL", "full", output="web", command="ffmpeg", stderr_tail="tail").failure
    proto = failure.to_proto()
    assert (proto.code, proto.category, proto.retryable) == ("DISK_FULL", JobError.LIMIT, True)
    assert (proto.message, proto.output, proto.command, proto.stderr_tail) == ("full", "web", "ffmpeg", "tail")


@pytest.mark.parametrize("secret", ["api_key=SECRET", "https://u:SECRET@h/a", "Authorization: Bearer SECRET"])
def test_a_failure_tells_no_secret_in_any_of_its_texts(secret: str) -> None:
    proto = AttemptFailed("DISK_FULL", secret, output="web", command=secret, stderr_tail=secret).failure.to_proto()
    assert "SECRET" not in str(proto)
    assert all("***" in text for text in (proto.message, proto.command, proto.stderr_tail))
    assert "SECRET" not in str(InvalidRequest([Violation("a", secret)]).violations)
    assert "SECRET" not in str(Conflict(secret))


def test_an_errors_docstring_is_its_message_and_violations_are_listed() -> None:
    assert str(Conflict()) == "The idempotency key was used with another body; use a new key for another job."
    found = InvalidRequest([Violation("a", "is required"), Violation("b", "is too long")])
    assert str(found) == "a: is required; b: is too long"
