"""What is kept no longer: old jobs, keys and folders."""

from datetime import timedelta
from uuid import UUID

from reelmill.store.database import Database
from reelmill.store.results import UNTOUCHED
from reelmill.store.sql import queries

_SQL = queries("retention")
_WORKERS = queries("workers")
_UPLOADS = queries("uploads")
_MEASURES = queries("measures")
_RESULTS = queries("results")
_DELIVERIES = queries("deliveries")
_ACCESS = queries("access")
_KEY_LIFE = timedelta(days=2)  # the API promises 24 hours
_WORKER_LIFE = timedelta(hours=1)  # since it was seen
_MEASUREMENT_LIFE = timedelta(days=90)  # since the last one of its kind
_MESSAGE_LIFE = timedelta(days=30)  # of a webhook's message that is about no job
_DIGEST_LIFE = timedelta(days=30)  # then an input is hashed again
_AUDIT_LIFE, _AUDIT_ROWS = timedelta(days=365), 10_000
_POSTPONE = timedelta(minutes=1)
_MOST_TRIES = 24  # spread over ten days


class RetentionStore:
    """Deletes what has outlived its use. Any number may run: rows are shared by SKIP LOCKED."""

    def __init__(self, database: Database, *, audit_life: timedelta = _AUDIT_LIFE) -> None:
        """`audit_life`: of what was done, a day at least."""
        self._database = database
        self._audit_life = audit_life

    async def delete_jobs(self, age: timedelta, *, own_storage: str, limit: int) -> int:
        """Delete jobs that ended `age` ago; their files too where they lie below `own_storage`."""
        async with self._database.connection() as connection:
            return len(await connection.fetch(_SQL["delete_jobs"], age, limit, own_storage))

    async def delete_unused(self, most_bytes: int, *, own_storage: str, limit: int) -> list[tuple[UUID, UUID]]:
        """Delete jobs whose results are beyond the bytes that a tenant's may hold; answers their tenants and ids.

        Those go first whose results were neither made nor asked for lately, and with them all that is theirs.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["delete_unused"], UNTOUCHED, limit, own_storage, most_bytes)
        return [(row["tenant_id"], row["id"]) for row in rows]

    async def delete_uploads(self, age: timedelta, *, limit: int) -> int:
        """Delete uploads that began `age` ago; their files are due to be deleted from then on. Answers how many."""
        async with self._database.connection() as connection:
            return len(await connection.fetch(_UPLOADS["delete_old_uploads"], age, limit))

    async def trim(self) -> None:
        """Delete old keys, digests, measurements and audit events, queue rows that nobody takes, silent workers."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["delete_idempotency_keys"], _KEY_LIFE)
            await connection.execute(_SQL["delete_stale_outbox"], _KEY_LIFE)
            await connection.execute(_WORKERS["delete_workers"], _WORKER_LIFE)
            await connection.execute(_MEASURES["delete_measurements"], _MEASUREMENT_LIFE)
            await connection.execute(_DELIVERIES["delete_deliveries"], _MESSAGE_LIFE)
            await connection.execute(_DELIVERIES["delete_secrets"])
            await connection.execute(_RESULTS["delete_digests"], _DIGEST_LIFE)
            await connection.execute(_ACCESS["delete_audit_events"], self._audit_life, _AUDIT_ROWS)

    async def due_deletions(self, *, limit: int) -> list[tuple[int, str]]:
        """Folders and uploads to delete now, with the ids of their rows; hidden from others for a minute at least."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["lock_storage_deletions"], limit)
            await connection.execute(_SQL["postpone_storage_deletions"], [r["id"] for r in rows], _POSTPONE)
        return [(row["id"], row["uri"]) for row in rows]

    async def give_up(self) -> list[str]:
        """Forget folders that can't be deleted, such as those of a bucket that is gone; answers their URIs."""
        async with self._database.connection() as connection:
            return [row["uri"] for row in await connection.fetch(_SQL["give_up_storage_deletions"], _MOST_TRIES)]

    async def deleted(self, ids: list[int]) -> None:
        """Forget folders that are gone."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["finish_storage_deletions"], ids)
