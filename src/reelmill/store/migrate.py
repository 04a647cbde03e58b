"""Numbered, forward-only migrations, each in a transaction, under one advisory lock.

A migration adds only, so that the release before runs on its schema too. One that takes away what an older release
used says so in a line of its own, and the database remembers: `-- Contracts: not used since 1.2.0`.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from reelmill.store.database import check_url

CONTRACTS = re.compile(r"^-- Contracts: not used since (\d+\.\d+\.\d+)$", re.M)
"""The line; its group is the first release that did not use what is taken away."""
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
    """The migrations that a database lacks. Raises RuntimeError where this code is too old for it."""
    there = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    applied = await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations") if there else 0
    known = migrations()
    if applied > len(known):  # so who applied it knew of the column
        taken = await connection.fetchval(
            "SELECT max(number) FROM schema_migrations WHERE contracts AND number > $1", len(known)
        )
        if taken:
            raise RuntimeError(
                f"the database's migration {taken} took away what this Reelmill, which knows {len(known)}, uses: "
                "run a newer version"
            )
    return known[applied:]


async def migrate(url: str) -> list[Migration]:
    """Bring the database up to date; answers what was applied. Any number may run at once.

    A database that is newer stays as it is. Raises RuntimeError where this code is too old for it, and ValueError for
    a URL of another form.
    """
    check_url(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "number int PRIMARY KEY, name text NOT NULL, time timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        await connection.execute(
            "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS contracts boolean NOT NULL DEFAULT false"
        )
        lacking = await missing(connection)
        for migration in lacking:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (number, name, contracts) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    CONTRACTS.search(migration.sql) is not None,
                )
        return lacking
    finally:
        await connection.close()
