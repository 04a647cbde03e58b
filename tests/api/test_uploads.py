"""Uploads as the api keeps account of them, with two tenants."""

from uuid import UUID

import pytest
from api.test_service import Context
from api.test_tenants import THEM, US, tenant

from reelmill.api.uploads_service import UploadService
from reelmill.jobs.errors import InvalidRequest, NotFound
from reelmill.storage import uris
from reelmill.store.database import Database
from reelmill.store.uploads import UploadStore
from reelmill.v1 import uploads_pb2 as pb


@pytest.fixture
def service(database: Database) -> UploadService:
    return UploadService(UploadStore(database), tenant)


async def readable(database: Database, uri: str, who: Context) -> bool:
    upload, uploads = uris.upload(uri), UploadStore(database)
    return await uploads.readable(tenant(who).tenant_id, uri, folder=upload.folder, upload_id=upload.id)


async def test_an_upload_is_named_for_its_tenant_and_read_once_it_is_complete(
    service: UploadService, database: Database
) -> None:
    uri = (await service.CreateUpload(pb.CreateUploadRequest(name="Mein Vidéo.mov"), US)).uri
    upload = uris.upload(uri)
    assert (upload.folder, upload.name) == (tenant(US).tenant_id, f"{upload.id}-Mein_Vid_o.mov")
    assert isinstance(upload.id, UUID) and not await readable(database, uri, US)
    whole = pb.CompleteUploadRequest(uri=uri, size_bytes=7, sha256="00" * 32)
    for _ in range(2):
        await service.CompleteUpload(whole, US)
    assert await readable(database, uri, US) and not await readable(database, uri, THEM)


async def test_the_longest_name_keeps_its_ending_and_fits(service: UploadService) -> None:
    uri = (await service.CreateUpload(pb.CreateUploadRequest(name="x" * 196 + ".mov"), US)).uri
    assert uris.upload(uri).name.endswith("xx.mov") and len(uris.upload(uri).name) == 128


async def test_another_tenant_can_not_complete_or_abandon_an_upload(service: UploadService, database: Database) -> None:
    uri = (await service.CreateUpload(pb.CreateUploadRequest(name="a"), US)).uri
    with pytest.raises(NotFound):
        await service.CompleteUpload(pb.CompleteUploadRequest(uri=uri, size_bytes=7), THEM)
    await service.AbandonUpload(pb.AbandonUploadRequest(uri=uri), THEM)
    await service.CompleteUpload(pb.CompleteUploadRequest(uri=uri, size_bytes=7), US)
    await service.AbandonUpload(pb.AbandonUploadRequest(uri=uri), US)  # too late
    assert await readable(database, uri, US)


@pytest.mark.parametrize("uri", ["file:///x", "upload:x/y", f"upload:{UUID(int=7)}/talk.mov"])
async def test_what_is_no_upload_with_a_row_is_told(service: UploadService, uri: str) -> None:
    for call, request in (
        (service.CompleteUpload, pb.CompleteUploadRequest(uri=uri, size_bytes=1)),
        (service.AbandonUpload, pb.AbandonUploadRequest(uri=uri)),
    ):
        with pytest.raises(InvalidRequest, match="uri"):
            await call(request, US)
