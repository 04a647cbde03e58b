"""What has changed since a mark: every way out of QUEUED is found, whenever its transaction shows itself."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import uuid_utils.compat as uuid_utils
from store.kit import AWAY, BAD_INPUT, TENANT, Store, past

from reelmill.store.changes import ChangeStore, Mark
from reelmill.store.jobs import NewJob
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.switches import GRAPHS

Change = Callable[[Store, NewJob], Awaitable[None]]


async def claimed(store: Store, new: NewJob) -> None:
    await store.claim(new)


async def completed(store: Store, new: NewJob) -> None:
    await store.leases.complete([FinishedTask(lease=(await store.claim(new)).lease)])


async def failed(store: Store, new: NewJob) -> None:
    await store.leases.fail((await store.claim(new)).lease, BAD_INPUT)


async def waits_for_a_retry(store: Store, new: NewJob) -> None:
    await store.leases.retry((await store.claim(new)).lease, AWAY, wait_seconds=3600)


async def given_back(store: Store, new: NewJob) -> None:
    await store.leases.release((await store.claim(new)).lease)


async def rescued(store: Store, new: NewJob) -> None:
    await store.claim(new)
    await store.rows("UPDATE tasks SET lease_until = $2 WHERE job_id = $1", new.id, past())
    assert await store.leases.rescue(limit=9, max_crashes=3, sweep_after_seconds=0)


async def cancelled(store: Store, new: NewJob) -> None:
    await store.jobs.cancel(TENANT, new.id, "")


async def past_its_deadline(store: Store, new: NewJob) -> None:
    await store.rows("UPDATE jobs SET deadline = $2 WHERE id = $1", new.id, past())
    assert await store.leases.expire(limit=9)


async def spread_over_tasks_that_nobody_took(store: Store, new: NewJob) -> None:
    await store.turn(GRAPHS, on=True)
    spawned = NewTask(id=uuid_utils.uuid7(), kind="make_outputs")
    await store.leases.complete([FinishedTask(lease=(await store.claim(new)).lease, spawned=(spawned,))])


@pytest.mark.parametrize(
    "change",
    [
        claimed,
        completed,
        failed,
        waits_for_a_retry,
        given_back,
        rescued,
        cancelled,
        past_its_deadline,
        spread_over_tasks_that_nobody_took,
    ],
)
async def test_every_way_out_of_queued_is_found_once_and_nothing_else(store: Store, change: Change) -> None:
    changes, new, _other = ChangeStore(store.database), await store.submit(), await store.submit()
    began = await changes.since(None, limit=9)
    assert (began.jobs, began.complete) == ([], True)
    assert (await changes.since(began.mark, limit=9)).jobs == []
    await change(store, new)
    found = await changes.since(Mark.parse(str(began.mark)), limit=9)
    assert found.jobs == [(TENANT, new.id, (await store.jobs.get(TENANT, new.id)).version)]
    assert found.read_us > began.read_us
    await store.submit()
    # What ended in the last second is told again: times are compared with room for a transaction that began then.
    assert {job for _, job, _ in (await changes.since(found.mark, limit=9)).jobs} <= {new.id}


async def test_a_transaction_that_was_open_at_the_mark_comes_after_it(store: Store) -> None:
    changes, new = ChangeStore(store.database), await store.submit()
    async with store.database.transaction() as connection:
        await connection.execute("SELECT pg_current_xact_id(), pg_sleep(1.2)")  # longer than the room
        await connection.execute(
            "UPDATE tasks SET state = 'CANCELLED', cancel_requested = true WHERE job_id = $1", new.id
        )
        await connection.execute(
            "UPDATE jobs SET state = 'CANCELLED', end_time = now() WHERE id = $1",  # when the transaction began
            new.id,
        )
        mark = (await changes.since(None, limit=9)).mark
    assert [job for _, job, _ in (await changes.since(mark, limit=9)).jobs] == [new.id]


async def test_more_than_are_wanted_and_marks_of_another_server_are_told(store: Store) -> None:
    changes, new = ChangeStore(store.database), [await store.submit() for _ in range(3)]
    mark = (await changes.since(None, limit=9)).mark
    assert len(await store.leases.claim("me", limit=9)) == len(new)
    for limit, complete in ((2, False), (3, True)):
        found = await changes.since(mark, limit=limit)
        assert (len(found.jobs), found.complete) == (limit, complete)
    assert (await changes.since(replace(mark, server=mark.server - 1), limit=9)).jobs == []
