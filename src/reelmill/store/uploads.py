"""Uploads: a row for each file that a client sends, from before its first byte until its file is to go."""

from uuid import UUID

from reelmill.jobs.errors import NotFound
from reelmill.store.database import Database
from reelmill.store.sql import queries
from reelmill.store.tenancy import DEFAULT_IDENTITY

_SQL = queries("uploads")


class UploadStore:
    """Uploads of all tenants; each call names the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, tenant_id: UUID, upload_id: UUID, uri: str, *, max_bytes: int | None = None) -> None:
        """Before anything of it is written; `max_bytes` of one that is sent to a signed address."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["insert_upload"], upload_id, tenant_id, uri, max_bytes)

    async def complete(self, tenant_id: UUID, upload_id: UUID, *, size_bytes: int, sha256: str) -> None:
        """All of it is in the storage; `sha256` may be empty. May be repeated. Raises NotFound."""
        async with self._database.connection() as connection:
            digest = sha256 or None
            if not await connection.fetchval(_SQL["complete_upload"], upload_id, tenant_id, size_bytes, digest):
                raise NotFound(f"there is no upload {upload_id} that is being written")

    async def abandon(self, tenant_id: UUID, upload_id: UUID) -> None:
        """It came to nothing: the scheduler deletes what there is of it. A complete one stays."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["delete_upload"], upload_id, tenant_id)

    async def readable(self, tenant_id: UUID, uri: str, *, folder: UUID, upload_id: UUID | None) -> bool:
        """Whether a tenant may read an upload, which it names by `uri`; `folder` and `upload_id` are in that.

        One from before there were rows lies in a folder of its own, which is no tenant's, and is the default tenant's.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_upload"], tenant_id, upload_id, uri, folder)
        if folder == tenant_id:
            return bool(row["complete"])
        return tenant_id == DEFAULT_IDENTITY.tenant_id and not row["of_tenant"]

    async def most_bytes(self, tenant_id: UUID, uri: str, *, upload_id: UUID | None) -> int | None:
        """How large a tenant's upload by a signed address may be; None where it is none of these."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(_SQL["signed_upload"], tenant_id, upload_id, uri)
        return found
