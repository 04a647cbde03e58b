"""What every storage holds: folders and S3 pass the same tests."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from contract.conftest import MAX_BYTES
from waiting import eventually, patient, soon

from reelmill.jobs.errors import AttemptFailed, InvalidRequest, NotFound, Unavailable
from reelmill.storage import uris
from reelmill.storage.folders import StoredFile
from reelmill.storage.storage import Storage
from reelmill.store.tenancy import DEFAULT_IDENTITY

CONTENT = bytes(range(256)) * 10
LIMIT_BYTES = 20_000_000  # so that S3 uploads have parts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(CONTENT)
    return path


async def code(call: Awaitable[object]) -> str:
    with pytest.raises(AttemptFailed) as caught:
        await call
    return caught.value.failure.code


async def chunks(count: int, *, then: Exception | None = None) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000_000
    if then:
        raise then


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def upload_uri(name: str = "talk.mov", tenant_id: UUID = DEFAULT_IDENTITY.tenant_id) -> str:
    """Of a new upload."""
    return uris.upload_uri(tenant_id, uuid4(), name)


async def read(storage: Storage, uri: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in storage.open_range(uri, start, end)])


@pytest.mark.parametrize(
    "name", ["a.mp4", "a b.mp4", "ünï.mp4", "100%.mp4", "%2F..%2F.mp4", "a+b&c=d#e?.mp4", "~$*[1].mp4", "-"]
)
async def test_a_file_of_any_name_comes_back_as_it_was_put(
    storage: Storage, file: Path, tmp_path: Path, name: str
) -> None:
    uri = storage.own(f"outputs/jobs/1/{quote(name)}")
    stored = await storage.put_file(file, uri, "video/mp4")
    assert (stored.size_bytes, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert await storage.size(uri) == len(CONTENT)
    fetched = await storage.fetch(uri, tmp_path / "fetched")
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.size_bytes == len(CONTENT)


@pytest.mark.parametrize("count", [0, 1, 5 * 2**20 - 1, 5 * 2**20, 12 * 2**20 + 1])
async def test_a_file_is_read_once_for_its_copy_and_its_hash(storage: Storage, tmp_path: Path, count: int) -> None:
    pipe, uri, content = tmp_path / "pipe.mp4", storage.own("outputs/once.mp4"), os.urandom(count)
    os.mkfifo(pipe)  # what is read from it is gone
    writing = asyncio.create_task(asyncio.to_thread(pipe.write_bytes, content))
    async with patient():
        stored = await storage.put_file(pipe, uri, "video/mp4")
    await writing
    assert (stored.size_bytes, stored.sha256) == (count, hashlib.sha256(content).hexdigest())
    assert await storage.size(uri) == count
    if count:
        assert await read(storage, uri, 0, count) == content


async def test_of_a_file_whose_copy_is_cancelled_nothing_is_kept(storage: Storage, tmp_path: Path) -> None:
    pipe, uri = tmp_path / "pipe.mp4", storage.own("outputs/half.mp4")
    os.mkfifo(pipe)
    copy = asyncio.create_task(storage.put_file(pipe, uri, "video/mp4"))
    with await asyncio.to_thread(pipe.open, "wb") as writer:
        await asyncio.to_thread(writer.write, bytes(11 * 2**20))  # no more comes: the third piece is waited for
        copy.cancel()
        await asyncio.gather(copy, return_exceptions=True)
    assert copy.cancelled()
    with pytest.raises(NotFound):
        await storage.size(uri)


async def test_what_is_put_again_replaces_what_was_there(storage: Storage, file: Path, tmp_path: Path) -> None:
    uri = storage.own("outputs/a.mp4")
    await storage.put_file(file, uri, "video/mp4")
    file.write_bytes(b"new")
    await storage.put_file(file, uri, "video/mp4")
    assert (await storage.fetch(uri, tmp_path / "fetched")).path.read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["output", "upload"])
async def test_an_input_that_was_changed_since_it_was_fetched_is_refused(
    storage: Storage, file: Path, tmp_path: Path, kind: str
) -> None:
    uri, target = upload_uri() if kind == "upload" else storage.own("outputs/a.mp4"), tmp_path / "fetched"

    async def put(content: bytes) -> None:
        if kind == "upload":
            await storage.delete_upload(uri)
            await storage.put_upload(uri, once(content), limit_bytes=LIMIT_BYTES)
        else:
            file.write_bytes(content)
            await storage.put_file(file, uri, "video/mp4")

    await put(CONTENT)
    first = await storage.fetch(uri, target)
    again = await storage.fetch(uri, target, expected=first.validator)
    assert again.validator == first.validator and first.validator.size_bytes == len(CONTENT)
    await storage.check_unchanged(uri, first)
    for content in (CONTENT[:-1], CONTENT[:-1] + b"!"):
        await put(content)
        assert await code(storage.fetch(uri, target, expected=first.validator)) == "INPUT_CHANGED"
        assert (await storage.fetch(uri, target)).path.read_bytes() == content
        if storage.is_remote(uri):
            assert await code(storage.look(uri, expected=first.validator)) == "INPUT_CHANGED"
            assert await storage.look(uri) == (await storage.fetch(uri, target)).validator
    if storage.is_remote(uri):  # who reads a copy has it whole
        await storage.check_unchanged(uri, first)
    else:
        assert await code(storage.check_unchanged(uri, first)) == "INPUT_CHANGED"
        first.path.unlink()
        await storage.check_unchanged(uri, first)  # nobody knows, and who has it open reads on


async def test_a_range_is_read_from_its_start_to_before_its_end(storage: Storage, file: Path) -> None:
    uri = storage.own("outputs/a.mp4")
    await storage.put_file(file, uri, "video/mp4")
    assert await read(storage, uri, 250, 260) == CONTENT[250:260]
    assert await read(storage, uri, 0, len(CONTENT)) == CONTENT


async def test_what_is_missing_is_told_and_nothing_is_made_by_asking(storage: Storage, tmp_path: Path) -> None:
    uri = storage.own("outputs/no folder/none.mp4")
    assert await code(storage.fetch(uri, tmp_path / "fetched")) == "INPUT_NOT_FOUND"
    with pytest.raises(NotFound):
        await storage.size(uri)
    with pytest.raises(NotFound):
        await read(storage, uri, 0, 1)
    assert not (tmp_path / "own" / "outputs" / "no folder").exists()


async def test_an_empty_input_is_refused(storage: Storage, tmp_path: Path) -> None:
    empty, uri = tmp_path / "empty", storage.own("outputs/empty.mp4")
    empty.touch()
    await storage.put_file(empty, uri, "video/mp4")
    assert await code(storage.fetch(uri, tmp_path / "fetched")) == "INPUT_EMPTY"


async def test_an_input_over_the_limit_is_refused(storage: Storage, file: Path, tmp_path: Path) -> None:
    uri = storage.own("outputs/large.mp4")
    file.write_bytes(bytes(MAX_BYTES))
    await storage.put_file(file, uri, "video/mp4")
    assert (await storage.fetch(uri, tmp_path / "fetched")).size_bytes == MAX_BYTES
    file.write_bytes(bytes(MAX_BYTES + 1))
    await storage.put_file(file, uri, "video/mp4")
    assert await code(storage.fetch(uri, tmp_path / "fetched")) == "INPUT_TOO_LARGE"


async def test_a_folder_is_deleted_whole_and_its_neighbours_stay(storage: Storage, file: Path) -> None:
    gone = [storage.own(f"outputs/jobs/1/{name}") for name in ("a", "b/c", "b/d")]
    stays = [storage.own(f"outputs/jobs/{name}") for name in ("10/a", "2/a")]
    for uri in (*gone, *stays):
        await storage.put_file(file, uri, "video/mp4")
    await storage.delete_prefix(storage.own("outputs/jobs/1"))
    await storage.delete_prefix(storage.own("outputs/jobs/2/"))
    for uri in (*gone, stays[1]):
        with pytest.raises(NotFound):
            await storage.size(uri)
    assert await storage.size(stays[0]) == len(CONTENT)
    await storage.delete_prefix(storage.own("outputs/jobs/1"))  # what is gone is fine


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "file:///", "file:///etc", "https://example.org/a"])
async def test_whole_buckets_and_folders_outside_the_roots_are_never_deleted(storage: Storage, uri: str) -> None:
    assert await code(storage.delete_prefix(uri)) == "OUTPUT_NOT_WRITABLE"


async def test_an_upload_is_an_input_of_its_own(storage: Storage, tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[:100]
        yield CONTENT[100:]

    uri = upload_uri("My talk (1).mov")
    stored = await storage.put_upload(uri, body(), limit_bytes=LIMIT_BYTES)
    assert (stored.size_bytes, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert uris.upload(uri).name.endswith("-My_talk_1_.mov")
    assert storage.input_violation(uri) is None
    assert await storage.size(uri) == len(CONTENT)
    assert (await storage.fetch(uri, tmp_path / "fetched")).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("count", "then", "error"),
    [
        (0, None, InvalidRequest),
        (30, None, InvalidRequest),
        (15, ConnectionResetError("the client is gone"), Unavailable),
        (15, RuntimeError("the client is gone"), RuntimeError),
    ],
)
async def test_of_an_upload_that_fails_nothing_is_kept(
    storage: Storage, tmp_path: Path, count: int, then: Exception | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await storage.put_upload(upload_uri(), chunks(count, then=then), limit_bytes=LIMIT_BYTES)
    assert not list((tmp_path / "own").glob("uploads/*/*"))
    assert await storage.delete_uploads(timedelta(seconds=-10)) == 0


async def test_of_an_upload_that_is_cancelled_nothing_is_kept(storage: Storage, tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(12_000_000)
        reached.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(storage.put_upload(upload_uri(), body(), limit_bytes=LIMIT_BYTES))
    await soon(reached.wait())
    upload.cancel()
    await asyncio.gather(upload, return_exceptions=True)
    assert upload.cancelled()
    await eventually(lambda: not list((tmp_path / "own").glob("uploads/*/*")), "the half one gone")
    assert await storage.delete_uploads(timedelta(seconds=-10)) == 0


@pytest.mark.parametrize(
    ("count", "then"),
    [(0, None), (30, None), (15, ConnectionResetError("gone")), (15, RuntimeError("gone"))],
    ids=["empty", "too large", "broken", "faulty"],
)
async def test_a_refused_or_broken_second_send_leaves_the_first_file_whole(
    storage: Storage, tmp_path: Path, count: int, then: Exception | None
) -> None:
    uri = upload_uri()
    await storage.put_upload(uri, once(CONTENT), limit_bytes=LIMIT_BYTES)
    with pytest.raises((InvalidRequest, Unavailable, RuntimeError)):
        await storage.put_upload(uri, chunks(count, then=then), limit_bytes=LIMIT_BYTES)
    assert (await storage.fetch(uri, tmp_path / "fetched")).path.read_bytes() == CONTENT


async def test_of_two_sends_to_one_address_a_refused_one_does_the_other_no_harm(
    storage: Storage, tmp_path: Path
) -> None:
    uri, refused = upload_uri(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(12_000_000)
        with pytest.raises(InvalidRequest):
            await storage.put_upload(uri, chunks(0), limit_bytes=LIMIT_BYTES)
        refused.set()
        yield b"end"

    await soon(storage.put_upload(uri, body(), limit_bytes=LIMIT_BYTES))
    assert refused.is_set() and await storage.size(uri) == 12_000_003


async def test_what_releases_before_wrote_is_read_and_swept_as_ever(
    storage: Storage, file: Path, tmp_path: Path
) -> None:
    upload, output = uris.unrecorded_upload_uri("talk.mov"), storage.own(f"outputs/{uuid4()}-1/web.mp4")
    await storage.put_upload(upload, chunks(1), limit_bytes=LIMIT_BYTES)
    await storage.put_file(file, output, "video/mp4")
    assert storage.own("uploads/") + upload.removeprefix("upload:") == storage.place(upload)
    for uri in (upload, output):
        assert storage.input_violation(uri) is None
        await storage.fetch(uri, tmp_path / "fetched")
        assert await read(storage, uri, 0, 1)
    await storage.delete_prefix(output.rpartition("/")[0] + "/")
    assert await storage.delete_uploads(timedelta(seconds=-10)) == 1
    for uri in (upload, output):
        with pytest.raises(NotFound):
            await storage.size(uri)


async def test_a_second_tenant_reads_and_writes_none_of_the_firsts_files(
    storage: Storage, file: Path, tmp_path: Path
) -> None:
    other = storage.of(uuid4())
    upload, output = upload_uri(), f"{storage.outputs()}/{uuid4()}-1/web.mp4"
    await storage.put_upload(upload, chunks(1), limit_bytes=LIMIT_BYTES)
    await storage.put_file(file, output, "video/mp4")
    for uri in (upload, output, storage.place(upload), storage.own("outputs/j-1/web.mp4")):
        assert await code(other.fetch(uri, tmp_path / "fetched")) == "INPUT_FORBIDDEN", uri
        assert await code(other.put_file(file, uri, "video/mp4")) == "OUTPUT_NOT_WRITABLE", uri
    theirs = f"{other.outputs()}/{uuid4()}-1/web.mp4"
    await other.put_file(file, theirs, "video/mp4")
    assert await code(storage.fetch(theirs, tmp_path / "fetched")) == "INPUT_FORBIDDEN"
    assert (await other.fetch(theirs, tmp_path / "fetched")).size_bytes == len(CONTENT)


async def test_of_a_tenants_uploads_one_is_deleted_by_its_uri_and_half_ones_with_it(
    storage: Storage, tmp_path: Path
) -> None:
    gone, stays = upload_uri(), upload_uri()
    for uri in (gone, stays):
        await storage.put_upload(uri, chunks(1), limit_bytes=LIMIT_BYTES)
    for half in (tmp_path / "own").glob(f"uploads/*/{uris.upload(gone).id}-*"):
        half.with_name(half.name + "#1").touch()  # as a writer has it that died
    for _ in range(2):  # what is gone is fine
        await storage.delete_upload(gone)
    assert not list((tmp_path / "own").glob(f"uploads/*/{uris.upload(gone).id}-*"))
    with pytest.raises(NotFound):
        await storage.size(gone)
    assert await storage.size(stays) == 1_000_000


class Known:
    """What a database would say of uploads."""

    def __init__(self, *, answer: bool | Exception, most: int | None = None) -> None:
        self.answer = answer
        self.most = most

    async def readable(self, tenant_id: UUID, uri: str, *, folder: UUID, upload_id: UUID | None) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def most_bytes(self, tenant_id: UUID, uri: str, *, upload_id: UUID | None) -> int | None:
        return self.most


@pytest.mark.parametrize(
    ("answer", "told"), [(False, "INPUT_NOT_FOUND"), (Unavailable("the database is away"), "INPUT_UNAVAILABLE")]
)
async def test_an_upload_is_read_only_if_its_row_says_so(
    storage: Storage, tmp_path: Path, answer: bool | Exception, told: str
) -> None:
    uri = upload_uri()
    await storage.put_upload(uri, chunks(1), limit_bytes=LIMIT_BYTES)
    storage._uploads = Known(answer=answer)
    assert await code(storage.fetch(uri, tmp_path / "fetched")) == told
    storage._uploads = Known(answer=True)
    assert (await storage.fetch(uri, tmp_path / "fetched")).size_bytes == 1_000_000


async def test_an_upload_by_a_signed_address_is_read_once_it_is_there_and_not_larger_than_it_may_be(
    storage: Storage, tmp_path: Path
) -> None:
    uri, target = upload_uri(), tmp_path / "fetched"
    storage._uploads = Known(answer=False, most=1_000_000)
    assert await code(storage.fetch(uri, target)) == "INPUT_NOT_FOUND"
    await storage.put_upload(uri, chunks(1), limit_bytes=LIMIT_BYTES)
    assert (await storage.fetch(uri, target)).size_bytes == 1_000_000
    storage._uploads = Known(answer=False, most=999_999)  # as where a bucket took more
    assert await code(storage.look(uri)) == "INPUT_TOO_LARGE"
    assert await code(storage.fetch(uri, target)) == "INPUT_NOT_FOUND"  # and it is gone


async def test_old_uploads_are_deleted_and_new_ones_stay(storage: Storage) -> None:
    uri = upload_uri()
    await storage.put_upload(uri, chunks(1), limit_bytes=LIMIT_BYTES)
    assert await storage.delete_uploads(timedelta(hours=1)) == 0
    assert await storage.size(uri) == 1_000_000
    assert await storage.delete_uploads(timedelta(seconds=-10)) == 1
    with pytest.raises(NotFound):
        await storage.size(uri)


async def test_our_own_storage_is_found_well(storage: Storage) -> None:
    await storage.check()


async def test_a_copy_is_a_jobs_own_and_outlives_what_it_was_taken_from(storage: Storage, file: Path) -> None:
    source, target = (f"{storage.outputs()}/{name}/a.mp4" for name in ("one-1", "two-1"))
    stored = await storage.put_file(file, source, "video/mp4")
    assert await storage.take(source, target, stored, "video/mp4")
    await storage.delete_prefix(f"{storage.outputs()}/one-1/")
    assert await read(storage, target, 0, len(CONTENT)) == CONTENT
    assert not await storage.take(source, f"{storage.outputs()}/three-1/a.mp4", stored, "video/mp4")


async def test_what_is_not_as_it_was_stored_is_not_taken(storage: Storage, file: Path, tmp_path: Path) -> None:
    source, target = (f"{storage.outputs()}/{name}/a.mp4" for name in ("one-1", "two-1"))
    stored = await storage.put_file(file, source, "video/mp4")
    await storage.put_bytes(CONTENT[:-1], source, "video/mp4")
    assert not await storage.take(source, target, stored, "video/mp4")
    if source.startswith("file:"):  # of the same size: a bucket answers for what it has
        await storage.put_bytes(b"x" * len(CONTENT), source, "video/mp4")
        assert not await storage.take(source, target, stored, "video/mp4")


async def test_only_what_a_tenants_jobs_made_here_is_taken(storage: Storage, file: Path, tmp_path: Path) -> None:
    mine, theirs = f"{storage.outputs()}/one-1/a.mp4", storage.own(f"outputs/{uuid4()}/one-1/a.mp4")
    elsewhere = uris.file_uri(tmp_path / "root" / "a.mp4")
    stored = await storage.put_file(file, mine, "video/mp4")
    await storage.of(UUID(theirs.split("/")[-3])).put_file(file, theirs, "video/mp4")
    await storage.put_file(file, elsewhere, "video/mp4")
    assert not await storage.take(theirs, f"{storage.outputs()}/two-1/a.mp4", stored, "video/mp4")
    assert not await storage.take(mine, theirs, stored, "video/mp4")
    assert not await storage.take(elsewhere, f"{storage.outputs()}/two-1/b.mp4", stored, "video/mp4")
    taken = tmp_path / "root" / "taken" / "a.mp4"
    assert await storage.take(mine, uris.file_uri(taken), stored, "video/mp4")
    taken.write_bytes(b"a client's own")  # to change as they like
    assert await read(storage, mine, 0, len(CONTENT)) == CONTENT


async def test_a_copy_is_whole_or_not_there_while_what_it_is_taken_from_is_deleted(
    storage: Storage, file: Path
) -> None:
    stored = StoredFile(size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    taken = 0
    for i in range(20):
        source, target = (f"{storage.outputs()}/{name}-{i}/a.mp4" for name in ("one", "two"))
        await storage.put_file(file, source, "video/mp4")
        deleting = storage.delete_prefix(f"{storage.outputs()}/one-{i}/")
        calls: list[Awaitable[object]] = [storage.take(source, target, stored, "video/mp4"), deleting]
        if True in await asyncio.gather(*calls[:: 1 if i % 2 else -1]):
            taken += 1
            assert await read(storage, target, 0, len(CONTENT)) == CONTENT
    assert taken or storage.own("").startswith("file:")


async def test_an_example_is_the_same_input_on_every_machine(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await storage.fetch("example:clip", None)
    assert not storage.is_remote("example:clip")
    assert (here.size_bytes, here.path.suffix) == (here.path.stat().st_size, ".mp4")
    copy = Path(shutil.copyfile(here.path, tmp_path / "clip.mp4"))  # as another machine has it, installed later
    monkeypatch.setitem(uris.EXAMPLES, "clip", copy)
    there = await storage.fetch("example:clip", None, expected=here.validator)
    assert (there.path, there.validator) == (copy, here.validator)


async def test_only_what_comes_along_is_an_example(storage: Storage) -> None:
    for uri in ("example:", "example:other", "example:../storage.py", "example:/etc/passwd"):
        assert storage.input_violation(uri) == "names no example; there is example:clip"
        with pytest.raises(AttemptFailed, match="names no example"):
            await storage.fetch(uri, None)
    assert "must begin with one of" in (storage.destination_violation("example:clip") or "")
