"""What a worker counts and logs of its attempts: each under the label of what happened."""

from collections.abc import Iterator
from typing import Any

import pytest
from store.kit import AWAY, BAD_INPUT, TENANT, made
from waiting import eventually
from worker.kit import Rig, fails, until_stopped

from reelmill.jobs.errors import AttemptFailed, Unavailable
from reelmill.jobs.states import Phase
from reelmill.store.leases import LeaseStore, MadeFile
from reelmill.telemetry import metrics
from reelmill.worker.attempt import Attempt, StopReason
from reelmill.worker.slots import Slots


class Counts:
    """What was added to the worker's metrics since this was made, by label values."""

    def __init__(self) -> None:
        self._before = self._all()

    def added(self, name: str) -> dict[str, float]:
        """Of one metric."""
        now = self._all()
        found = {key: value - self._before.get(key, 0.0) for key, value in now.items() if key[0] == name}
        return {key[1]: value for key, value in found.items() if value}

    @staticmethod
    def _all() -> dict[tuple[str, str], float]:
        return {
            (sample.name.removeprefix("reelmill_worker_"), ",".join(sample.labels.values())): sample.value
            for metric in metrics._WORKER.collect()
            for sample in metric.samples
            if not sample.name.endswith(("_bucket", "_created"))
        }


@pytest.fixture
def counts() -> Iterator[Counts]:
    yield Counts()


async def succeeds(attempt: Attempt) -> tuple[MadeFile, ...]:
    return (made(),)


async def away(attempt: Attempt) -> tuple[MadeFile, ...]:
    raise AttemptFailed(AWAY.code, AWAY.message, output="web", command="ffmpeg -i x")


@pytest.mark.parametrize(
    ("act", "attempts", "state", "outcome", "code"),
    [
        (succeeds, 3, "COMPLETED", "completed", ""),
        (fails, 3, "FAILED", "failed", "INPUT_CORRUPT,INPUT"),
        (away, 1, "FAILED", "failed", "INPUT_UNAVAILABLE,TRANSIENT"),
        (away, 3, "QUEUED", "retried", "INPUT_UNAVAILABLE,TRANSIENT"),
    ],
)
async def test_an_attempt_is_counted_once_by_its_outcome(
    rig: Rig, counts: Counts, act: Any, attempts: int, state: str, outcome: str, code: str
) -> None:
    script = rig.start(act, slots=3)
    new = await rig.submit(max_attempts=attempts, priority=90)
    await script.next()
    await rig.until(new, state)
    await eventually(lambda: counts.added("attempts_total"))
    assert counts.added("attempts_total") == {outcome: 1}
    assert counts.added("failures_total") == ({code: 1} if code else {})
    assert counts.added("attempt_duration_seconds_count") == {"other": 1}
    assert 0 < sum(counts.added("attempt_duration_seconds_sum").values()) < 60
    assert counts.added("queue_wait_seconds_count") == {"high": 1}
    await eventually(lambda: metrics.RUNNING._value.get() == 0)
    assert metrics.SLOTS._value.get() == 3


async def test_the_wait_for_a_worker_is_that_of_the_database(rig: Rig, counts: Counts) -> None:
    await rig.store.submit(priority=10)
    await rig.store.rows("UPDATE tasks SET ready_time = now() - interval '500 s'")
    script = rig.start(until_stopped)
    await rig.queue.wake()
    await script.next()
    assert 500 <= counts.added("queue_wait_seconds_sum")["low"] < 560
    await eventually(lambda: metrics.RUNNING._value.get() == 1)


@pytest.mark.parametrize("outcome", ["cancelled", "released", "discarded"])
async def test_an_attempt_that_was_stopped_is_counted_by_why(rig: Rig, counts: Counts, outcome: str) -> None:
    script = rig.start(until_stopped, sweep_seconds=600)
    new = await rig.submit()
    attempt = await script.next()
    if outcome == "cancelled":
        await rig.store.jobs.cancel(TENANT, new.id, "")
    elif outcome == "discarded":
        await rig.store.rows("UPDATE tasks SET fence = fence + 1, owner = 'me'")  # as another's claim does
    else:
        await rig.stop()
    await eventually(lambda: counts.added("attempts_total"))
    assert counts.added("attempts_total") == {outcome: 1}
    assert (script.discarded == [attempt]) is (outcome == "discarded")


async def test_why_an_attempt_failed_stands_in_its_log_as_an_error(rig: Rig) -> None:
    rig.start(away)
    new = await rig.submit(max_attempts=1)
    await rig.until(new, "FAILED")
    [row] = await rig.store.rows("SELECT level::text, output, message, command FROM job_logs")
    assert tuple(row) == ("ERROR", "web", f"INPUT_UNAVAILABLE: {AWAY.message}", "ffmpeg -i x")


async def test_lines_of_a_time_without_database_are_stored_later_in_their_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, failed = LeaseStore.report, []

    async def fails_once(leases: LeaseStore, *arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise Unavailable("away")
        return await report(leases, *arguments)

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        attempt.log("one https://u:SECRET@h/")
        await attempt.enter(Phase.TRANSCODING)
        attempt.log("two", level="WARNING")
        await attempt.enter(Phase.UPLOADING)
        attempt.log("three")
        return ()

    monkeypatch.setattr(LeaseStore, "report", fails_once)
    rig.start(work)
    new = await rig.submit()
    await rig.until(new, "COMPLETED")
    lines = await rig.store.jobs.logs(TENANT, new.id, after=0, limit=9)
    assert [line.message for line in lines] == ["one https://u:***@h/", "two", "three"]
    assert failed


@pytest.mark.parametrize(
    ("reasons", "stands"),
    [
        ([StopReason.CANCELLED, StopReason.DRAINING], StopReason.CANCELLED),
        ([StopReason.DRAINING, StopReason.CANCELLED], StopReason.DRAINING),
        ([StopReason.DRAINING, StopReason.LOST], StopReason.LOST),
        ([StopReason.LOST, StopReason.CANCELLED], StopReason.LOST),
    ],
)
async def test_the_first_reason_stands_unless_the_lease_is_lost(
    rig: Rig, reasons: list[StopReason], stands: StopReason
) -> None:
    task = await rig.store.running()
    nothing: Any = None
    attempt = Attempt(task, rig.store.leases, nothing, Slots(1, 0, lambda: None).take())
    for reason in reasons:
        attempt.tell_to_stop(reason)
    assert (attempt.reason, attempt.stop.is_set()) == (stands, True)


async def test_a_failure_for_good_is_written_with_all_that_was_known(rig: Rig) -> None:
    async def bad(attempt: Attempt) -> tuple[MadeFile, ...]:
        raise AttemptFailed(BAD_INPUT.code, "m", output="web", command="c", stderr_tail="t")

    rig.start(bad)
    job = await rig.until(await rig.submit(), "FAILED")
    error = job.error
    assert (error.code, error.message, error.output, error.command, error.stderr_tail) == (
        "INPUT_CORRUPT",
        "m",
        "web",
        "c",
        "t",
    )
