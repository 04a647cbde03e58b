"""Migrations: numbered, applied once whoever calls, and what schema.sql says."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from reelmill.store.migrate import migrate, migrations

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


async def test_a_database_newer_than_the_code_is_refused(database_url: str) -> None:
    newest = len(migrations()) + 1
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO schema_migrations (number, name) VALUES ($1, 'future')", newest)
    finally:
        await connection.close()
    with pytest.raises(RuntimeError, match=f"migration {newest}.*newer version"):
        await migrate(database_url)


def test_schema_sql_is_what_the_migrations_make(database_url: str) -> None:
    argv = [sys.executable, "scripts/dump_schema.py", "--check", "--url", database_url]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
