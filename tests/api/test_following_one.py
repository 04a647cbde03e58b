"""One job followed, step by step: when there is progress, and when there is none any more."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from reelmill.api.following import Follower
from reelmill.cache.memory import MemoryCache
from reelmill.v1.jobs_pb2 import Job, JobEvent, Progress

TENANT, JOB = uuid4(), uuid4()


async def test_progress_is_the_running_attempts_and_ends_with_it() -> None:
    cache = MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
    stored: list[JobEvent] = []
    refreshed: list[Any] = []

    async def read(asked: tuple[Any, Any, int]) -> list[JobEvent]:
        assert asked[:2] == (TENANT, JOB)
        return [event for event in stored if event.sequence > asked[2]]

    async def refresh(asked: Any) -> None:
        refreshed.append(asked)

    async def cached(*_: Any) -> None:
        return None

    statuses: Any = SimpleNamespace(cached=cached)
    one = Follower(TENANT, JOB, read=read, refresh=refresh, statuses=statuses, cache=cache, turns=asyncio.Semaphore(1))

    async def happens(sequence: int, state: str, attempt: int = 1) -> JobEvent:
        stored.append(JobEvent(sequence=sequence, job_id=str(JOB), state=state, attempt=attempt, phase="TRANSCODING"))
        one.look(sure=True)
        assert await one._catch_up()
        return one.after(sequence - 1)[-1]

    async def reports(fence: int, percent: float) -> bool:
        await cache.put_progress(TENANT, JOB, fence, Progress(percent=percent).SerializeToString())
        return await one._catch_up()

    assert (await happens(1, "QUEUED", 0)).progress.percent == 0
    assert (one.progress, one.last, one.processing, one.final) == (None, 1, False, False)
    await happens(2, "PROCESSING")
    assert await reports(1, 25)
    shown = one.progress
    assert shown is not None
    assert (shown.job_id, shown.state, shown.phase, shown.attempt) == (str(JOB), Job.PROCESSING, Job.TRANSCODING, 1)
    assert (shown.progress.percent, shown.sequence, shown.HasField("time")) == (25, 0, True)
    assert not await reports(1, 25), "nothing is new"
    assert (await happens(3, "PROCESSING")).progress.percent == 25, "an event of the same attempt has it too"
    await happens(4, "QUEUED")
    assert one.progress is None, "nothing runs"
    assert (await happens(5, "PROCESSING", 2)).progress.percent == 0
    assert await reports(2, 50)
    assert one.progress is not None and (one.progress.progress.percent, one.progress.attempt) == (50, 2)
    assert (await happens(6, "COMPLETED", 2)).progress.percent == 100
    assert (one.progress, one.final, one.last) == (None, True, 6)
    assert refreshed == [(TENANT, JOB)] * 6
    assert [event.sequence for event in one.after(4)] == [5, 6]
