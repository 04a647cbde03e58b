"""Statements that hold a lease find their rows by id, though the statistics are from a quiet hour.

With them PostgreSQL believes that nothing is RUNNING or READY, and that an index of just those rows is
the cheapest way to any of them. Then each heartbeat would read all that runs.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from services.databases import Databases

from reelmill.store.leases import BEGINNING
from reelmill.store.sql import queries

BUSY = 1000  # tasks that are RUNNING, and as many that are READY
_TENANT = "00000000-0000-0000-0000-000000000001"
_JOBS = f"""
INSERT INTO jobs (id, tenant_id, user_id, state, priority, spec, output_prefix, open_tasks, end_time)
SELECT uuidv7(), '{_TENANT}', gen_random_uuid(), $1::job_state, 50, '', 'file:///x/', 1,
       CASE WHEN $1::job_state = 'COMPLETED' THEN now() END
FROM generate_series(1, $2::int)
"""
_TASKS = """
INSERT INTO tasks (id, job_id, tenant_id, kind, state, priority, ready_time)
SELECT uuidv7(), id, tenant_id, 'run_job', $1, 50, now() - interval '1 h' FROM jobs WHERE state = $2
"""
_LEASE = timedelta(minutes=1)


def _claim(limit: int) -> list[object]:
    return [["run_job"], "me", _LEASE, limit, ["default"], BEGINNING]


@pytest.fixture(scope="module")
def busy_database(databases: Databases) -> Iterator[str]:
    """A database that was analyzed when all was done, and has much to do since."""

    async def make() -> str:
        url = await databases.create()
        connection = await asyncpg.connect(url)
        await connection.execute(_JOBS, "COMPLETED", 10 * BUSY)
        await connection.execute(_TASKS, "COMPLETED", "COMPLETED")
        await connection.execute("ALTER TABLE tasks SET (autovacuum_enabled = false)")
        await connection.execute("ALTER TABLE jobs SET (autovacuum_enabled = false)")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute(_JOBS, "QUEUED", 2 * BUSY)
        await connection.execute(_TASKS, "READY", "QUEUED")
        await connection.fetch(queries("leases")["claim_tasks"], *_claim(BUSY))
        await connection.close()
        return url

    url = asyncio.run(make())
    yield url
    asyncio.run(databases.drop(url))


def _read(plan: Any) -> int:
    """Rows of tables that a plan reads, wanted or not."""
    if isinstance(plan, list):
        return sum(map(_read, plan))
    if not isinstance(plan, dict):
        return 0
    own = 0
    if plan.get("Node Type", "").endswith("Scan") and "Relation Name" in plan:
        rows = plan["Actual Rows"] + sum(n for key, n in plan.items() if key.startswith("Rows Removed"))
        own = int(rows * plan["Actual Loops"])
    return own + sum(map(_read, plan.values()))


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_statements_by_lease_read_few_rows_though_nothing_ran_when_statistics_were_taken(
    busy_database: str, mode: str
) -> None:
    connection = await asyncpg.connect(busy_database, server_settings={"plan_cache_mode": mode})
    tasks = await connection.fetch("SELECT id FROM tasks WHERE state = 'RUNNING' LIMIT 20")
    ids, one = [t["id"] for t in tasks], tasks[0]["id"]
    arguments: dict[str, list[object]] = {
        "claim_tasks": _claim(20),
        "oldest_ready": [BEGINNING, _LEASE],
        "heartbeat": [ids, [1] * 20, _LEASE],
        "report": [one, 1, "PACKAGING", [], [], [], [], []],
        "complete_tasks": [ids, [1] * 20, *[[]] * 16],
        "complete_and_spawn": [ids, [1] * 20, *[[]] * 26],
        "retry_task": [one, 1, _LEASE, b""],
        "release_task": [one, 1],
        "fail_task": [one, 1, b""],
        "cancel_task": [one, 1],
        "completed_job": [one, 1],
    }
    read = {}
    for name, values in arguments.items():
        await connection.execute("BEGIN")
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {queries('leases')[name]}", *values)
        await connection.execute("ROLLBACK")
        read[name] = _read(json.loads(text))
    await connection.close()
    assert {name: rows for name, rows in read.items() if rows > 100} == {}
