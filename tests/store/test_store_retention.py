"""What is kept no longer, and that nothing else goes."""

from datetime import timedelta

import pytest
from store.kit import AWAY, Store, made

from reelmill.jobs.states import TaskState

OWN = "file:///own/"
NOW = timedelta(0)


async def test_old_jobs_go_with_all_that_belongs_to_them(store: Store) -> None:
    task = await store.running(prefix="file:///own/outputs")
    await store.complete(task, made())
    assert await store.retention.delete_jobs(NOW, own_storage=OWN, limit=9) == 1
    left = {table: rows for table, rows in (await store.everything()).items() if rows}
    assert set(left) == {"outbox", "storage_deletions"}
    assert [r["uri"] for r in left["storage_deletions"]] == [task.output_prefix]


async def test_young_and_unfinished_jobs_stay(store: Store) -> None:
    await store.brought_to(TaskState.COMPLETED)
    for state in (TaskState.READY, TaskState.DELAYED, TaskState.RUNNING):
        await store.brought_to(state)
    assert await store.retention.delete_jobs(timedelta(days=1), own_storage=OWN, limit=9) == 0
    assert await store.retention.delete_jobs(NOW, own_storage=OWN, limit=9) == 1


async def test_files_outside_our_own_storage_stay(store: Store) -> None:
    await store.complete(await store.running(prefix="file:///theirs"), made())
    assert await store.retention.delete_jobs(NOW, own_storage=OWN, limit=9) == 1
    assert await store.value("SELECT count(*) FROM storage_deletions") == 0


async def test_the_folders_of_every_attempt_go(store: Store) -> None:
    task = await store.running(prefix="file:///own")
    await store.leases.retry(task.lease, AWAY, wait_seconds=0)
    await store.leases.wake_delayed(limit=1)
    [again] = await store.claim_these([task.id])
    await store.complete(again, made())
    await store.rows("DELETE FROM storage_deletions")
    await store.retention.delete_jobs(NOW, own_storage=OWN, limit=9)
    uris = {uri for _, uri in await store.retention.due_deletions(limit=9)}
    assert uris == {task.output_prefix, again.output_prefix}


async def test_a_folder_is_given_to_one_scheduler_and_comes_again_ever_later(store: Store) -> None:
    await store.rows("INSERT INTO storage_deletions (uri, not_before) VALUES ('file:///x/', '-infinity')")
    waits = []
    for _ in range(3):
        [(row_id, uri)] = await store.retention.due_deletions(limit=9)
        assert uri == "file:///x/"
        assert await store.retention.due_deletions(limit=9) == []
        wait = "SELECT round(extract(epoch FROM not_before - clock_timestamp()) / 60) FROM storage_deletions"
        waits.append(await store.value(wait))
        await store.rows("UPDATE storage_deletions SET not_before = '-infinity'")
    assert waits == [1, 2, 4]
    await store.retention.deleted([row_id])
    assert await store.retention.due_deletions(limit=9) == []


@pytest.mark.parametrize(("tries", "given_up"), [(23, []), (24, ["file:///x/"])])
async def test_a_folder_that_cannot_be_deleted_is_given_up(store: Store, tries: int, given_up: list[str]) -> None:
    await store.rows("INSERT INTO storage_deletions (uri, not_before, tries) VALUES ('file:///x/', now(), $1)", tries)
    assert await store.retention.give_up() == given_up


async def test_keys_and_forgotten_messages_are_trimmed_and_tasks_messages_stay(store: Store) -> None:
    await store.submit(key="old")
    await store.rows("UPDATE idempotency_keys SET create_time = now() - interval '3 days'")
    await store.rows("UPDATE outbox SET create_time = now() - interval '3 days'")
    await store.submit(key="new")
    await store.retention.trim()
    assert await store.value("SELECT array_agg(key) FROM idempotency_keys") == ["new"]
    assert await store.value("SELECT array_agg(topic ORDER BY topic) FROM outbox") == ["events"] + 2 * ["tasks.normal"]


@pytest.mark.parametrize(("hours", "kept"), [(24, True), (47, True), (49, False)])
async def test_a_key_is_kept_for_two_days(store: Store, hours: int, kept: bool) -> None:
    """The API promises 24 hours: a key that goes before makes a second job of a repeated call."""
    new = await store.submit(key="k")
    age = timedelta(hours=hours)
    await store.rows("UPDATE idempotency_keys SET create_time = now() - $1::interval", age)
    await store.rows("UPDATE outbox SET create_time = now() - $1::interval WHERE topic = 'events'", age)
    await store.retention.trim()
    assert await store.value("SELECT job_id FROM idempotency_keys") == (new.id if kept else None)
    assert await store.value("SELECT count(*) FROM outbox WHERE topic = 'events'") == int(kept)


async def test_a_round_takes_the_oldest_and_no_more_than_its_limit(store: Store) -> None:
    jobs = [await store.brought_to(TaskState.COMPLETED) for _ in range(3)]
    assert await store.retention.delete_jobs(NOW, own_storage=OWN, limit=2) == 2
    assert await store.value("SELECT array_agg(id) FROM jobs") == [jobs[2].id]
    for i in range(3):
        query = "INSERT INTO storage_deletions (uri, not_before) VALUES ($1, now() - $2 * interval '1 minute')"
        await store.rows(query, f"file:///{i}/", i)
    assert [uri for _, uri in await store.retention.due_deletions(limit=2)] == ["file:///2/", "file:///1/"]
    assert [uri for _, uri in await store.retention.due_deletions(limit=2)] == ["file:///0/"]
