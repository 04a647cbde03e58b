"""Addresses of objects in buckets that whoever has them may fetch, until they expire."""

from datetime import timedelta

import obstore

from reelmill.jobs.errors import Unavailable
from reelmill.storage.inputs import ERRORS
from reelmill.storage.objects import Objects
from reelmill.storage.uris import s3_location


class Presigned:
    """Signs with the credentials that the storage has, without asking it."""

    def __init__(self, *, s3_endpoint: str) -> None:
        self._objects = Objects(s3_endpoint=s3_endpoint)

    async def address(self, uri: str, *, seconds: int) -> str:
        """The https: address of an s3: URI. Raises Unavailable where there are no credentials."""
        location = s3_location(uri)
        store = self._objects.bucket(location.bucket)
        try:
            return await obstore.sign_async(store, "GET", location.key, timedelta(seconds=seconds))
        except ERRORS as error:
            raise Unavailable("addresses can't be signed now: the storage's credentials can't be had") from error
