"""UploadService: what gateways tell of the files that clients send."""

from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils

from reelmill.api.identity import Identify, calling
from reelmill.jobs.errors import InvalidRequest, Violation
from reelmill.storage import uris
from reelmill.store.uploads import UploadStore
from reelmill.v1 import uploads_pb2 as pb
from reelmill.v1 import uploads_pb2_grpc


class UploadService(uploads_pb2_grpc.UploadServiceServicer):
    """Rows only: the gateway writes the files."""

    def __init__(self, uploads: UploadStore, identify: Identify = calling) -> None:
        self._uploads = uploads
        self._identify = identify

    async def CreateUpload(self, request: pb.CreateUploadRequest, context: Any) -> pb.Upload:
        """Name an upload."""
        tenant_id, upload_id = self._identify(context).tenant_id, uuid_utils.uuid7()
        uri = uris.upload_uri(tenant_id, upload_id, request.name)
        await self._uploads.begin(tenant_id, upload_id, uri)
        return pb.Upload(uri=uri)

    async def CompleteUpload(self, request: pb.CompleteUploadRequest, context: Any) -> pb.Upload:
        """Record that it is whole."""
        tenant_id, upload_id = self._identify(context).tenant_id, _upload_id(request.uri)
        await self._uploads.complete(tenant_id, upload_id, size_bytes=request.size_bytes, sha256=request.sha256)
        return pb.Upload(uri=request.uri)

    async def AbandonUpload(self, request: pb.AbandonUploadRequest, context: Any) -> pb.Upload:
        """Forget it."""
        await self._uploads.abandon(self._identify(context).tenant_id, _upload_id(request.uri))
        return pb.Upload(uri=request.uri)


def _upload_id(uri: str) -> UUID:
    try:
        if (found := uris.upload(uri).id) is not None:
            return found
        problem = "is an upload of a release before"
    except ValueError as error:
        problem = str(error)
    raise InvalidRequest([Violation("uri", problem)])
