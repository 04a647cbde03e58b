"""Media files by URI, for api, gateway, worker and scheduler."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import obstore

from reelmill.jobs.errors import AttemptFailed, NotFound, Unavailable
from reelmill.jobs.validators import Validator
from reelmill.redaction import redacted
from reelmill.settings import Settings
from reelmill.storage import folders, uris
from reelmill.storage.access import Access
from reelmill.storage.callbacks import url_violation
from reelmill.storage.fetch import Fetched, HttpLimits, fetch_http, look_http, read_http
from reelmill.storage.inputs import ERRORS, fetch_extents, fetch_object, local_input, look_object
from reelmill.storage.objects import Objects, read_failure, write_failure
from reelmill.storage.space import Room
from reelmill.storage.taking import take
from reelmill.storage.tenants import by_tenant
from reelmill.storage.uploads import UploadFiles, Uploads
from reelmill.telemetry.logs import get_logger

log = get_logger(__name__)
_CHUNK_BYTES = 2**20
_PART_BYTES = 5 * 2**20  # of what is written in parts; S3 takes no smaller ones
_MOST_PARTS = 10_000  # S3's limit
_UPLOAD_LIMIT = "setting REELMILL_UPLOAD_MAX_BYTES"
_PARTS_AT_ONCE = 3  # of one file: with the one that is read, 20 MiB of memory


class Storage:
    """Reads inputs and writes outputs. `own` is where uploads, and outputs without destination, go."""

    def __init__(
        self,
        *,
        access: Access,
        max_bytes: int,
        http: HttpLimits,
        s3_endpoint: str = "",
        reserve_bytes: int = 0,
        uploads: Uploads | None = None,
    ) -> None:
        """`reserve_bytes` stay free on each disk that is written to; `uploads` tells which uploads may be read."""
        self._own = access.own
        self._access = access
        self._max_bytes = max_bytes
        self._http = http
        self.room = Room(reserve_bytes)
        self._objects = Objects(s3_endpoint=s3_endpoint)
        self._uploads = uploads
        self._upload_files = UploadFiles(self._objects, self._own, self._make_room)

    @classmethod
    def from_settings(cls, settings: Settings, uploads: Uploads | None = None) -> "Storage":
        """The storage that the settings describe. Raises ValueError, naming the setting."""
        for notice in settings.superseded:
            log.warning(notice)
        data_dir = settings.data_dir.expanduser().absolute()
        own = (settings.storage_url or uris.file_uri(data_dir / "storage")).rstrip("/")
        if uris.scheme_of(own) not in uris.OUTPUT_SCHEMES:
            raise ValueError(f"REELMILL_STORAGE_URL: {redacted(own)!r} is neither file:///folder nor s3://…")
        access = Access(
            own=own,
            read_roots=[root.expanduser() for root in settings.readable_folders],
            write_roots=[root.expanduser() for root in settings.writable_folders],
            read_buckets=settings.s3_read_buckets,
            write_buckets=settings.s3_write_buckets,
            private=[data_dir],
            tenants=by_tenant(settings.tenant_storage),
        )
        return cls(
            access=access,
            max_bytes=settings.input_max_bytes,
            http=HttpLimits(
                allowed=settings.allowed_networks,
                timeout_seconds=settings.fetch_timeout_seconds,
                total_seconds=settings.fetch_total_seconds,
                least_bytes_per_second=settings.fetch_min_bytes_per_second,
            ),
            s3_endpoint=settings.s3_endpoint,
            reserve_bytes=settings.disk_reserve_bytes,
            uploads=uploads,
        )

    def of(self, tenant_id: UUID) -> "Storage":
        """The storage as a tenant may use it; this one is the default tenant's."""
        if tenant_id == self._access.tenant_id:
            return self
        theirs = copy(self)
        theirs._access = self._access.of(tenant_id)
        return theirs

    @property
    def tenant_id(self) -> UUID:
        """Whose files it reads and writes."""
        return self._access.tenant_id

    def outputs(self) -> str:
        """The URI of the folder for a tenant's outputs without destination."""
        return self.own(f"outputs/{self._access.tenant_id}")

    def own(self, path: str) -> str:
        """The URI of a path in our own storage."""
        return f"{self._own}/{path}"

    def input_violation(self, uri: str) -> str | None:
        """Why an input can't be read, as far as its URI tells; None where it may be."""
        return self._access.input_violation(uri)

    def destination_violation(self, uri: str) -> str | None:
        """Why a destination can't be written, as far as its URI tells; None where it may be."""
        return self._access.destination_violation(uri)

    def callback_violation(self, url: str) -> str | None:
        """Why nothing may be sent to an address, as far as that tells; None where it may."""
        return url_violation(url, self._http.allowed)

    def place(self, uri: str) -> str:
        """Where a file lies: a file: or s3: URI for an upload: or example: one; others stay as they are."""
        return uris.file_uri(uris.example(uri)) if uris.scheme_of(uri) == "example" else self._upload_files.resolve(uri)

    def is_remote(self, uri: str) -> bool:
        """Whether to fetch an input is to wait for another machine."""
        return uris.scheme_of(uri) in ("http", "https") or uris.scheme_of(self.place(uri)) == "s3"

    def in_bucket(self, uri: str) -> bool:
        """Whether an input is an object in a bucket."""
        return uris.scheme_of(self.place(uri)) == "s3"

    async def fetch(
        self,
        uri: str,
        target: Path | None,
        *,
        expected: Validator | None = None,
        made: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """Bring an input to this machine: to `target`, or where it is if it is here already (`is_remote`).

        `expected`: of a fetch before; another file is INPUT_CHANGED. `made`: a task of ours made it for others, so it
        lies where outputs may. `headers`: an address of the web is asked with them. Raises AttemptFailed with a code
        that begins with INPUT_, or DISK_FULL.
        """
        await self._check_readable(uri, made=made)
        resolved = self.place(uri)
        if uris.scheme_of(resolved) == "file":
            return await asyncio.to_thread(self._local, uris.file_path(resolved), uri, expected)
        assert target is not None, "what is remote is brought somewhere"
        if uris.scheme_of(uri) in ("http", "https"):
            limits, most, room = self._http, self._max_bytes, self.room
            return await fetch_http(
                uri, target, limits=limits, max_bytes=most, room=room, expected=expected, headers=headers
            )
        return await self._download(resolved, target, uri, expected)

    async def read(self, uri: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> bytes:
        """What an http or https address answers, by the same rules as inputs. Raises as fetch."""
        await self._check_readable(uri, made=False)
        return await read_http(uri, limits=self._http, max_bytes=max_bytes, headers=headers)

    async def fetch_extents(
        self,
        uri: str,
        target: Path,
        extents: Sequence[tuple[int, int]],
        *,
        expected: Validator | None = None,
        made: bool = False,
    ) -> Fetched:
        """Bring some bytes of an input in a bucket (`in_bucket`) to their places in a file as large as that.

        `extents`: from a byte to before another, in order, apart from each other, and inside it. Raises as fetch.
        """
        await self._check_readable(uri, made=made)
        limits, most = self._http, self._max_bytes
        resolved, objects, room = self.place(uri), self._objects, self.room
        return await fetch_extents(
            objects, resolved, target, uri, extents, limits=limits, max_bytes=most, room=room, expected=expected
        )

    async def look(self, uri: str, *, expected: Validator | None = None, made: bool = False) -> Validator:
        """What an input is now, without fetching it. Raises as fetch."""
        await self._check_readable(uri, made=made)
        if uris.scheme_of(uri) in ("http", "https"):
            return await look_http(uri, limits=self._http, expected=expected)
        resolved = self.place(uri)
        if uris.scheme_of(resolved) == "file":
            return (await asyncio.to_thread(self._local, uris.file_path(resolved), uri, expected)).validator
        return await look_object(self._objects, resolved, uri, max_bytes=self._max_bytes, expected=expected)

    async def check_unchanged(self, uri: str, fetched: Fetched) -> None:
        """Raise AttemptFailed INPUT_CHANGED where an input that is read where it lies is no more what was fetched.

        One that is gone, or can't be asked now, tells nothing: who has it open reads on.
        """
        if self.is_remote(uri):  # read from a copy
            return
        try:
            await asyncio.to_thread(self._local, fetched.path, uri, fetched.validator)
        except AttemptFailed as error:
            if error.code == "INPUT_CHANGED":
                raise

    async def _check_readable(self, uri: str, *, made: bool) -> None:
        """Raise AttemptFailed unless the tenant may read an input, of which an upload must be whole."""
        # Checked when the job was submitted too, but links may have changed, and other roots may hold here.
        if problem := self.destination_violation(uri) if made else self.input_violation(uri):
            raise AttemptFailed("INPUT_FORBIDDEN", problem)
        if uris.scheme_of(uri) == "upload" and self._uploads is not None:
            await self._upload_files.check_readable(self._uploads, self._access.tenant_id, uri)

    def _local(self, path: Path, uri: str, expected: Validator | None) -> Fetched:
        return local_input(path, uri, max_bytes=self._max_bytes, expected=expected)

    async def _download(self, resolved: str, target: Path, uri: str, expected: Validator | None) -> Fetched:
        limits, most = self._http, self._max_bytes
        return await fetch_object(
            self._objects, resolved, target, uri, limits=limits, max_bytes=most, room=self.room, expected=expected
        )

    async def put_file(self, path: Path, uri: str, content_type: str) -> folders.StoredFile:
        """Write a local file to `uri`, whole or not at all. It is read once, for its copy and its hash.

        Raises AttemptFailed: OUTPUT_NOT_WRITABLE, OUTPUT_UNAVAILABLE, DISK_FULL.
        """
        if problem := self.destination_violation(uri):
            raise AttemptFailed("OUTPUT_NOT_WRITABLE", problem)
        attributes = {"Content-Type": content_type} if uris.scheme_of(uri) == "s3" else None
        try:
            begun = await asyncio.to_thread(self._begin, path, uri)
            with closing(begun.file):
                store, key = self._objects.locate(uri, writing=True)
                if begun.whole:
                    await obstore.put_async(store, key, begun.first, attributes=attributes, use_multipart=False)
                else:
                    await obstore.put_async(
                        store,
                        key,
                        begun.pieces(),
                        attributes=attributes,
                        chunk_size=begun.piece_bytes,
                        max_concurrency=_PARTS_AT_ONCE,
                    )
                return folders.StoredFile(size_bytes=begun.file.size_bytes, sha256=begun.file.sha256)
        except ERRORS as error:
            raise write_failure(error, uri) from error

    async def put_bytes(self, data: bytes, uri: str, content_type: str) -> folders.StoredFile:
        """As `put_file`, of what lies in memory."""
        if problem := self.destination_violation(uri):
            raise AttemptFailed("OUTPUT_NOT_WRITABLE", problem)
        try:
            if uris.scheme_of(uri) == "file":
                await asyncio.to_thread(self._put_here, data, uri)  # all of it in one thread
            else:
                store, key = self._objects.locate(uri, writing=True)
                attributes = {"Content-Type": content_type}
                await obstore.put_async(store, key, data, attributes=attributes, use_multipart=False)
        except ERRORS as error:
            raise write_failure(error, uri) from error
        return folders.StoredFile(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def _put_here(self, data: bytes, uri: str) -> None:
        self._make_room(uris.file_path(uri).parent, len(data))
        store, key = self._objects.locate(uri, writing=True)
        obstore.put(store, key, data, use_multipart=False)

    def _begin(self, path: Path, uri: str) -> folders.Begun:
        """Make room for a file and read its first piece, which is all of most."""
        size = path.stat().st_size
        if uris.scheme_of(uri) == "file":
            self._make_room(uris.file_path(uri).parent, size)
        piece_bytes = max(_PART_BYTES, -(-size // _MOST_PARTS))
        file = folders.HashedFile(path)
        try:
            first = file.read(piece_bytes)
        except OSError:
            file.close()
            raise
        return folders.Begun(file, piece_bytes, first)

    async def take(self, source: str, target: str, of: folders.StoredFile, content_type: str) -> bool:
        """Have what a job made in our own storage at another place too: see storage.taking. Raises as `put_file`."""
        if self.input_violation(source) or self.destination_violation(target):
            return False
        wanted, ours = (of.size_bytes, of.sha256), f"{self.outputs()}/"
        return await take(self._objects, source, target, content_type, wanted, ours=ours, make_room=self._make_room)

    async def delete_prefix(self, uri: str) -> None:
        """Remove a folder and all in it; one that is not there is fine.

        Raises AttemptFailed OUTPUT_NOT_WRITABLE, also for a root or a whole bucket, or OUTPUT_UNAVAILABLE.
        """
        if problem := self._access.deletion_violation(uri):
            raise AttemptFailed("OUTPUT_NOT_WRITABLE", problem)
        try:
            if uris.scheme_of(uri) == "file":
                await asyncio.to_thread(folders.remove_folder, uris.file_path(uri))
                return
            location = uris.s3_location(uri)
            store = self._objects.bucket(location.bucket)
            async for page in obstore.list(store, location.key):
                await obstore.delete_async(store, [item["path"] for item in page])
        except ERRORS as error:
            if "NoSuchBucket" not in str(error):  # else nothing is there either
                raise write_failure(error, uri) from error

    def _make_room(self, folder: Path, needed_bytes: int) -> None:
        """Make a folder, ours readable by us alone; raise AttemptFailed DISK_FULL where its disk has no room."""
        own = uris.file_path(self._own) if uris.scheme_of(self._own) == "file" else None
        if own and folder.is_relative_to(own) and folder != own:
            folders.make_private(own / folder.relative_to(own).parts[0])
        folder.mkdir(parents=True, exist_ok=True)
        self.room.check(folder, needed_bytes)

    async def put_upload(
        self, uri: str, chunks: AsyncIterator[bytes], *, limit_bytes: int, limit: str = _UPLOAD_LIMIT
    ) -> folders.StoredFile:
        """Keep what a client sends, under its upload: URI; see storage.uploads."""
        return await self._upload_files.put(uri, chunks, limit_bytes=limit_bytes, limit=limit)

    async def delete_upload(self, uri: str) -> None:
        """Remove an upload, whole or half; one that is not there is fine. Raises AttemptFailed."""
        await self._upload_files.delete(uri)

    async def delete_uploads(self, age: timedelta) -> int:
        """Remove files of uploads older than `age`, those without a row too; answers how many. Raises AttemptFailed."""
        return await self._upload_files.delete_old(age)

    async def size(self, uri: str) -> int:
        """Size in bytes. Raises NotFound, Unavailable."""
        return await self._upload_files.size(uri)

    async def open_range(self, uri: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from `start`, inside the file, to before `end`. Raises NotFound, Unavailable."""
        try:
            store, path = self._objects.locate(self.place(uri))
            answer = await obstore.get_async(store, path, options={"range": (start, end)})
            async for chunk in answer.stream(_CHUNK_BYTES):
                yield bytes(chunk)
        except FileNotFoundError:
            raise NotFound(f"{uri} is gone") from None
        except ERRORS as error:
            raise Unavailable(str(read_failure(error, uri))) from error

    async def check(self) -> None:
        """Raise AttemptFailed unless our own storage takes a file now."""
        uri = self.own(f"checks/{uuid4()}")
        try:
            if uris.scheme_of(uri) == "file":
                self._make_room(uris.file_path(uri).parent, 0)
            store, path = self._objects.locate(uri, writing=True)
            await obstore.put_async(store, path, b"reelmill")
            await obstore.delete_async(store, path)
        except ERRORS as error:
            raise write_failure(error, uri) from error
