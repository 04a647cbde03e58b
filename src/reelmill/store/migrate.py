"""Numbered, forward-only migrations, each in a transaction, under one advisory lock."""

import re
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from reelmill.store.database import check_url

_LOCK = 0x7265656C6D696C6C  # "reelmill" in ASCII


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """A migration file."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations in order. Raises ValueError unless they are numbered 1, 2, 3, … ."""
    found = []
    for path in (files("reelmill.store") / "migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name):
            found.append(Migration(number=int(match[1]), name=match[2], sql=path.read_text()))
    found.sort(key=lambda m: m.number)
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations must be numbered 1, 2, 3, …: {[m.number for m in found]}")
    return found


async def pending(url: str) -> tuple[str, list[Migration]]:
    """The server's version, and the migrations that a database lacks."""
    check_url(url)
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return str(await connection.fetchval("SHOW server_version")), await missing(connection)
    finally:
        await connection.close()


async def missing(connection: asyncpg.Connection) -> list[Migration]:
    """The migrations that a database lacks."""
    there = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    applied = await connection.fetchval("SELECT max(number) FROM schema_migrations") if there else 0
    return migrations()[applied or 0 :]


async def migrate(url: str) -> list[Migration]:
    """Bring the database up to date; answers what was applied. Any number may run at once.

    Raises RuntimeError where the database is newer than this code, and ValueError for a URL of another form.
    """
    check_url(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "number int PRIMARY KEY, name text NOT NULL, time timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        applied = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations")
        known = migrations()
        if applied > len(known):
            raise RuntimeError(
                f"the database has migration {applied}, this Reelmill knows {len(known)}: run a newer version"
            )
        for migration in known[applied:]:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name
                )
        return known[applied:]
    finally:
        await connection.close()
