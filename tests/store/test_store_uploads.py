"""Uploads as rows: of one tenant, whole or not, and gone with their files."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from store.kit import TENANT, Store

from reelmill.jobs.errors import NotFound
from reelmill.storage import uris
from reelmill.store.uploads import UploadStore

OTHER = UUID("00000000-0000-0000-0000-00000000000b")


@pytest.fixture
async def uploads(store: Store) -> UploadStore:
    """Uploads of two tenants."""
    await store.rows("INSERT INTO tenants (id, name) VALUES ($1, 'other')", OTHER)
    return UploadStore(store.database)


async def begun(uploads: UploadStore, tenant_id: UUID = TENANT) -> tuple[UUID, str]:
    """Id and URI of an upload that is being written."""
    upload_id = uuid4()
    uri = uris.upload_uri(tenant_id, upload_id, "talk.mov")
    await uploads.begin(tenant_id, upload_id, uri)
    return upload_id, uri


async def readable(uploads: UploadStore, tenant_id: UUID, uri: str) -> bool:
    upload = uris.upload(uri)
    return await uploads.readable(tenant_id, uri, folder=upload.folder, upload_id=upload.id)


async def test_an_upload_is_read_once_it_is_whole_by_its_tenant_and_under_its_own_name(uploads: UploadStore) -> None:
    upload_id, uri = await begun(uploads)
    assert not await readable(uploads, TENANT, uri)
    for _ in range(2):  # the answer may have been lost
        await uploads.complete(TENANT, upload_id, size_bytes=7, sha256="00" * 32)
    assert await readable(uploads, TENANT, uri)
    assert not await readable(uploads, TENANT, uri.replace("talk", "walk"))
    assert not await readable(uploads, OTHER, uri)
    assert not await readable(uploads, OTHER, uri.replace(str(TENANT), str(OTHER)))


async def test_an_upload_by_a_signed_address_has_a_size_and_no_end_that_is_told(uploads: UploadStore) -> None:
    _, plain = await begun(uploads)
    upload_id = uuid4()
    uri = uris.upload_uri(TENANT, upload_id, "talk.mov")
    await uploads.begin(TENANT, upload_id, uri, max_bytes=7)
    assert await uploads.most_bytes(TENANT, uri, upload_id=upload_id) == 7
    assert await uploads.most_bytes(OTHER, uri, upload_id=upload_id) is None
    assert await uploads.most_bytes(TENANT, uri.replace("talk", "walk"), upload_id=upload_id) is None
    assert await uploads.most_bytes(TENANT, plain, upload_id=uris.upload(plain).id) is None
    with pytest.raises(NotFound):
        await uploads.complete(TENANT, upload_id, size_bytes=8, sha256="")
    assert not await readable(uploads, TENANT, uri)


async def test_another_tenant_neither_completes_nor_abandons_an_upload(store: Store, uploads: UploadStore) -> None:
    upload_id, _ = await begun(uploads)
    with pytest.raises(NotFound):
        await uploads.complete(OTHER, upload_id, size_bytes=7, sha256="")
    await uploads.abandon(OTHER, upload_id)
    assert await store.value("SELECT array_agg(state::text) FROM uploads") == ["WRITING"]
    assert await store.value("SELECT count(*) FROM storage_deletions") == 0


async def test_the_default_tenant_reads_uploads_of_releases_before_and_of_no_other_tenant(uploads: UploadStore) -> None:
    old = uris.unrecorded_upload_uri("talk.mov")
    odd = f"upload:{uuid4()}/{uuid4()}-talk.mov"  # before rows a client may have named its file so
    assert await readable(uploads, TENANT, old) and await readable(uploads, TENANT, odd)
    upload_id, uri = await begun(uploads, OTHER)
    await uploads.complete(OTHER, upload_id, size_bytes=7, sha256="")
    assert await readable(uploads, OTHER, uri) and not await readable(uploads, TENANT, uri)
    assert not await readable(uploads, TENANT, f"upload:{OTHER}/talk.mov"), "nor what has no row"


async def test_what_is_complete_never_changes(store: Store, uploads: UploadStore) -> None:
    upload_id, _ = await begun(uploads)
    await uploads.complete(TENANT, upload_id, size_bytes=7, sha256="")
    with pytest.raises(NotFound):
        await uploads.complete(TENANT, upload_id, size_bytes=8, sha256="")
    await uploads.abandon(TENANT, upload_id)
    [row] = await store.rows("SELECT state::text, size_bytes, sha256 FROM uploads")
    assert tuple(row) == ("COMPLETE", 7, None)


async def test_a_row_that_goes_leaves_its_file_to_the_scheduler(store: Store, uploads: UploadStore) -> None:
    (half, half_uri), (whole, whole_uri), (_, late) = [await begun(uploads) for _ in range(3)]
    await uploads.complete(TENANT, whole, size_bytes=7, sha256="")
    await uploads.abandon(TENANT, half)
    assert await store.value("SELECT array_agg(uri) FROM storage_deletions") == [half_uri]
    await store.rows("UPDATE uploads SET create_time = now() - interval '2 days' WHERE uri <> $1", late)
    assert await store.retention.delete_uploads(timedelta(days=1), limit=9) == 1
    assert [uri for _, uri in await store.retention.due_deletions(limit=9)] == [half_uri, whole_uri]
    assert await store.value("SELECT array_agg(uri) FROM uploads") == [late]
    assert await store.retention.delete_uploads(timedelta(days=1), limit=9) == 0
