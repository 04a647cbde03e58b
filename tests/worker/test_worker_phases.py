"""Which phases of an attempt are told: all but those of its first moments, which cost a small job nothing."""

import asyncio
from typing import Any

import pytest
from store.kit import TENANT, made
from worker.kit import Rig

from reelmill.jobs.states import Phase
from reelmill.store.jobs import NewJob
from reelmill.store.leases import LeaseStore, MadeFile
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.attempt import Attempt

LONG = 600.0


async def history(rig: Rig, new: NewJob) -> list[str]:
    """The job's states, and its phases while it was PROCESSING."""
    events = await rig.store.jobs.events(TENANT, new.id, after=0, limit=99)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    return [Job.Phase.Name(e.phase) if e.phase else Job.State.Name(e.state) for e in events]


async def words(rig: Rig, new: NewJob) -> list[tuple[int, str]]:
    """What its processing log says, with the attempt of each line."""
    return [(line.attempt, line.message) for line in await rig.store.jobs.logs(TENANT, new.id, after=0, limit=99)]


async def test_of_a_small_job_no_phase_is_told_and_its_log_comes_with_its_completion(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("a statement for what its completion says")

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        for phase in (Phase.TRANSCODING, Phase.PACKAGING, Phase.UPLOADING):
            attempt.log(f"{attempt.task.job.id} {phase}")
            await attempt.enter(phase)
        return (made(),)

    monkeypatch.setattr(LeaseStore, "report", never)
    rig.start(work, slots=3, quiet_seconds=LONG)
    jobs = [await rig.submit() for _ in range(3)]  # some of which are completed in one statement
    for new in jobs:
        await rig.until(new, "COMPLETED")
        assert await history(rig, new) == ["QUEUED", "PROBING", "COMPLETED"]
        assert await words(rig, new) == [(1, f"{new.id} {p}") for p in ("TRANSCODING", "PACKAGING", "UPLOADING")]


async def test_a_longer_job_tells_where_it_is_as_the_quiet_time_ends_and_each_phase_from_then_on(rig: Rig) -> None:
    told = asyncio.Event()
    report = LeaseStore.report

    async def heard(leases: LeaseStore, *arguments: Any) -> Any:
        answer = await report(leases, *arguments)
        told.set()
        return answer

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        attempt.log("one")
        await attempt.enter(Phase.TRANSCODING)
        await attempt.enter(Phase.PACKAGING)  # the phase before was over in no time
        await told.wait()
        attempt.log("two")
        told.clear()
        await attempt.enter(Phase.UPLOADING)
        assert told.is_set(), "a phase after the quiet time is told at once"
        attempt.log("three")
        return (made(),)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(LeaseStore, "report", heard)
        rig.start(work, quiet_seconds=0.05)
        new = await rig.submit()
        await rig.until(new, "COMPLETED")
    assert await history(rig, new) == ["QUEUED", "PROBING", "PACKAGING", "UPLOADING", "COMPLETED"]
    assert await words(rig, new) == [(1, "one"), (1, "two"), (1, "three")]


async def test_what_is_told_late_is_told_before_the_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, order = asyncio.Event(), asyncio.Event(), []
    report, complete = LeaseStore.report, LeaseStore.complete

    async def slow(leases: LeaseStore, *arguments: Any) -> Any:
        begun.set()
        await go_on.wait()
        answer = await report(leases, *arguments)
        order.append("told")
        return answer

    async def completing(leases: LeaseStore, *arguments: Any) -> Any:
        order.append("completed")
        return await complete(leases, *arguments)

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        await attempt.enter(Phase.TRANSCODING)
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
        return (made(),)

    monkeypatch.setattr(LeaseStore, "report", slow)
    monkeypatch.setattr(LeaseStore, "complete", completing)
    rig.start(work, quiet_seconds=0.01)
    new = await rig.submit()
    await rig.until(new, "COMPLETED")
    assert order == ["told", "completed"]
    assert await history(rig, new) == ["QUEUED", "PROBING", "TRANSCODING", "COMPLETED"]


async def test_a_small_job_that_is_cancelled_or_fails_keeps_its_log(rig: Rig) -> None:
    begun = asyncio.Event()

    async def work(attempt: Attempt) -> tuple[MadeFile, ...]:
        attempt.log("begun")
        await attempt.enter(Phase.TRANSCODING)
        begun.set()
        await attempt.stop.wait()
        attempt.check_stop()
        return ()

    rig.start(work, quiet_seconds=LONG)
    new = await rig.submit()
    await begun.wait()
    await rig.store.jobs.cancel(TENANT, new.id, "")
    await rig.until(new, "CANCELLED")
    assert await history(rig, new) == ["QUEUED", "PROBING", "PROBING", "CANCELLED"]  # the second says: to be cancelled
    assert await words(rig, new) == [(1, "cancellation accepted"), (1, "begun")]
