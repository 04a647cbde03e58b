"""Addresses of objects in buckets that whoever has them may fetch, or write, until they expire."""

from datetime import timedelta
from typing import Literal

import obstore

from reelmill.jobs.errors import Unavailable
from reelmill.storage.inputs import ERRORS
from reelmill.storage.objects import Objects
from reelmill.storage.uris import s3_location

UPLOAD_MAX_BYTES = 5 * 2**30  # of one PUT


class Presigned:
    """Signs with the credentials that the storage has, without asking it."""

    def __init__(self, *, s3_endpoint: str) -> None:
        self._objects = Objects(s3_endpoint=s3_endpoint)

    async def address(self, uri: str, *, seconds: int) -> str:
        """The https: address to fetch an s3: URI from. Raises Unavailable where there are no credentials."""
        return await self._signed("GET", uri, seconds)

    async def upload_address(self, uri: str, *, seconds: int) -> str:
        """The https: address to PUT an s3: URI to; S3 takes at most UPLOAD_MAX_BYTES by one. Raises Unavailable."""
        return await self._signed("PUT", uri, seconds)

    async def _signed(self, method: Literal["GET", "PUT"], uri: str, seconds: int) -> str:
        location = s3_location(uri)
        store = self._objects.bucket(location.bucket)
        try:
            return await obstore.sign_async(store, method, location.key, timedelta(seconds=seconds))
        except ERRORS as error:
            raise Unavailable("addresses can't be signed now: the storage's credentials can't be had") from error
