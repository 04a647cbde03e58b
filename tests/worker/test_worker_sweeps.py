"""Work whose messages never reach a worker: more workers than partitions, or a queue that lost them."""

from store.kit import Store
from worker.kit import Rig

from reelmill.store.jobs import NewJob
from reelmill.store.leases import MadeFile
from reelmill.worker.attempt import Attempt

SLOTS = 2


async def nothing(attempt: Attempt) -> tuple[MadeFile, ...]:
    return ()


async def backlog(store: Store, count: int) -> list[NewJob]:
    """Jobs that have waited for an hour, and whose messages are gone."""
    jobs = [await store.submit() for _ in range(count)]
    await store.rows("UPDATE tasks SET ready_time = ready_time - interval '1 h'")
    await store.rows("DELETE FROM outbox")
    return jobs


async def test_a_worker_without_messages_works_a_backlog_off_with_no_interval_between(rig: Rig) -> None:
    jobs = await backlog(rig.store, 5 * SLOTS)
    rig.start(nothing, slots=SLOTS, sweep_seconds=600)  # one interval alone would last longer than the test
    for job in jobs:
        await rig.until(job, "COMPLETED")
    assert await rig.store.value("SELECT count(*) FROM tasks WHERE state = 'COMPLETED'") == len(jobs)


async def test_a_message_only_wakes_and_the_most_urgent_goes_first(rig: Rig) -> None:
    jobs = await backlog(rig.store, 5 * SLOTS)
    last = await rig.submit(priority=0)  # the only message tells of this one
    script = rig.start(nothing, slots=SLOTS, sweep_seconds=600)
    began = [(await script.next()).task.job.id for _ in range(len(jobs) + 1)]
    assert began == [str(job.id) for job in (*jobs, last)]
    for job in (*jobs, last):
        await rig.until(job, "COMPLETED")
