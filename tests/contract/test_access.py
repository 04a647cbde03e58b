"""What clients may name: every folder of ours is tried, by every way in."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from reelmill.jobs.errors import AttemptFailed
from reelmill.settings import Settings
from reelmill.storage.access import Access
from reelmill.storage.storage import Storage
from reelmill.store.tenancy import DEFAULT_IDENTITY

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


OURS_ID, OTHER = DEFAULT_IDENTITY.tenant_id, UUID(int=6)  # each process of a run must name its tests alike
JOB = f"{uuid4()}-1"
OLD, NEW = ("outputs/j-1/web.mp4", f"outputs/{JOB}/web.mp4", f"uploads/{uuid4()}/talk.mov"), f"{uuid4()}-talk.mov"


def of_tenant(tenant_id: UUID) -> tuple[str, str]:
    """An output and an upload of a tenant."""
    return f"outputs/{tenant_id}/{JOB}/web.mp4", f"uploads/{tenant_id}/{NEW}"


@pytest.mark.parametrize("own", ["file", "s3"])
def test_a_tenant_names_its_own_files_and_the_default_one_those_from_before(data: Path, own: str) -> None:
    roots, top = (data.parent,), f"file://{data}/storage" if own == "file" else "s3://bucket/ours"
    given: Any = {"read_roots": roots, "write_roots": roots, "read_buckets": ("bucket",), "write_buckets": ("bucket",)}
    default = Access(own=top, private=(data,), **given)
    other = Access(own=top, private=(data,), tenant_id=OTHER, **given)
    third = Access(own=top, private=(data,), tenant_id=uuid4(), **given)
    allowed = {default: (*OLD, *of_tenant(OURS_ID)), other: of_tenant(OTHER)}
    refused = {default: of_tenant(OTHER), other: (*OLD, *of_tenant(OURS_ID)), third: (*OLD, *of_tenant(OTHER))}
    for access, paths in allowed.items():
        assert [p for p in paths if access.input_violation(f"{top}/{p}")] == []
    for access, paths in refused.items():
        assert [p for p in paths if not access.input_violation(f"{top}/{p}")] == []
    for access, tenant_id in ((default, OURS_ID), (other, OTHER)):
        assert access.destination_violation(f"{top}/outputs/{tenant_id}/mine") is None
        for path in (f"outputs/{third.tenant_id}/x", f"outputs/{third.tenant_id.hex}", f"uploads/{tenant_id}/x"):
            assert access.destination_violation(f"{top}/{path}"), path
    assert default.destination_violation(f"{top}/outputs/mine") is None
    assert other.destination_violation(f"{top}/outputs/mine")
    if own == "file":  # by whatever way
        (data.parent / "link").symlink_to(data / "storage")
        assert other.input_violation(f"file://{data.parent}/link/{of_tenant(OURS_ID)[0]}")
        assert other.input_violation(f"{top}/outputs/{OTHER}/../{OURS_ID}/{JOB}/web.mp4")


THIRD = UUID(int=5)


@pytest.mark.parametrize("own", ["file", "s3"])
def test_folders_and_buckets_are_the_default_tenants_and_others_have_what_they_are_allowed(
    tmp_path: Path, own: str
) -> None:
    for name in ("common", "theirs", "drop", "theirs2"):
        (tmp_path / name).mkdir()
    settings = Settings(
        data_dir=tmp_path / "data",
        storage_url="" if own == "file" else "s3://ours/reelmill",
        read_roots=(tmp_path / "common",),
        write_roots=(tmp_path / "common",),
        s3_read_buckets=("common",),
        s3_write_buckets=("common",),
        tenant_storage=(
            f"{OTHER} read file://{tmp_path}/theirs",
            f"{OTHER} write file://{tmp_path}/drop",
            f"{OTHER} read s3://theirs/in",
            f"{OTHER} write s3://theirs/out/",
        ),
    )
    default = Storage.from_settings(settings)
    other, third = default.of(OTHER), default.of(THIRD)
    places = [f"file://{tmp_path}/{name}/a" for name in ("common", "theirs", "drop", "theirs2")]
    places += [f"s3://{name}/a" for name in ("common", "theirs/in", "theirs/out", "theirs", "theirs/in2")]
    may = {(OURS_ID, "read"): {0, 4}, (OURS_ID, "write"): {0, 4}, (OTHER, "read"): {1, 5}, (OTHER, "write"): {2, 6}}
    for storage in (default, other, third):
        reads = {i for i, uri in enumerate(places) if storage.input_violation(uri) is None}
        writes = {i for i, uri in enumerate(places) if storage.destination_violation(uri) is None}
        wanted = [may.get((storage.tenant_id, way), set()) for way in ("read", "write")]
        assert [reads, writes] == wanted, storage.tenant_id
        top = storage.own(f"outputs/{storage.tenant_id}")
        assert storage.input_violation(f"{top}/{JOB}/a") is storage.destination_violation(f"{top}/mine") is None
    for uri in (places[0], places[4]):
        told = str(other.input_violation(uri))
        assert "REELMILL_TENANT_STORAGE" in told and "common" not in told.replace(uri, "").replace(uri[7:], "").replace(
            "the bucket common", ""
        ), "nobody hears where others may go"


async def test_what_a_tenants_job_wrote_is_deleted_by_whoever_looks_after_all(tmp_path: Path) -> None:
    made, kept = tmp_path / "drop" / f"{uuid4()}-1", tmp_path / "drop"
    made.mkdir(parents=True)
    entries = (f"{OTHER} write file://{kept}", f"{OTHER} read file://{tmp_path}/in/side")
    (tmp_path / "in" / "side").mkdir(parents=True)
    storage = Storage.from_settings(Settings(data_dir=tmp_path / "data", tenant_storage=entries))
    await storage.delete_prefix(f"file://{made}/")
    assert not made.exists()
    for whole in (kept, tmp_path):
        with pytest.raises(AttemptFailed):
            await storage.delete_prefix(f"file://{whole}/")
    assert kept.exists()


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "studio read file:///a",
        f"{OTHER} read",
        f"{OTHER} look file:///a",
        f"{OTHER} read https://a",
        f"{OTHER} read file:a",
        f"{OTHER} write s3://",
        f"{OURS_ID} read file:///a",
    ],
)
def test_an_entry_of_another_form_is_refused_with_the_setting(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ValueError, match="REELMILL_TENANT_STORAGE"):
        Storage.from_settings(Settings(data_dir=tmp_path, tenant_storage=(entry,)))


def test_an_upload_uri_of_another_tenant_is_none_of_ours(data: Path) -> None:
    other = Access(own=f"file://{data}/storage", tenant_id=OTHER)
    assert other.input_violation(f"upload:{OTHER}/{NEW}") is None
    for folder in (OURS_ID, uuid4()):
        assert "no upload that this server gave" in str(other.input_violation(f"upload:{folder}/{NEW}"))


@pytest.mark.parametrize("own", ["file", "s3"])
def test_deletion_is_of_what_jobs_made_and_never_of_all_that_a_tenant_has(data: Path, own: str) -> None:
    top = f"file://{data}/storage" if own == "file" else "s3://bucket/ours"
    access = Access(own=top, private=(data,))
    for path in (f"outputs/{JOB}/", f"outputs/{OTHER}/{JOB}/", f"outputs/{OURS_ID}/{JOB}", "outputs/j-1"):
        assert access.deletion_violation(f"{top}/{path}") is None, path
    everything = [f"{made}/{tenant_id}" for made in ("outputs", "uploads") for tenant_id in (OTHER, OURS_ID)]
    tenants = (*everything, *(f"{path}/" for path in everything))
    for path in ("outputs", "outputs/", "uploads", "checks/x", "postgres/base", "", *tenants):
        assert access.deletion_violation(f"{top}/{path}"), path
