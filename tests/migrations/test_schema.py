"""Migrations: numbered, applied once whoever calls, and what schema.sql says."""

import asyncio
import dataclasses
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from reelmill.store.migrate import Migration, WrongSchema, migrate, migrations, pending

ROOT = Path(__file__).resolve().parents[2]


async def _applied(url: str) -> list[tuple[int, str]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT number, name FROM schema_migrations ORDER BY number")
    finally:
        await connection.close()
    return [(row["number"], row["name"]) for row in rows]


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [m.number for m in migrations()] == list(range(1, len(migrations()) + 1))
    assert migrations()[0].name == "initial"


async def test_migrating_records_every_migration(empty_database_url: str) -> None:
    assert await migrate(empty_database_url) == migrations()
    assert await _applied(empty_database_url) == [(m.number, m.name) for m in migrations()]


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = await _applied(database_url)
    assert await migrate(database_url) == []
    assert await _applied(database_url) == before


async def test_of_eight_that_migrate_at_once_one_does_it(empty_database_url: str) -> None:
    results = await asyncio.gather(*(migrate(empty_database_url) for _ in range(8)))
    assert sorted(map(len, results)) == [0] * 7 + [len(migrations())]
    assert await _applied(empty_database_url) == [(m.number, m.name) for m in migrations()]


def _with(monkeypatch: pytest.MonkeyPatch, sql: str) -> Migration:
    """A further migration, until `monkeypatch.undo`."""
    known = migrations()
    further = Migration(number=len(known) + 1, name="further", sql=sql)
    monkeypatch.setattr("reelmill.store.migrate.migrations", lambda: [*known, further])
    return further


async def test_older_code_takes_a_schema_that_only_expanded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    further = _with(monkeypatch, "ALTER TABLE users ADD COLUMN note text")
    assert await migrate(database_url) == [further]
    monkeypatch.undo()
    assert await migrate(database_url) == []
    assert (await pending(database_url))[1] == []


async def test_older_code_refuses_a_schema_that_lacks_what_it_uses(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    further = _with(monkeypatch, "-- Contracts: not used since 1.2.0\nDROP TABLE users")
    assert await migrate(database_url) == [further]
    monkeypatch.undo()
    for bring in (migrate, pending):
        with pytest.raises(RuntimeError, match=f"migration {further.number} took away.*newer version"):
            await bring(database_url)


async def test_a_migration_that_was_changed_after_it_was_applied_is_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = migrations()
    changed = dataclasses.replace(first, sql=first.sql + "\n-- a comment is a change too\n")
    monkeypatch.setattr("reelmill.store.migrate.migrations", lambda: [changed, *others])
    for bring in (migrate, pending):
        with pytest.raises(WrongSchema, match=r"0001_initial\.sql was changed after .*: run the release"):
            await bring(database_url)
    monkeypatch.setattr("reelmill.store.migrate.migrations", lambda: [first, *others])
    assert await migrate(database_url) == []


async def test_what_a_release_without_checksums_applied_is_trusted_and_filled_in_once(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(
            "CREATE TABLE schema_migrations (number int PRIMARY KEY, name text NOT NULL, "
            "time timestamptz NOT NULL DEFAULT clock_timestamp(), contracts boolean NOT NULL DEFAULT false)"
        )
        for migration in migrations():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name
            )
        assert (await pending(empty_database_url))[1] == []
        assert await migrate(empty_database_url) == []
        filled = dict(await connection.fetch("SELECT number, checksum FROM schema_migrations"))
        assert filled == {m.number: m.checksum for m in migrations()}
        # What the release before writes is taken still.
        await connection.execute("INSERT INTO schema_migrations (number, name, contracts) VALUES (99, 'its', false)")
    finally:
        await connection.close()


def test_schema_sql_is_what_the_migrations_make(database_url: str) -> None:
    argv = [sys.executable, "scripts/dump_schema.py", "--check", "--url", database_url]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
