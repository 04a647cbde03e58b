"""Databases on one server: empty ones, clones of one that was migrated, and such as another test gave back."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from reelmill.store.migrate import migrate

_LARGEST = 2**18  # of a table, in bytes: a larger one would slow the next test
_CATALOGS = (
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_constraint",
    "pg_index",
    "pg_trigger",
    "pg_proc",
    "pg_statistic",
)
# What was changed but for rows: each change of a definition writes a row of a catalog, or takes one away.
_DEFINED = (
    "SELECT "
    + ", ".join(f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {catalog})" for catalog in _CATALOGS)
    + ", (SELECT count(*) FROM pg_db_role_setting)::text"
)
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
_SEQUENCES = """SELECT setval(oid::regclass, 1, false) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"""
_OTHERS = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


class Databases:
    """Makes databases and drops them."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._made: list[str] = []
        self._template = ""
        self._spare: list[str] = []
        self._new: _Contents | None = None

    async def create(self, *, migrated: bool = True) -> str:
        """A new database; answers its URL."""
        if migrated and not self._template:
            url = await self._create("template1")
            await migrate(url)
            self._template = _name(url)
        return await self._create(self._template if migrated else "template1")

    async def copy(self, url: str) -> str:
        """A copy of a database that nobody is connected to; answers its URL."""
        return await self._create(_name(url))

    async def lend(self) -> str:
        """A migrated database that is as new; answers its URL, for `give_back`."""
        return self._spare.pop() if self._spare else await self.create()

    async def give_back(self, url: str) -> None:
        """Keep it for the next, emptied, or drop it where more than some rows were changed.

        To copy one and to drop it takes a second's tenth of CPU, and the first connection to a copy half of that.
        """
        if self._new is None:
            self._new = await self._contents_of_a_new_one()
        connection = await asyncpg.connect(url)
        try:
            again = await self._new.restore(connection, _name(url))
        finally:
            await connection.close()
        if again:
            self._spare.append(url)
        else:
            await self.drop(url)

    async def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        await self._execute(f'DROP DATABASE "{_name(url)}" WITH (FORCE)')
        self._made.remove(url)

    async def drop_all(self) -> None:
        """Drop those that are left, and the template."""
        for url in list(self._made):
            await self.drop(url)

    async def _contents_of_a_new_one(self) -> "_Contents":
        connection = await asyncpg.connect(url := await self.create())
        try:
            return await _Contents.read(connection)
        finally:
            await connection.close()
            await self.drop(url)

    async def _create(self, template: str) -> str:
        name = f"reelmill_test_{secrets.token_hex(6)}"
        # By copying files: a third less work than by the log, page by page.
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        url = urlsplit(self._server_url)._replace(path=f"/{name}").geturl()
        self._made.append(url)
        return url

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Contents:
    """What is in a database that was migrated and not used yet."""

    defined: str
    rows: Mapping[str, str]
    """Of each table, as a JSON array."""

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> "_Contents":
        tables = [row["relname"] for row in await connection.fetch(_TABLES)]
        rows = {
            table: await connection.fetchval(f"SELECT coalesce(jsonb_agg(t), '[]') FROM {table} t") for table in tables
        }
        return cls(defined=str(await connection.fetchrow(_DEFINED)), rows=rows)

    async def restore(self, connection: asyncpg.Connection, name: str) -> bool:
        """End all other connections and put the rows back; answers whether the database is as new then."""
        await connection.execute(_OTHERS.replace("$1", f"'{name}'"))
        sizes = ", ".join(f"pg_relation_size('{table}')" for table in self.rows)
        if str(await connection.fetchrow(_DEFINED)) != self.defined:
            return False
        if await connection.fetchval(f"SELECT greatest({sizes})") > _LARGEST:
            return False
        await connection.execute(
            "SET session_replication_role = replica;"  # no foreign keys, no triggers
            + "".join(f"DELETE FROM {table};" for table in self.rows)
            + "".join(
                f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, {_quoted(rows)});"
                for table, rows in self.rows.items()
                if rows != "[]"
            )
            + _SEQUENCES
        )
        return True


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
