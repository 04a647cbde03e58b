"""The hot statements find their rows by an index, however large the tables are."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import asyncpg
import pytest
from services.databases import Databases

from reelmill.store.leases import BEGINNING
from reelmill.store.sql import queries

ROWS = 20_000
_TENANT, _SET = uuid.UUID(int=1), uuid.uuid4()  # a job with many files
_FILL = f"""
INSERT INTO jobs (id, tenant_id, user_id, priority, spec, output_prefix, open_tasks, deadline)
SELECT uuidv7(), '{_TENANT}', gen_random_uuid(), i % 101, '', 'file:///x/', 1,
       CASE WHEN i % 100 = 0 THEN now() + interval '1 day' END
FROM generate_series(1, {ROWS}) i;
INSERT INTO tasks (id, job_id, tenant_id, kind, state, priority, ready_time)
SELECT uuidv7(), id, tenant_id, 'run_job', 'READY', priority, now() FROM jobs;
UPDATE tasks SET state = 'RUNNING', fence = 1, lease_until = now() + interval '1 h'
WHERE id IN (SELECT id FROM tasks ORDER BY id LIMIT 5000);
UPDATE tasks SET state = 'DELAYED', lease_until = NULL, run_at = now() + interval '1 h'
WHERE id IN (SELECT id FROM tasks ORDER BY id LIMIT 2000);
INSERT INTO storage_deletions (uri, not_before) SELECT '', now() + interval '1 h' FROM generate_series(1, {ROWS});
INSERT INTO job_logs (job_id, tenant_id, level, attempt, message) SELECT id, tenant_id, 'INFO', 1, '' FROM jobs;
INSERT INTO output_files SELECT id, tenant_id, 'a', 0, '', '', 1, '' FROM jobs;
INSERT INTO jobs (id, tenant_id, user_id, priority, spec, output_prefix, open_tasks, state, end_time)
VALUES ('{_SET}', '{_TENANT}', gen_random_uuid(), 50, '', 'file:///x/', 0, 'COMPLETED', now());
INSERT INTO output_files
SELECT '{_SET}', '{_TENANT}', 'a', i, '', 'file:///x/{_SET}-1/a/video/' || i || '.m4s', 1, ''
FROM generate_series(0, {ROWS}) i;
INSERT INTO users (id, tenant_id, name)
SELECT gen_random_uuid(), '{_TENANT}', i::text FROM generate_series(1, {ROWS}) i;
INSERT INTO api_keys (id, tenant_id, user_id, name, role, hash)
SELECT name, tenant_id, id, '', 'viewer', decode(repeat('00', 32), 'hex') FROM users;
INSERT INTO audit_events (tenant_id, key_id, user_name, method, target, address, outcome)
SELECT tenant_id, '', '', '', '', '', 'OK' FROM jobs;
ALTER TABLE task_dependencies DISABLE TRIGGER USER;
INSERT INTO task_dependencies SELECT id, lead(id, 1, id) OVER (ORDER BY id) FROM tasks;
INSERT INTO webhooks (id, tenant_id, job_id, url, events)
SELECT id, tenant_id, CASE WHEN i > 50 THEN id END, '', '{{}}' FROM (SELECT *, row_number() OVER () AS i FROM jobs) j;
INSERT INTO webhook_secrets (signer_id, tenant_id, sealed) SELECT id, tenant_id, '' FROM webhooks;
INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, job_id, sequence)
SELECT id, tenant_id, '', '', id, 1 FROM jobs;
UPDATE webhook_deliveries SET state = 'DELIVERED', next_time = NULL WHERE id % 10 > 0;
INSERT INTO results SELECT id, 'a', tenant_id, sha256(id::text::bytea) FROM jobs;
INSERT INTO input_digests SELECT tenant_id, sha256(id::text::bytea), '' FROM jobs;
INSERT INTO idempotency_keys SELECT tenant_id, id::text, '', id FROM jobs;
ANALYZE;
"""
_ID, _IDS = uuid.uuid4(), [uuid.uuid4() for _ in range(8)]
_LEASE, _ONES = timedelta(seconds=10), [1] * 8
HOT: dict[str, tuple[str, list[object]]] = {
    "claim_tasks": ("leases", [["run_job"], "me", _LEASE, 8, ["default"], BEGINNING]),
    "oldest_ready": ("leases", [BEGINNING, _LEASE]),
    "heartbeat": ("leases", [_IDS, _ONES, _LEASE]),
    "report": ("leases", [_ID, 1, None, [], [], [], [], []]),
    "complete_tasks": ("leases", [_IDS, _ONES, *[[]] * 16]),
    "complete_and_spawn": ("leases", [_IDS, _ONES, *[[]] * 26]),
    "completed_job": ("leases", [_ID, 1]),
    "lock_task": ("leases", [_ID, 1]),
    "lock_job": ("leases", [_ID]),
    "is_empty": ("leases", [_ID]),
    "retry_task": ("leases", [_ID, 1, _LEASE, b""]),
    "release_task": ("leases", [_ID, 1]),
    "fail_task": ("leases", [_ID, 1, b""]),
    "cancel_task": ("leases", [_ID, 1]),
    "rescue_tasks": ("leases", [100, 3, b"", _LEASE]),
    "wake_delayed": ("leases", [100]),
    "expire_jobs": ("leases", [100, b""]),
    "get_jobs": ("jobs", [_ID, _IDS]),
    "get_versions": ("jobs", [_ID, _IDS]),
    "get_retry": ("jobs", [_ID, _ID]),
    "get_files": ("jobs", [_ID, _IDS, 100]),
    "get_file_sums": ("jobs", [_ID, _IDS, ["a"] * 8]),
    "get_results": ("jobs", [_ID, _IDS, ["run_job"]]),
    "list_files": ("jobs", [_ID, _ID, "a", -1, 50, 2**21]),
    "find_file": ("jobs", [_ID, _ID, "a", "web.mp4"]),
    "list_jobs": ("jobs", [_ID, None, None, None, None, None, 50, 2**21, 100]),
    "list_own_jobs": ("jobs", [_ID, None, None, None, None, None, 50, 2**21, 100, _ID]),
    "get_owner": ("jobs", [_ID, _ID]),
    "find_keys": ("access", [["a", "b"], _LEASE]),
    "note_use": ("access", [_ID, "a", _LEASE]),
    "list_audit_events": ("access", [_ID, 2**63 - 1, 50]),
    "delete_audit_events": ("access", [timedelta(days=1), 100]),
    "cancel_job": ("jobs", [_ID, _ID, ""]),
    "get_idempotency_keys": ("jobs", [_ID, ["a", "b"]]),
    "list_events": ("history", [_ID, _ID, 0, 50, 2**21]),
    "events_after": ("history", [_ID, _IDS, _ONES, 50]),
    "list_logs": ("history", [_ID, _ID, 0, 50, 2**21]),
    "job_of_tasks": ("tasks", [_ID, _ID]),
    "list_tasks": ("tasks", [_ID, _ID, _ID, 50, 2**21]),
    "ready_tasks": ("tasks", [1000, 64]),
    "tasks_before": ("tasks", [["default"], ["run_job", "make_outputs"], 1000, _IDS]),
    "lock_outbox": ("outbox", [1000]),
    "delete_outbox": ("outbox", [_ONES]),
    "take_messages": ("queue", [["tasks.high", "tasks.low"], 8, 30.0, "default"]),
    "warn_unserved": ("unserved", [["run_job"], ["default"], ["waits"], _LEASE, 100]),
    "unpin": ("unserved", [["run_job"], ["default"], _LEASE, "engine=", 100]),
    "insert_webhook": ("webhooks", [_ID, _TENANT, "", [], 100]),
    "get_secrets": ("webhooks", [_IDS]),
    "get_webhook": ("webhooks", [_TENANT, _ID]),
    "list_webhooks": ("webhooks", [_TENANT, _ID, 50]),
    "list_deliveries": ("webhooks", [_TENANT, _ID, 2**62, None, 50]),
    "list_deliveries_of_job": ("webhooks", [_TENANT, _ID, 2**62, None, 50]),
    "redeliver": ("webhooks", [_TENANT, _ID, None, None, 100]),
    "waiting_webhooks": ("deliveries", [_ID, 100]),
    "claim_deliveries": ("deliveries", [_IDS, False, 100, 16, _LEASE, 64]),
    "jobs_as_of": ("deliveries", [_TENANT, _IDS, _ONES]),
    "record_tries": ("deliveries", [_ONES, _ONES, *[[]] * 6, _LEASE]),
    "postpone_followers": ("deliveries", [_ONES]),
    "record_endpoints": ("deliveries", [_IDS, *[[]] * 4, 1.0, 1.0, _LEASE]),
    "measure_deliveries": ("deliveries", [_IDS]),
    "delete_job": ("retention", [_ID, _ID, "file:///x/"]),
    "delete_some": ("retention", [_ID, 500, "file:///x/", None, None, None, None]),
    "find_results": ("results", [_ID, [b"a", b"b"], _LEASE, _LEASE]),
    "result_files": ("results", [_ID, _ID, "a", 50]),
    "insert_results": ("results", [_IDS, _ONES, ["a"] * 8, [b"a"] * 8]),
    "get_digests": ("results", [_ID, [b"a", b"b"]]),
    "delete_digests": ("results", [_LEASE]),
    "delete_jobs": ("retention", [timedelta(days=1), 100, "file:///x/"]),
    "delete_idempotency_keys": ("retention", [timedelta(days=1)]),
    "lock_storage_deletions": ("retention", [100]),
}
DUE = (
    "rescue_tasks",
    "wake_delayed",
    "expire_jobs",
    "delete_jobs",
    "delete_digests",
    "delete_idempotency_keys",
    "lock_storage_deletions",
)


@pytest.fixture(scope="module")
def full_database(databases: Databases) -> Iterator[str]:
    """A database with many rows in each table."""

    async def make() -> str:
        url = await databases.create()
        connection = await asyncpg.connect(url)
        await connection.execute(_FILL)
        await connection.close()
        return url

    url = asyncio.run(make())
    yield url
    asyncio.run(databases.drop(url))


def _scanned(plan: object) -> Iterator[str]:
    """Tables that a plan reads from end to end."""
    if isinstance(plan, list):
        for part in plan:
            yield from _scanned(part)
    elif isinstance(plan, dict):
        if plan.get("Node Type") == "Seq Scan":
            yield plan["Relation Name"]
        for part in plan.values():
            yield from _scanned(part)


def _removed(plan: object) -> int:
    """Rows that a plan read and did not want."""
    if isinstance(plan, list):
        return sum(map(_removed, plan))
    if isinstance(plan, dict):
        return int(plan.get("Rows Removed by Filter", 0)) + sum(map(_removed, plan.values()))
    return 0


@pytest.mark.parametrize("options", ["FORMAT JSON", "FORMAT JSON, GENERIC_PLAN"])
async def test_no_hot_statement_reads_a_whole_table(full_database: str, options: str) -> None:
    connection = await asyncpg.connect(full_database)
    found = {}
    for name, (room, arguments) in HOT.items():
        text = await connection.fetchval(f"EXPLAIN ({options}) {queries(room)[name]}", *arguments)
        if scanned := set(_scanned(json.loads(text))):
            found[name] = scanned
    await connection.close()
    assert found == {}


async def test_looking_for_what_is_due_reads_nothing_else(full_database: str) -> None:
    connection = await asyncpg.connect(full_database)
    found = {}
    for name in DUE:  # nothing is due
        room, arguments = HOT[name]
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE) {queries(room)[name]}", *arguments)
        found[name] = _removed(json.loads(text))
    await connection.close()
    assert found == dict.fromkeys(DUE, 0)


@pytest.mark.parametrize(
    ("name", "arguments", "rows"),
    [
        ("find_file", ["video/19999.m4s"], 1),
        ("find_file", ["video/none.m4s"], 0),
        ("list_files", [15_000, 50, 2**21], 50),
    ],
)
async def test_a_file_of_many_is_found_and_listed_without_the_others(
    full_database: str, name: str, arguments: list[object], rows: int
) -> None:
    connection = await asyncpg.connect(full_database)
    query = queries("jobs")[name]
    text = await connection.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE) {query}", _TENANT, _SET, "a", *arguments)
    found = await connection.fetch(query, _TENANT, _SET, "a", *arguments)
    await connection.close()
    assert (len(found), _removed(json.loads(text))) == (rows, 0)
