"""Addresses that whoever has them may fetch files from, or send one to, until they expire."""

import time
from collections.abc import Iterable
from urllib.parse import unquote

from reelmill.jobs.errors import WrongState
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.signed_urls import PURPOSE, UPLOAD_PURPOSE, Grant, UploadGrant, signed_path, signed_upload_path
from reelmill.storage.presigned import UPLOAD_MAX_BYTES, Presigned
from reelmill.storage.storage import Storage
from reelmill.storage.uris import scheme_of
from reelmill.v1.jobs_pb2 import Job, OutputFile

_OWN = "outputs/"


class Addresses:
    """Signs addresses: of our own storage's files for the gateway, of buckets' for these."""

    def __init__(self, storage: Storage, presigned: Presigned, keys: Keys | None, *, public_url: str) -> None:
        self._storage = storage
        self._presigned = presigned
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    @classmethod
    def of(cls, settings: Settings, storage: Storage, keys: Keys | None) -> "Addresses":
        """Those that the settings describe."""
        return cls(storage, Presigned(s3_endpoint=settings.s3_endpoint), keys, public_url=settings.public_url)

    async def with_files(self, job: Job, *, seconds: int) -> Job:
        """A copy of the job whose files have addresses for so many seconds. Raises WrongState, Unavailable."""
        copy = Job()  # what is shown to others, or kept, has none
        copy.CopyFrom(job)
        await self.put((file for output in copy.outputs for file in output.files), seconds=seconds)
        return copy

    async def put(self, files: Iterable[OutputFile], *, seconds: int) -> None:
        """Give files their addresses. Raises WrongState, Unavailable."""
        expires = int(time.time()) + seconds
        for file in files:
            if scheme_of(file.uri) == "s3":
                file.download_url = await self._presigned.address(file.uri, seconds=seconds)
            elif file.uri.startswith(self._storage.own(_OWN)):
                file.download_url = self._own_address(file, expires)

    def _own_address(self, file: OutputFile, expires: int) -> str:
        path = unquote(file.uri.removeprefix(self._storage.own("")))
        grant = Grant(path=path, content_type=file.content_type, sha256=file.sha256, expires=expires)
        return f"{self._public_url}{signed_path(grant, self._derived(PURPOSE))}"

    def _derived(self, purpose: str) -> dict[str, bytes]:
        """The keys of now, which may change while we run."""
        if self._keys is None:
            raise WrongState("addresses can't be signed here: the setting REELMILL_SECRETS_KEY is missing")
        return self._keys.derived(purpose)

    def most_bytes(self, uri: str, most_bytes: int) -> int:
        """How many of so many bytes an upload: URI can be sent at once."""
        return min(most_bytes, UPLOAD_MAX_BYTES) if self._storage.in_bucket(uri) else most_bytes

    async def upload(self, uri: str, *, max_bytes: int, seconds: int, expires: int) -> str:
        """The address to send what an upload: URI names to. Raises WrongState, Unavailable."""
        place = self._storage.place(uri)
        if scheme_of(place) == "s3":
            return await self._presigned.upload_address(place, seconds=seconds)
        path = unquote(place.removeprefix(self._storage.own("")))
        grant = UploadGrant(path=path, max_bytes=max_bytes, expires=expires)
        return f"{self._public_url}{signed_upload_path(grant, self._derived(UPLOAD_PURPOSE))}"
