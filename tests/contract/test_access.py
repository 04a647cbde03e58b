"""What clients may name: every folder of ours is tried, by every way in."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reelmill.settings import Settings
from reelmill.storage.access import Access
from reelmill.storage.storage import Storage

OURS = ("postgres", "postgres/pg_replslot", "work", "run", "run/0", "storage", "storage/checks", "config", "")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder below an allowed one, as where `up` is started."""
    for name in (*OURS, "storage/outputs/j-1/web", "storage/uploads/u"):
        (tmp_path / "root" / "data" / name).mkdir(parents=True, exist_ok=True)
    return tmp_path / "root" / "data"


@pytest.fixture
def storage(data: Path) -> Storage:
    return Storage.from_settings(Settings(data_dir=data, read_roots=(data.parent,), write_roots=(data.parent,)))


@contextmanager
def bound(folder: Path, at: Path) -> Iterator[None]:
    """A folder seen at another place too."""
    at.mkdir()
    done = subprocess.run(["mount", "--bind", folder, at], capture_output=True)
    if done.returncode:
        pytest.skip("only root may mount")
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def refused(storage: Storage, path: str) -> bool:
    """Whether a path can neither be read nor written."""
    return bool(storage.input_violation(f"file://{path}/a")) and bool(storage.destination_violation(f"file://{path}"))


@pytest.mark.parametrize("name", OURS)
def test_no_way_leads_into_a_folder_of_ours(storage: Storage, data: Path, name: str) -> None:
    root, folder = data.parent, data / name
    (root / "link").symlink_to(folder)
    (root / "parent").symlink_to(data.parent)
    ways = (
        f"{folder}",
        f"{folder}/",
        f"{folder}/.",
        f"{folder}/new/deeper",
        f"{data}/storage/outputs/../../{name}",
        f"{data}/storage/outputs/%2E%2E/%2e%2e/{name}",
        f"{root}/none/../data/{name}",
        f"{root}//data//{name}",
        f"{root}/link",
        f"{root}/link/new",
        f"{root}/parent/data/{name}",
        f"/proc/self/root{folder}",
    )
    for way in ways:
        assert refused(storage, way), way


@pytest.mark.parametrize("name", OURS)
def test_a_mount_leads_into_none_either(storage: Storage, data: Path, name: str) -> None:
    with bound(data / name, data.parent / "mounted"):
        for way in ("mounted", "mounted/new", "mounted/../mounted/x"):
            assert refused(storage, f"{data.parent}/{way}"), way


def test_what_was_made_for_clients_can_be_read_and_outputs_written(storage: Storage, data: Path) -> None:
    for path in ("outputs/j-1/web/web.mp4", "uploads/u/talk.mov"):
        assert storage.input_violation(f"file://{data}/storage/{path}") is None
    assert storage.destination_violation(f"file://{data}/storage/outputs/mine") is None
    assert storage.destination_violation(f"file://{data}/storage/uploads/mine")
    assert storage.destination_violation(f"file://{data}/storage/outputs2")


def test_the_rest_of_the_root_is_free(storage: Storage, data: Path) -> None:
    for path in ("talk.mov", "data2/talk.mov", "a/data/talk.mov"):
        assert storage.input_violation(f"file://{data.parent}/{path}") is None
        assert storage.destination_violation(f"file://{data.parent}/{path}") is None


def test_reading_and_writing_have_roots_of_their_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "d", read_roots=(tmp_path / "in",), write_roots=(tmp_path / "out",))
    storage = Storage.from_settings(settings)
    assert storage.input_violation(f"file://{tmp_path}/in/a") is None
    assert storage.destination_violation(f"file://{tmp_path}/out/a") is None
    assert "REELMILL_READ_ROOTS" in str(storage.input_violation(f"file://{tmp_path}/out/a"))
    assert "REELMILL_WRITE_ROOTS" in str(storage.destination_violation(f"file://{tmp_path}/in/a"))


@pytest.mark.parametrize("given", [{}, {"read_roots": (Path("/r"),)}])
def test_the_older_setting_allows_both_as_it_did(tmp_path: Path, given: dict[str, tuple[Path]]) -> None:
    settings = Settings(data_dir=tmp_path / "d", local_roots=(Path("/old"),), **given)
    storage = Storage.from_settings(settings)
    assert storage.input_violation("file:///old/a") is None
    assert storage.destination_violation("file:///old/a") is None
    assert storage.destination_violation("file:///media/a")
    assert (storage.input_violation("file:///r/a") is None) is bool(given)
    [notice] = settings.superseded
    assert "REELMILL_LOCAL_ROOTS still works" in notice


def test_networks_are_allowed_by_the_newer_setting_and_the_older_one() -> None:
    assert Settings().allowed_networks == ()
    assert [str(n) for n in Settings(http_allowed_networks=["10.1.0.0/16"]).allowed_networks] == ["10.1.0.0/16"]
    assert [str(n) for n in Settings(http_allow_private=True).allowed_networks] == ["0.0.0.0/0", "::/0"]


def test_buckets_are_allowed_by_list_and_each_way_by_its_own() -> None:
    access = Access(own="s3://ours/reelmill", read_buckets=["source", "both/a/"], write_buckets=["both/a", "ours"])
    assert access.input_violation("s3://both/a/x.mov") is None
    assert access.destination_violation("s3://both/a/out/") is None
    assert access.input_violation("s3://ours/reelmill/outputs/j/x.mp4") is None
    assert access.destination_violation("s3://ours/elsewhere/") is None
    for uri in ("s3://other/x", "s3://both/ab/x", "s3://both/a/../x", "s3://ours/x", "s3://ours/reelmill/checks/x"):
        assert access.input_violation(uri), uri
    for uri in ("s3://sources/", "s3://both", "s3://both/b/", "s3://ours/reelmill/uploads/x", "s3://ours/reelmill"):
        assert access.destination_violation(uri), uri
    assert "REELMILL_S3_READ_BUCKETS" in str(access.input_violation("s3://other/x"))
    assert "REELMILL_S3_WRITE_BUCKETS" in str(access.destination_violation("s3://source/x"))


@pytest.mark.parametrize("entry", ["", "s3://b-c", "B", "b", "b-c//x", "../b-c"])
def test_an_entry_that_is_no_bucket_is_refused_naming_the_setting(entry: str) -> None:
    with pytest.raises(ValueError, match="s3_read_buckets"):
        Settings(s3_read_buckets=(entry,))
