"""What folders and S3 each have of their own, and the disk that inputs are brought to."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from buckets import serving_bucket
from contract.test_storage import CONTENT, LIMIT_BYTES, chunks, code, upload_uri
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError

from reelmill.jobs.errors import Unavailable
from reelmill.settings import Settings
from reelmill.storage.folders import make_private
from reelmill.storage.objects import read_failure, write_failure
from reelmill.storage.storage import Storage

Make = Callable[..., Storage]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def local(make_storage: Make, tmp_path: Path) -> Storage:
    return make_storage(f"file://{tmp_path}/own")


def client(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint)


@pytest.fixture
def s3(make_storage: Make, s3_endpoint: str, s3_credentials: None) -> Storage:
    buckets = ["no-such-bucket"]
    return make_storage("s3://bucket/kinds", s3_endpoint=s3_endpoint, read_buckets=buckets, write_buckets=buckets)


async def test_inputs_outside_the_roots_are_refused(local: Storage, root: Path, file: Path) -> None:
    (root / "out.mp4").symlink_to(file)
    (root / "folder").symlink_to(root.parent)
    for path in ("/etc/passwd", f"{root}/../made.mp4", f"{root}/out.mp4", f"{root}/folder/made.mp4", f"{root}2/a"):
        assert local.input_violation(f"file://{path}")
        assert await code(local.fetch(f"file://{path}", root / "fetched")) == "INPUT_FORBIDDEN"


async def test_a_link_that_stays_inside_is_followed(local: Storage, root: Path) -> None:
    (root / "real.mp4").write_bytes(CONTENT)
    (root / "link.mp4").symlink_to("real.mp4")
    fetched = await local.fetch(f"file://{root}/link.mp4", root / "fetched")
    assert fetched.path.read_bytes() == CONTENT


async def test_what_is_no_file_is_refused_and_a_pipe_hangs_nothing(local: Storage, root: Path) -> None:
    os.mkfifo(root / "pipe.mp4")
    for path in (root / "pipe.mp4", root):
        assert await code(local.fetch(f"file://{path}", root / "fetched")) == "INPUT_NOT_MEDIA"


async def test_a_path_that_leads_nowhere_is_not_tried_again(local: Storage, root: Path, file: Path) -> None:
    (root / "loop").symlink_to("loop")
    (root / "plain.mp4").write_bytes(CONTENT)
    for path, told in (
        ("loop", "INPUT_FORBIDDEN"),
        ("loop/a.mp4", "INPUT_FORBIDDEN"),
        ("plain.mp4/a", "INPUT_NOT_FOUND"),
    ):
        assert await code(local.fetch(f"file://{root}/{path}", root / "fetched")) == told
    assert await code(local.put_file(file, f"file://{root}/loop/a.mp4", "video/mp4")) == "OUTPUT_NOT_WRITABLE"


async def test_destinations_outside_the_roots_are_refused(local: Storage, root: Path, file: Path) -> None:
    (root / "folder").symlink_to(root.parent)
    for uri in (f"file://{root}/folder/a.mp4", "file:///etc/a.mp4", f"file://{root}/../a.mp4", "https://a.org/b"):
        assert await code(local.put_file(file, uri, "video/mp4")) == "OUTPUT_NOT_WRITABLE"
    assert not (root.parent / "a.mp4").exists()


async def test_a_destination_that_is_a_folder_or_lies_below_a_file_is_refused(
    local: Storage, root: Path, file: Path
) -> None:
    (root / "taken.mp4").touch()
    (root / "folder").mkdir()
    for path in ("taken.mp4/a.mp4", "folder", "n" * 300):
        assert await code(local.put_file(file, f"file://{root}/{path}", "video/mp4")) == "OUTPUT_NOT_WRITABLE"
    assert sorted(p.name for p in root.iterdir()) == ["folder", "taken.mp4"]


async def test_a_full_disk_of_the_worker_is_told_as_such(s3: Storage, file: Path) -> None:
    uri = s3.own("outputs/a.mp4")
    await s3.put_file(file, uri, "video/mp4")
    assert await code(s3.fetch(uri, Path("/dev/full"))) == "DISK_FULL"
    assert await code(s3.fetch(uri, file / "below a file")) == "DISK_FULL"


async def test_s3_keeps_type_and_key(s3: Storage, s3_endpoint: str, file: Path) -> None:
    await s3.put_file(file, s3.own("outputs/100%25%20ü.mp4"), "video/mp4")
    answer = client(s3_endpoint).get_object(Bucket="bucket", Key="kinds/outputs/100% ü.mp4")
    assert (answer["ContentType"], answer["Body"].read()) == ("video/mp4", CONTENT)


async def test_s3_of_a_broken_upload_no_parts_are_left(s3: Storage, s3_endpoint: str) -> None:
    with pytest.raises(Unavailable):
        await s3.put_upload(upload_uri(), chunks(15, then=ConnectionResetError()), limit_bytes=LIMIT_BYTES)
    uploads = client(s3_endpoint).list_multipart_uploads(Bucket="bucket").get("Uploads", [])
    assert not [u for u in uploads if u["Key"].startswith("kinds/")]


async def test_a_bucket_that_does_not_exist_refuses(s3: Storage, file: Path) -> None:
    assert await code(s3.put_file(file, "s3://no-such-bucket/a.mp4", "video/mp4")) == "OUTPUT_NOT_WRITABLE"
    assert await code(s3.fetch("s3://no-such-bucket/a.mp4", file.parent / "fetched")) == "INPUT_NOT_FOUND"


async def test_a_store_that_is_away_is_worth_another_try(make_storage: Make, s3_credentials: None, file: Path) -> None:
    away = make_storage("s3://bucket/x", s3_endpoint="http://127.0.0.1:1")
    assert await code(away.put_file(file, away.own("outputs/a.mp4"), "video/mp4")) == "OUTPUT_UNAVAILABLE"
    assert await code(away.fetch(away.own("outputs/a.mp4"), file.parent / "fetched")) == "INPUT_UNAVAILABLE"
    assert await code(away.check()) == "OUTPUT_UNAVAILABLE"


class Breaking(BaseHTTPRequestHandler):
    """An S3 whose first answer breaks off; `etags` are those of its answers, one after the other."""

    protocol_version = "HTTP/1.1"
    content = bytes(range(256)) * 1000
    etags: tuple[str, ...]
    asked: list[str | None]

    def do_GET(self) -> None:
        self.asked.append(self.headers["range"])
        begin = int((self.asked[-1] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if self.asked[-1] else 200)
        self.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(self.content) - begin))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", self.etags[len(self.asked) - 1])
        self.end_headers()
        self.wfile.write(self.content[begin : 100_000 if len(self.asked) == 1 else None])
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize(("second", "told"), [('"one"', None), ('"two"', "INPUT_UNAVAILABLE")])
async def test_a_download_that_is_resumed_is_of_one_file(
    make_storage: Make, s3_credentials: None, tmp_path: Path, second: str, told: str | None
) -> None:
    handler = type("Handler", (Breaking,), {"etags": ('"one"', second), "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        storage = make_storage("s3://bucket/x", s3_endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        fetching = storage.fetch(storage.own("outputs/a.mp4"), tmp_path / "fetched")
        try:
            if told:
                assert await code(fetching) == told
            else:
                assert (await fetching).path.read_bytes() == Breaking.content
        finally:
            server.shutdown()
            thread.join()
    assert handler.asked == [None, f"bytes=100000-{len(Breaking.content) - 1}"]


async def test_a_download_that_came_short_is_no_input(
    s3: Storage, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3.own("outputs/a.mp4")
    await s3.put_file(file, uri, "video/mp4")

    async def half(chunks: AsyncIterator[bytes], *args: Any) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk[:-1]

    monkeypatch.setattr("reelmill.storage.inputs.paced", half)
    assert await code(s3.fetch(uri, tmp_path / "fetched")) == "INPUT_UNAVAILABLE"


def test_a_storage_url_of_another_form_is_refused_naming_the_setting() -> None:
    with pytest.raises(ValueError, match="REELMILL_STORAGE_URL"):
        Storage.from_settings(Settings(storage_url="ftp://host/folder"))


async def test_an_upload_leaves_the_reserve_and_nothing_of_itself(make_storage: Make, tmp_path: Path) -> None:
    reserve = shutil.disk_usage(tmp_path).free - 2**26
    storage = make_storage(f"file://{tmp_path}/own", reserve_bytes=reserve)
    with pytest.raises(Unavailable, match="disk_reserve_bytes"):
        await storage.put_upload(upload_uri(), chunks(200), limit_bytes=2**40)
    assert [path for path in (tmp_path / "own").rglob("*") if path.is_file()] == []


async def test_an_output_leaves_the_reserve_of_the_disk(make_storage: Make, file: Path, root: Path) -> None:
    storage = make_storage(f"file://{root}/own", reserve_bytes=2**62)
    assert await code(storage.put_file(file, f"file://{root}/out/a.mp4", "video/mp4")) == "DISK_FULL"


async def test_others_do_not_enter_our_folders_and_a_clients_own_stay_as_the_umask_says(
    local: Storage, file: Path, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "own" / "uploads").mkdir(parents=True, mode=0o755)  # as releases before made it
    await local.put_upload(upload_uri(), chunks(1), limit_bytes=LIMIT_BYTES)
    await local.put_file(file, local.own("outputs/j-1/web/web.mp4"), "video/mp4")
    await local.put_file(file, f"file://{root}/out/web.mp4", "video/mp4")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("own/uploads", "own/outputs", "root/out")}
    umask = os.umask(0)
    os.umask(umask)
    assert modes == {"own/uploads": 0o700, "own/outputs": 0o700, "root/out": 0o777 & ~umask}


def test_of_a_folder_that_is_ours_others_lose_what_they_may_and_the_owner_nothing(tmp_path: Path) -> None:
    found = {}
    for mode in (0o755, 0o701, 0o710, 0o677, 0o700, 0o500):
        folder = tmp_path / "new" / f"{mode:o}"
        make_private(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.chmod(mode)
        make_private(folder)
        found[mode] = folder.stat().st_mode & 0o777
    assert found == {0o755: 0o700, 0o701: 0o700, 0o710: 0o700, 0o677: 0o700, 0o700: 0o700, 0o500: 0o500}


URI = "s3://bucket/a.mp4"
# What a store raises, and what it means for the one who reads and the one who writes.
ERRORS: list[tuple[Exception, str, str]] = [
    (FileNotFoundError("gone"), "INPUT_NOT_FOUND: @ does not exist", "OUTPUT_NOT_WRITABLE: @ can't be written: gone"),
    (NotADirectoryError("a"), "INPUT_NOT_FOUND: @ does not exist", "OUTPUT_NOT_WRITABLE: @ can't be written: a"),
    *(
        (kind("no\nmore"), "INPUT_FORBIDDEN: @ can't be read: no", "OUTPUT_NOT_WRITABLE: @ can't be written: no")
        for kind in (PermissionError, PermissionDeniedError, UnauthenticatedError)
    ),
    *(
        (
            OSError(number, "odd"),
            f"INPUT_FORBIDDEN: @ can't be read: [Errno {number}] odd",
            f"OUTPUT_NOT_WRITABLE: @ can't be written: [Errno {number}] odd",
        )
        for number in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
    ),
    *(
        (
            GenericError(f"{text} (os error 1)"),
            f"INPUT_UNAVAILABLE: @ can't be read now: {text} (os error 1)",
            f"OUTPUT_NOT_WRITABLE: @ can't be written: {text} (os error 1)",
        )
        for text in (
            "File exists",
            "Is a directory",
            "Not a directory",
            "File name too long",
            "Read-only file system",
        )
    ),
    *(
        (
            GenericError(text),
            f"INPUT_UNAVAILABLE: @ can't be read now: {text}",
            "DISK_FULL: @ can't be written: the disk is full",
        )
        for text in ("No space left on device", "Disk quota exceeded")
    ),
    (
        OSError(),
        "INPUT_UNAVAILABLE: @ can't be read now: OSError",
        "OUTPUT_UNAVAILABLE: @ can't be written now: OSError",
    ),
    (
        GenericError("w" * 400),
        f"INPUT_UNAVAILABLE: @ can't be read now: {'w' * 300}",
        f"OUTPUT_UNAVAILABLE: @ can't be written now: {'w' * 300}",
    ),
]


def test_an_error_of_a_store_is_told_by_its_code_and_its_first_line() -> None:
    for error, reading, writing in ERRORS:
        told = [failed(error, URI).failure for failed in (read_failure, write_failure)]
        assert [f"{f.code}: {f.message}" for f in told] == [reading.replace("@", URI), writing.replace("@", URI)]


HOLEY = bytes(range(256)) * 4000
SOME = ((0, 70_000), (100_000, 100_001), (500_000, 900_000), (1_023_999, 1_024_000))


def parts(content: bytes) -> bytes:
    """It, with zeros where nothing was asked for."""
    made = bytearray(len(content))
    for begin, end in SOME:
        made[begin:end] = content[begin:end]
    return bytes(made)


async def test_some_bytes_of_an_object_come_to_their_places_and_no_others(
    make_storage: Make, s3_endpoint: str, s3_credentials: None, file: Path, tmp_path: Path
) -> None:
    storage, target = make_storage("s3://bucket/holey", s3_endpoint=s3_endpoint), tmp_path / "fetched"
    storage._max_bytes = len(HOLEY)
    file.write_bytes(HOLEY)
    uri = storage.own("outputs/a.mp4")
    await storage.put_file(file, uri, "video/mp4")
    whole = await storage.look(uri)
    fetched = await storage.fetch_extents(uri, target, SOME, expected=whole)
    assert target.read_bytes() == parts(HOLEY)
    held = sum(end - begin for begin, end in SOME)
    assert (fetched.size_bytes, fetched.lacking_bytes) == (len(HOLEY), len(HOLEY) - held)
    assert fetched.validator == whole
    assert target.stat().st_blocks * 512 < len(HOLEY) * 3 // 4
    file.write_bytes(HOLEY[::-1])
    await storage.put_file(file, uri, "video/mp4")
    assert await code(storage.fetch_extents(uri, target, SOME, expected=whole)) == "INPUT_CHANGED"
    assert await code(storage.fetch_extents(storage.own("outputs/b"), target, SOME)) == "INPUT_NOT_FOUND"
    assert await code(storage.fetch_extents("s3://elsewhere/b", target, SOME)) == "INPUT_FORBIDDEN"
    storage.room.reserve_bytes = 2**62
    assert await code(storage.fetch_extents(uri, target, SOME)) == "DISK_FULL"


async def test_bytes_of_an_object_are_of_one_state_of_it(
    make_storage: Make, s3_credentials: None, tmp_path: Path
) -> None:
    async with serving_bucket(a=HOLEY) as bucket:
        storage = make_storage("s3://own/x", s3_endpoint=bucket.url, read_buckets=["bucket"])
        storage._max_bytes = len(HOLEY)
        bucket.go_on.clear()
        fetching = asyncio.create_task(storage.fetch_extents("s3://bucket/a.mp4", tmp_path / "fetched", SOME * 3))
        await bucket.half.wait()
        bucket.objects["/bucket/a.mp4"] = HOLEY[::-1]
        bucket.go_on.set()
        assert await code(fetching) == "INPUT_CHANGED"
