"""Keys, tenants and the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid_utils
from asyncpg import Connection, Record

from reelmill.jobs.errors import Conflict, NotFound, WrongState
from reelmill.store.database import Database
from reelmill.store.sql import queries

_SQL = queries("access")
USE_NOTED = timedelta(minutes=10)
"""How exactly a key's last use is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundKey:
    """A key as who calls with it is checked by."""

    id: str
    tenant_id: UUID
    user_id: UUID
    user_name: str
    role: str
    hash: bytes
    """SHA-256 of the token."""
    left_seconds: float | None
    """Until it is refused, counted from the reading; None: for ever."""
    unnoted: bool
    """Whether its use is to be written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key to store; `hash` is all that is kept of its token."""

    id: str
    hash: bytes
    expire_time: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """A key as its admins see it."""

    id: str
    name: str
    role: str
    tenant: str
    user: str
    create_time: datetime
    expire_time: datetime | None
    use_time: datetime | None
    revoke_time: datetime | None
    rotated_to: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTenant:
    """A tenant."""

    id: UUID
    name: str
    create_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What somebody did, or was refused."""

    tenant_id: UUID
    time: datetime
    key_id: str
    """Empty where nobody was asked for one."""
    user: str
    method: str
    target: str
    address: str
    outcome: str
    """OK, or gRPC's name of the status."""
    sequence: int = 0
    """Its number, once it is stored."""


class KeyStore:
    """Keys of all tenants; each call but those of `find` and `in_use` names the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, ids: Sequence[str]) -> list[FoundKey | None]:
        """The keys of these ids, of whichever tenants, in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["find_keys"], list(ids), USE_NOTED)
        found = {row["id"]: FoundKey(**dict(row)) for row in rows}
        return [found.get(key_id) for key_id in ids]

    async def note_use(self, tenant_id: UUID, key_id: str) -> None:
        """It was used just now."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["note_use"], tenant_id, key_id, USE_NOTED)

    async def in_use(self) -> tuple[bool, bool]:
        """Whether there is any key at all, and any job."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["keys_and_jobs"])
        return row["keys"], row["jobs"]

    async def user(self, tenant_id: UUID, name: str) -> UUID:
        """A tenant's user of a name, who is made where there is none."""
        async with self._database.connection() as connection:
            found: UUID = await connection.fetchval(_SQL["make_user"], uuid_utils.uuid7(), tenant_id, name)
        return found

    async def create(self, tenant_id: UUID, new: NewKey, *, name: str, role: str, user: str) -> StoredKey:
        """Store a key of a user, who is made where there is none of that name."""
        async with self._database.transaction() as connection:
            user_id = await connection.fetchval(_SQL["make_user"], uuid_utils.uuid7(), tenant_id, user)
            await self._insert(connection, tenant_id, user_id, new, name=name, role=role)
            return await self._get(connection, tenant_id, new.id)

    async def register(self, tenant_id: UUID, new: NewKey, *, name: str, role: str) -> bool:
        """Store a key that somebody else has made, unless it is there; its name's older ones are revoked then.

        Answers whether it was new. Raises Conflict where another token has this id.
        """
        async with self._database.transaction() as connection:
            user_id = await connection.fetchval(_SQL["make_user"], uuid_utils.uuid7(), tenant_id, role)
            arguments = (new.id, tenant_id, user_id, name, role, new.hash, new.expire_time)
            if await connection.fetchval(_SQL["insert_key"], *arguments):
                await connection.execute(_SQL["revoke_others"], tenant_id, name, new.id)
                return True
            [row] = await connection.fetch(_SQL["find_keys"], [new.id], USE_NOTED)
            if row["hash"] != new.hash:
                raise Conflict("another key has this id")
            return False

    async def page(self, tenant_id: UUID, *, after: str, limit: int) -> list[StoredKey]:
        """Keys in the order of their ids, after one."""
        async with self._database.connection() as connection:
            return [_key(row) for row in await connection.fetch(_SQL["list_keys"], tenant_id, after, limit, None)]

    async def revoke(self, tenant_id: UUID, key_id: str) -> StoredKey:
        """Refuse a key from now on. Raises NotFound."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["revoke_key"], tenant_id, key_id)
            return await self._get(connection, tenant_id, key_id)

    async def rotate(self, tenant_id: UUID, key_id: str, new: NewKey, *, overlap: timedelta) -> StoredKey:
        """Store a key in another's place, which is refused after `overlap`. Raises NotFound, WrongState."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_SQL["rotate_key"], tenant_id, key_id, new.id, overlap)
            if row is None:
                await self._get(connection, tenant_id, key_id)
                raise WrongState(f"key {key_id} is revoked, rotated or expired; make a new one")
            until = new.expire_time or row["next_expire_time"]
            kept = NewKey(id=new.id, hash=new.hash, expire_time=until)
            await self._insert(connection, tenant_id, row["user_id"], kept, name=row["name"], role=row["role"])
            return await self._get(connection, tenant_id, new.id)

    @staticmethod
    async def _insert(
        connection: Connection, tenant_id: UUID, user_id: UUID, new: NewKey, *, name: str, role: str
    ) -> None:
        arguments = (new.id, tenant_id, user_id, name, role, new.hash, new.expire_time)
        if not await connection.fetchval(_SQL["insert_key"], *arguments):
            raise Conflict("another key has this id; try again")

    @staticmethod
    async def _get(connection: Connection, tenant_id: UUID, key_id: str) -> StoredKey:
        row = await connection.fetchrow(_SQL["list_keys"], tenant_id, "", 1, key_id)
        if row is None:
            raise NotFound(f"there is no key {key_id!r}")
        return _key(row)


class TenantStore:
    """Tenants; `everyone` says that the caller may see all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str) -> StoredTenant:
        """Make a tenant. Raises Conflict."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["insert_tenant"], uuid_utils.uuid7(), name)
        if row is None:
            raise Conflict(f"there is a tenant {name!r} already")
        return _tenant(row)

    async def find(self, own: UUID, name: str, *, everyone: bool) -> UUID:
        """The id of a tenant. Raises NotFound, for one of others too."""
        async with self._database.connection() as connection:
            found: UUID | None = await connection.fetchval(_SQL["find_tenant"], own, name, everyone)
        if found is None:
            raise NotFound(f"there is no tenant {name!r}")
        return found

    async def page(self, own: UUID, *, everyone: bool, after: str, limit: int) -> list[StoredTenant]:
        """Tenants in the order of their names, after one."""
        async with self._database.connection() as connection:
            return [_tenant(row) for row in await connection.fetch(_SQL["list_tenants"], own, after, everyone, limit)]


class AuditStore:
    """What was done; rows are added, and go by their age."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, done: Sequence[Done]) -> list[None]:
        """Store what was done."""
        columns = ("tenant_id", "time", "key_id", "user", "method", "target", "address", "outcome")
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["insert_audit_events"], *([getattr(one, column) for one in done] for column in columns)
            )
        return [None] * len(done)

    async def page(self, tenant_id: UUID, *, before: int, limit: int) -> list[Done]:
        """What was done in a tenant before a number, newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_audit_events"], tenant_id, before, limit)
        names = ("tenant_id", "time", "key_id", "method", "target", "address", "outcome")
        return [Done(sequence=r["id"], user=r["user_name"], **{name: r[name] for name in names}) for r in rows]


def _key(row: Record) -> StoredKey:
    times = {name: row[name] for name in ("create_time", "expire_time", "use_time", "revoke_time")}
    return StoredKey(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        tenant=row["tenant_name"],
        user=row["user_name"],
        rotated_to=row["rotated_to"] or "",
        **times,
    )


def _tenant(row: Record) -> StoredTenant:
    return StoredTenant(id=row["id"], name=row["name"], create_time=row["create_time"])
