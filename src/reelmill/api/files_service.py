"""FileService: addresses that clients send files to without a key of their own."""

import time
from datetime import timedelta
from typing import Any

import uuid_utils.compat as uuid_utils

from reelmill.api.addresses import Addresses
from reelmill.api.identity import Identify, calling
from reelmill.jobs.errors import InvalidRequest, Violation
from reelmill.storage import uris
from reelmill.store.uploads import UploadStore
from reelmill.v1 import uploads_pb2 as pb
from reelmill.v1 import uploads_pb2_grpc

_LIFETIME = timedelta(hours=1)


class FileService(uploads_pb2_grpc.FileServiceServicer):
    """Signs. `most_bytes` is how large an upload may be at all."""

    def __init__(
        self, uploads: UploadStore, addresses: Addresses, *, most_bytes: int, identify: Identify = calling
    ) -> None:
        self._uploads = uploads
        self._addresses = addresses
        self._most_bytes = most_bytes
        self._identify = identify

    async def SignUpload(self, request: pb.SignUploadRequest, context: Any) -> pb.SignedUpload:
        """Name an upload, and sign the address that its file is sent to."""
        tenant_id, upload_id = self._identify(context).tenant_id, uuid_utils.uuid7()
        uri = uris.upload_uri(tenant_id, upload_id, request.name)
        most_bytes = self._addresses.most_bytes(uri, self._most_bytes)
        if request.max_bytes > most_bytes:
            problem = f"is more than {most_bytes}, the most that can be sent here (setting REELMILL_UPLOAD_MAX_BYTES)"
            raise InvalidRequest([Violation("max_bytes", problem)])
        max_bytes = request.max_bytes or most_bytes
        lifetime = request.lifetime.ToTimedelta() if request.HasField("lifetime") else _LIFETIME
        seconds = int(lifetime.total_seconds())
        expires = int(time.time()) + seconds
        url = await self._addresses.upload(uri, max_bytes=max_bytes, seconds=seconds, expires=expires)
        await self._uploads.begin(tenant_id, upload_id, uri, max_bytes=max_bytes)
        answer = pb.SignedUpload(uri=uri, upload_url=url, max_bytes=max_bytes)
        answer.expire_time.FromSeconds(expires)
        return answer
