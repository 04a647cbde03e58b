"""Files that clients send, in our own storage at `uploads/{folder}/{name}`: written, and deleted."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import obstore

from reelmill.jobs.errors import AttemptFailed, InvalidRequest, NotFound, Unavailable, Violation
from reelmill.storage import folders, uris
from reelmill.storage.inputs import ERRORS
from reelmill.storage.objects import Objects, read_failure, write_failure

FOLDER = "uploads/"
"""Of our own storage."""
_LOOK_BYTES = 4 * 2**20  # between two looks at the disk


class Uploads(Protocol):
    """What is known of uploads."""

    async def readable(self, tenant_id: UUID, uri: str, *, folder: UUID, upload_id: UUID | None) -> bool:
        """Whether a tenant may read an upload, whose URI has that folder and id. Raises Unavailable."""
        ...

    async def most_bytes(self, tenant_id: UUID, uri: str, *, upload_id: UUID | None) -> int | None:
        """How large a tenant's upload by a signed address may be; None where it is none. Raises Unavailable."""
        ...


class UploadFiles:
    """Files below `own`, the URI of our own storage. `make_room` makes a folder, and raises where its disk is full."""

    def __init__(self, objects: Objects, own: str, make_room: Callable[[Path, int], None]) -> None:
        self._objects = objects
        self._own = own
        self._make_room = make_room

    def resolve(self, uri: str) -> str:
        """A file: or s3: URI for an upload: one, which others stay as they are."""
        if uris.scheme_of(uri) != "upload":
            return uri
        upload = uris.upload(uri)
        return f"{self._own}/{FOLDER}{upload.folder}/{upload.name}"

    async def check_readable(self, uploads: Uploads, tenant_id: UUID, uri: str) -> None:
        """Raise AttemptFailed unless a tenant may read an upload, and all of it is there."""
        upload = uris.upload(uri)
        try:
            found = await uploads.readable(tenant_id, uri, folder=upload.folder, upload_id=upload.id)
            if not found:
                found = await self._is_sent(uri, await uploads.most_bytes(tenant_id, uri, upload_id=upload.id))
        except Unavailable as error:
            raise AttemptFailed("INPUT_UNAVAILABLE", f"{uri} can't be looked up now: {error}") from error
        if not found:
            raise AttemptFailed("INPUT_NOT_FOUND", f"{uri} does not exist, or is not whole")

    async def _is_sent(self, uri: str, most_bytes: int | None) -> bool:
        """Whether what was to be sent to a signed address is there: a PUT writes all or nothing."""
        if most_bytes is None:
            return False
        try:
            size = await self.size(uri)
        except NotFound:
            return False
        if size > most_bytes:  # a bucket takes what comes
            await self.delete(uri)
            raise AttemptFailed("INPUT_TOO_LARGE", f"{uri} has {size} bytes; its address was for {most_bytes} at most")
        return True

    async def size(self, uri: str) -> int:
        """Size in bytes of any file. Raises NotFound, Unavailable."""
        try:
            store, path = self._objects.locate(self.resolve(uri))
            return (await obstore.head_async(store, path))["size"]
        except FileNotFoundError:
            raise NotFound(f"{uri} is gone") from None
        except ERRORS as error:
            raise Unavailable(str(read_failure(error, uri))) from error

    async def put(self, uri: str, chunks: AsyncIterator[bytes], *, limit_bytes: int, limit: str) -> folders.StoredFile:
        """Keep what a client sends, under its upload: URI; `limit` says whose number that is.

        Raises InvalidRequest for one that is empty or over the limit, Unavailable, and what `chunks` raises; then
        nothing of it is kept, and what was sent there before stays whole.
        """
        digest = hashlib.sha256()
        size = looked = 0

        def look() -> None:
            nonlocal looked
            looked = size
            if uris.scheme_of(self._own) == "file":
                self._make_room(uris.file_path(self.resolve(uri)).parent, 0)

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise InvalidRequest([Violation("upload", f"is larger than {limit_bytes} bytes ({limit})")])
                if size >= looked + _LOOK_BYTES:
                    look()
                digest.update(chunk)
                yield chunk
            if size == 0:
                raise InvalidRequest([Violation("upload", "has no bytes: send the file as the request's body")])

        try:
            look()
            store, path = self._objects.locate(self.resolve(uri), writing=True)
            await obstore.put_async(store, path, counted())
        # What came of it lies apart until it is whole, and goes with its writer: there is nothing to delete by name,
        # which may be that of a file that an earlier request sent.
        except AttemptFailed as error:  # no room
            raise Unavailable(f"the upload can't be stored: {error.failure.message}") from error
        except ERRORS as error:
            raise Unavailable(f"the upload can't be stored: {write_failure(error, uri)}") from error
        return folders.StoredFile(size_bytes=size, sha256=digest.hexdigest())

    async def delete(self, uri: str) -> None:
        """Remove an upload, whole or half; one that is not there is fine. Raises AttemptFailed."""
        upload, resolved = uris.upload(uri), self.resolve(uri)
        try:
            if uris.scheme_of(resolved) == "s3":
                location = uris.s3_location(resolved)
                await obstore.delete_async(self._objects.bucket(location.bucket), location.key)
                return
            path = uris.file_path(resolved)  # half of it has a name that begins so
            await asyncio.to_thread(folders.remove_named, path.parent, path.name)
            if upload.id is None:
                with suppress(OSError):  # its own folder, unless something else is in it
                    path.parent.rmdir()
        except ERRORS as error:
            if "NoSuchBucket" not in str(error):  # else nothing is there either
                raise write_failure(error, uri) from error

    async def delete_old(self, age: timedelta) -> int:
        """Remove files of uploads older than `age`, those without a row too; answers how many. Raises AttemptFailed."""
        folder = f"{self._own}/{FOLDER}"
        try:
            return await self._delete_old(folder, time.time() - age.total_seconds())
        except ERRORS as error:
            raise write_failure(error, folder) from error

    async def _delete_old(self, folder: str, oldest: float) -> int:
        if uris.scheme_of(folder) == "file":
            return await asyncio.to_thread(folders.remove_old, uris.file_path(folder), oldest)
        location = uris.s3_location(folder)
        store, removed = self._objects.bucket(location.bucket), 0
        async for page in obstore.list(store, location.key):
            old = [item["path"] for item in page if item["last_modified"].timestamp() < oldest]
            if old:
                await obstore.delete_async(store, old)
            removed += len(old)
        return removed
