"""Numbered, forward-only migrations, each in a transaction, under one advisory lock.

A migration adds only, so that the release before runs on its schema too. One that takes away what an older release
used says so in a line of its own, and the database remembers: `-- Contracts: not used since 1.2.0`.

It remembers each one's checksum too, so that a migration is noticed that was changed after it was applied.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

import asyncpg

from reelmill.store.database import check_url
from reelmill.store.switches import turn

CONTRACTS = re.compile(r"^-- Contracts: not used since (\d+\.\d+\.\d+)$", re.M)
"""The line; its group is the first release that did not use what is taken away."""
_LOCK = 0x7265656C6D696C6C  # "reelmill" in ASCII


class WrongSchema(RuntimeError):
    """The database was not made by this code's migrations; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """A migration file."""

    number: int
    name: str
    sql: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.number:04}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        """SHA-256 of its text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


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
    """The migrations that a database lacks.

    Raises WrongSchema where this code is too old for it, or where a migration was changed after it was applied.
    """
    there = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    # As JSON: a release that knew no checksums may have made the table.
    query = "SELECT number, to_jsonb(m) ->> 'checksum' AS checksum FROM schema_migrations m ORDER BY number"
    checksums = dict(await connection.fetch(query)) if there else {}
    applied, known = max(checksums, default=0), migrations()
    for migration in known[:applied]:
        if checksums.get(migration.number) not in (None, migration.checksum):
            raise WrongSchema(
                f"migration {migration.file} was changed after this database applied it: run the release that the "
                "database is of (or put the file back), and make a change of the schema a new migration; "
                "a database that may go: make a new one"
            )
    if applied > len(known):  # so who applied it knew of the column
        taken = await connection.fetchval(
            "SELECT max(number) FROM schema_migrations WHERE contracts AND number > $1", len(known)
        )
        if taken:
            raise WrongSchema(
                f"the database's migration {taken} took away what this Reelmill, which knows {len(known)}, uses: "
                "run a newer version"
            )
    return known[applied:]


async def migrate(url: str, switches: Mapping[str, bool] = MappingProxyType({})) -> list[Migration]:
    """Bring the database up to date, then turn switches; answers what was applied. Any number may run at once.

    A database that is newer stays as it is. Migrations that a release without checksums applied are taken for ours, and
    theirs are kept from then on. Raises WrongSchema where this code is too old for the database or a migration was
    changed after it was applied, and ValueError for a URL of another form.
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
            "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS contracts boolean NOT NULL DEFAULT false, "
            "ADD COLUMN IF NOT EXISTS checksum text"
        )
        lacking = await missing(connection)
        known = [(migration.number, migration.checksum) for migration in migrations()]
        await connection.executemany(
            "UPDATE schema_migrations SET checksum = $2 WHERE number = $1 AND checksum IS NULL", known
        )
        for migration in lacking:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (number, name, contracts, checksum) VALUES ($1, $2, $3, $4)",
                    migration.number,
                    migration.name,
                    CONTRACTS.search(migration.sql) is not None,
                    migration.checksum,
                )
        for name, on in switches.items():
            await turn(connection, name, on=on)
        return lacking
    finally:
        await connection.close()
