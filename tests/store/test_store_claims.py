"""A claim reads what it takes and hardly more: whatever else is READY, and though nobody may clean up what was taken.

The database was analyzed in a quiet hour, and has these tasks since.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from effort import short_or_long
from services.databases import Databases

from reelmill.store.leases import BEGINNING
from reelmill.store.sql import queries

READY = short_or_long(100_000, 1_000_000)
TAKEN = 20_000
_LEASE = timedelta(minutes=1)
_TENANT = "00000000-0000-0000-0000-000000000001"
_MAX_PAGES = 1_000  # for 20 tasks and their jobs, with events; 700 were seen
_JOB = f"""
INSERT INTO jobs (id, tenant_id, user_id, priority, spec, output_prefix, open_tasks)
SELECT uuidv7(), '{_TENANT}', gen_random_uuid(), 50, '', 'file:///x/', 1 FROM generate_series(1, $1::int)
RETURNING id
"""
_TASKS = f"""
INSERT INTO tasks (id, job_id, tenant_id, kind, place, state, priority, ready_time)
SELECT uuidv7(), $1, '{_TENANT}', $2, $3, 'READY', $4, clock_timestamp() FROM generate_series(1, $5::int)
"""


@pytest.fixture(scope="module")
def crowded(databases: Databases) -> Iterator[str]:
    """A database full of READY tasks that a plain worker can't take, all of them more urgent and older."""

    async def make() -> str:
        url = await databases.create()
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = false)")
        await connection.execute("ALTER TABLE tasks DISABLE TRIGGER announce_new_tasks")
        await connection.execute("VACUUM ANALYZE")
        [other] = await connection.fetch(_JOB, 1)
        await connection.execute(_TASKS, other["id"], "chunk", "default", 90, READY // 2)
        await connection.execute(_TASKS, other["id"], "run_job", "large", 90, READY // 2)
        for job in await connection.fetch(_JOB, 100):
            await connection.execute(_TASKS, job["id"], "run_job", "default", 50, 1)
        await connection.close()
        return url

    url = asyncio.run(make())
    yield url
    asyncio.run(databases.drop(url))


async def pages(connection: asyncpg.Connection, name: str, *arguments: object) -> int:
    """How many pages a statement touches."""
    text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {queries('leases')[name]}", *arguments)
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def claim_pages(connection: asyncpg.Connection, since: datetime) -> int:
    """Of a claim of 20 by a plain worker, which is undone."""
    async with connection.transaction():
        await connection.execute("SET LOCAL reelmill.publish_events = off")
        touched = await pages(connection, "claim_tasks", ["run_job"], "me", _LEASE, 20, ["default"], since)
        running = await connection.fetchval("SELECT count(*) FROM tasks WHERE state = 'RUNNING'")
        await connection.execute("UPDATE tasks SET lease_until = NULL, state = 'READY' WHERE state = 'RUNNING'")
    assert running == 20
    return touched


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_a_claim_reads_nothing_that_it_can_not_take(crowded: str, mode: str) -> None:
    connection = await asyncpg.connect(crowded, server_settings={"plan_cache_mode": mode})
    assert await claim_pages(connection, BEGINNING) < _MAX_PAGES
    assert await pages(connection, "oldest_ready", BEGINNING, _LEASE) < 20
    await connection.close()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_what_was_taken_costs_nothing_though_a_snapshot_keeps_it(databases: Databases, mode: str) -> None:
    url = await databases.create()
    connection = await asyncpg.connect(url, server_settings={"plan_cache_mode": mode})
    reader = await asyncpg.connect(url)
    snapshot = reader.transaction(isolation="repeatable_read")
    await snapshot.start()
    await reader.fetchval("SELECT count(*) FROM tasks")
    [job] = await connection.fetch(_JOB, 1)
    for priority in (90, 50):
        await connection.execute(_TASKS, job["id"], "run_job", "default", priority, TAKEN // 2)
    # Each of these leaves an entry before all that follows, in each index of READY tasks.
    await connection.execute("UPDATE tasks SET state = 'RUNNING', fence = 1, lease_until = 'infinity'")
    await connection.execute("UPDATE tasks SET state = 'COMPLETED', lease_until = NULL")
    for follows in await connection.fetch(_JOB, 20):
        await connection.execute(_TASKS, follows["id"], "run_job", "default", 50, 1)
    assert await pages(connection, "oldest_ready", BEGINNING, timedelta(0)) > TAKEN / 200, "the entries are there"
    since = await connection.fetchval(queries("leases")["oldest_ready"], BEGINNING, timedelta(0))
    assert await pages(connection, "oldest_ready", since, timedelta(0)) < 20
    assert await claim_pages(connection, since) < _MAX_PAGES
    await snapshot.rollback()
    await reader.close()
    await connection.close()
    await databases.drop(url)
