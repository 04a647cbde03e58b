"""Migrations expand, and contract a release later: processes of the release before go on with the new schema."""

import hashlib
from pathlib import Path

import asyncpg
import pytest
from migrations.catalog import missed, read

from reelmill.store.migrate import CONTRACTS, migrations

ROOT = Path(__file__).resolve().parents[2]
RELEASED = Path(__file__).with_name("released.sha256")

EXPANDS = [
    "CREATE TABLE notes (job_id uuid NOT NULL)",
    "ALTER TABLE jobs ADD COLUMN note text",
    "ALTER TABLE jobs ADD COLUMN note text NOT NULL DEFAULT ''",
    "CREATE INDEX jobs_by_user ON jobs (user_id)",
    "ALTER TYPE job_phase ADD VALUE 'PUBLISHING'",
    "ALTER TABLE jobs DROP CONSTRAINT jobs_priority_check",
    "CREATE OR REPLACE FUNCTION task_topic(priority smallint) RETURNS text LANGUAGE sql AS $$ SELECT 'tasks.low' $$",
]
CONTRACTIONS = [
    "DROP TABLE users",
    "ALTER TABLE jobs DROP COLUMN labels",
    "ALTER TABLE jobs RENAME COLUMN labels TO tags",
    "ALTER TABLE jobs RENAME TO work",
    "ALTER TABLE jobs ALTER COLUMN priority TYPE int",
    "ALTER TABLE jobs ALTER COLUMN deadline SET NOT NULL",
    "ALTER TABLE jobs ALTER COLUMN attempt DROP DEFAULT",
    "ALTER TABLE jobs ADD COLUMN note text NOT NULL",
    "ALTER TABLE jobs ADD CHECK (attempt < 100)",
    "CREATE UNIQUE INDEX one_job ON jobs (user_id)",
    "ALTER TABLE tasks ADD FOREIGN KEY (tenant_id) REFERENCES tenants",
    "DROP INDEX jobs_retries",
    "DROP TRIGGER guard_job ON jobs",
    "ALTER TYPE job_phase RENAME VALUE 'PROBING' TO 'LOOKING'",
    "DROP FUNCTION announce_task CASCADE",
]


async def _missed(connection: asyncpg.Connection, change: str) -> list[str]:
    """What the release before would miss after a change."""
    before = await read(connection)
    await connection.execute(change)
    return list(missed(before, await read(connection)))


async def _would_miss(url: str, change: str) -> list[str]:
    """The same, of a change that is taken back: so the next test is lent the same database."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("BEGIN")
        return await _missed(connection, change)
    finally:
        await connection.close()


async def test_each_migration_expands_unless_it_says_what_it_contracts(empty_database_url: str) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    first, *later = migrations()
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(first.sql)
        for migration in later:
            problems = await _missed(connection, migration.sql)
            if problems and (marked := CONTRACTS.search(migration.sql)):
                assert f"## {marked[1]}" in changelog, f"{migration.name}: {marked[1]} is not released"
            else:
                assert problems == [], f"{migration.name} takes away what the release before uses"
    finally:
        await connection.close()


@pytest.mark.parametrize("change", EXPANDS)
async def test_what_adds_is_an_expansion(database_url: str, change: str) -> None:
    assert await _would_miss(database_url, change) == []


@pytest.mark.parametrize("change", CONTRACTIONS)
async def test_what_takes_away_is_told(database_url: str, change: str) -> None:
    assert await _would_miss(database_url, change) != []


def test_a_released_migration_never_changes() -> None:
    folder = ROOT / "src/reelmill/store/migrations"
    released = dict(reversed(line.split()) for line in RELEASED.read_text().splitlines())
    kept = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in released}
    assert kept == released, "make a new migration instead"
    assert "0001_initial.sql" in released
