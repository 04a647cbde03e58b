"""The scheduler's work, by one and by three at once."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from store.kit import AWAY, TENANT, USER, Store, made, new_job, past
from waiting import PATIENCE_SECONDS, patient

from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import CANCELS, GONE_VERSION
from reelmill.queue.postgres import PostgresQueue
from reelmill.relay import Relay
from reelmill.scheduler.scheduler import Scheduler, SchedulerConfig
from reelmill.storage import uris
from reelmill.storage.access import Access
from reelmill.storage.fetch import HttpLimits
from reelmill.storage.storage import Storage
from reelmill.storage.uris import file_uri
from reelmill.store.jobs import NewJob
from reelmill.store.leases import FinishedTask, LeaseStore
from reelmill.store.records import StoredJob
from reelmill.store.uploads import UploadStore
from reelmill.v1.jobs_pb2 import Job

MANY = 250  # more than two batches
Make = Callable[..., Scheduler]


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Where jobs have their files in our own storage."""
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


@pytest.fixture
def make(store: Store, cache: MemoryCache, tmp_path: Path) -> Make:
    """Makes schedulers of jobs whose files lie in the test's folder."""

    def scheduler(**changed: Any) -> Scheduler:
        http = HttpLimits(timeout_seconds=1, total_seconds=1)
        storage = Storage(access=Access(own=file_uri(tmp_path)), max_bytes=1, http=http)
        defaults: dict[str, Any] = {
            "rescue_seconds": 0.05,
            "max_crashes": 3,
            "lease_seconds": 10,
            "job_retention": timedelta(days=1),
            "upload_retention": timedelta(days=1),
            "results_max_bytes": 0,
            "own_storage": storage.own(""),
        }
        config = SchedulerConfig(**defaults | changed)
        relay = Relay(store.outbox, PostgresQueue(store.database), interval_seconds=1)
        return Scheduler(config, store.leases, store.retention, store.unserved, storage, cache, relay)

    return scheduler


@asynccontextmanager
async def running(*schedulers: Scheduler) -> AsyncIterator[None]:
    """Their loops, while the context is open."""
    tasks = [asyncio.create_task(s.run()) for s in schedulers]
    try:
        yield
        assert not any(t.done() for t in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_none(store: Store, query: str) -> None:
    """Wait until a count is 0."""
    async with patient():
        while await store.value(f"SELECT count(*) FROM {query}"):
            await asyncio.sleep(0.01)


async def _silent(store: Store, count: int) -> list[NewJob]:
    new = [new_job() for _ in range(count)]
    await store.jobs.create(TENANT, USER, new)
    await store.claim_these([n.task_id for n in new], "silent")
    await store.rows("UPDATE tasks SET lease_until = '-infinity'")
    return new


async def test_a_pass_takes_back_all_expired_leases_and_publishes_their_status(
    store: Store, cache: MemoryCache, make: Make
) -> None:
    new = await _silent(store, MANY)
    await make().rescue()
    assert await store.value("SELECT count(*) FROM tasks WHERE state = 'READY' AND crashes = 1") == MANY
    status = await cache.get(TENANT, new[-1].id)
    assert status is not None
    assert Job.FromString(status.job).state == Job.QUEUED


async def test_a_pass_wakes_all_due_retries(store: Store, make: Make) -> None:
    await _silent(store, MANY)
    await store.rows("UPDATE tasks SET state = 'DELAYED', lease_until = NULL, run_at = now()")
    await make().rescue()
    assert await store.value("SELECT count(*) FROM tasks WHERE state = 'READY'") == MANY


async def test_a_deadline_that_passes_is_brought_to_the_workers(store: Store, cache: MemoryCache, make: Make) -> None:
    task = await store.running(deadline=past())
    async with cache.subscribe(CANCELS) as cancels:
        await make().rescue()
        assert await cancels.wait(PATIENCE_SECONDS)
    assert (await store.job(task.job.id))["state"] == "FAILED"
    assert await store.leases.heartbeat([task.lease]) == {task.lease: True}


async def test_three_at_once_do_everything_once(store: Store, make: Make, outputs: Path) -> None:
    await _silent(store, MANY)
    for i in range(50):
        (outputs / f"old-{i}").mkdir()
        uri = file_uri(outputs / f"old-{i}") + "/"
        await store.rows("INSERT INTO storage_deletions (uri, not_before) VALUES ($1, now())", uri)
    async with running(make(), make(), make()):
        await until_none(store, "tasks WHERE state = 'RUNNING'")
        await until_none(store, "storage_deletions WHERE uri LIKE '%old-%'")
    assert await store.value("SELECT array_agg(DISTINCT crashes) FROM tasks") == [1]
    assert await store.value("SELECT array_agg(DISTINCT version) FROM jobs") == [3]
    assert list(outputs.glob("old-*")) == []


async def test_a_folder_that_cannot_be_deleted_stops_no_other(store: Store, make: Make, outputs: Path) -> None:
    (outputs / "old").mkdir()
    fine = [file_uri(outputs / name) + "/" for name in ("old", "gone-before")]
    for uri in ("file://elsewhere/x/", "s3://NO BUCKET/", *fine):
        await store.rows("INSERT INTO storage_deletions (uri, not_before) VALUES ($1, now())", uri)
    await make().delete_folders()
    left = await store.rows("SELECT uri, not_before > now() AS later, tries FROM storage_deletions ORDER BY uri")
    assert [tuple(row) for row in left] == [("file://elsewhere/x/", True, 1), ("s3://NO BUCKET/", True, 1)]
    assert not (outputs / "old").exists()


async def test_retention_removes_old_jobs_and_their_own_files(store: Store, make: Make, outputs: Path) -> None:
    own = [await store.running(prefix=file_uri(outputs)) for _ in range(2)]
    for task in own:
        folder = outputs / task.output_prefix.removeprefix(file_uri(outputs) + "/")
        folder.mkdir()
        (folder / "a.mp4").write_text("x")
        await store.complete(task, made())
    # Only the first is old. The guard stands in the way of turning the clock back.
    await store.rows("ALTER TABLE jobs DISABLE TRIGGER guard_job")
    await store.rows("UPDATE jobs SET end_time = now() - interval '2 days' WHERE id::text = $1", own[0].job.id)
    scheduler = make()
    await scheduler.retire()
    await scheduler.delete_folders()
    assert await store.value("SELECT array_agg(id::text) FROM jobs") == [own[1].job.id]
    [left] = outputs.glob("*-1")
    assert left.name == f"{own[1].job.id}-1"


async def test_a_failed_attempts_folder_is_deleted_and_the_winners_stays(
    store: Store, make: Make, outputs: Path
) -> None:
    task = await store.running(prefix=file_uri(outputs))
    await store.leases.retry(task.lease, AWAY, wait_seconds=0)
    scheduler = make()
    await scheduler.rescue()
    [again] = await store.claim_these([task.id])
    for fence in (1, 2):
        (outputs / f"{task.job.id}-{fence}").mkdir()
    await store.complete(again, made())
    await scheduler.delete_folders()
    assert [p.name for p in outputs.iterdir()] == [f"{task.job.id}-2"]


async def test_an_error_in_one_pass_ends_no_loop(store: Store, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rescue, failed = LeaseStore.rescue, []

    async def fails_once(leases: LeaseStore, **options: Any) -> list[StoredJob]:
        if not failed:
            failed.append(True)
            raise ZeroDivisionError
        return await rescue(leases, **options)

    monkeypatch.setattr(LeaseStore, "rescue", fails_once)
    await _silent(store, 1)
    async with running(make()):
        await until_none(store, "tasks WHERE state = 'RUNNING'")
    assert failed


async def _ended(store: Store, age: timedelta, count: int) -> None:
    """Jobs that ended a while ago."""
    new = [new_job() for _ in range(count)]
    await store.jobs.create(TENANT, USER, new)
    for job in new:
        await store.jobs.cancel(TENANT, job.id, "")
    await store.rows("ALTER TABLE jobs DISABLE TRIGGER guard_job")
    await store.rows("UPDATE jobs SET end_time = now() - $1::interval", age)


def _upload(folder: Path, age: timedelta) -> Path:
    """An upload of a while ago."""
    path = folder / "uploads" / f"{age.days}"
    path.mkdir(parents=True)
    (path / "talk.mov").write_text("x")
    then = time.time() - age.total_seconds()
    for written in (path / "talk.mov", path):
        os.utime(written, (then, then))
    return path


@pytest.mark.parametrize(("jobs", "uploads"), [(1, 10), (10, 1)])
async def test_jobs_and_uploads_are_kept_each_for_its_own_time(
    store: Store, make: Make, tmp_path: Path, jobs: int, uploads: int
) -> None:
    await _ended(store, timedelta(days=5), 1)
    upload = _upload(tmp_path, timedelta(days=5))
    await _recorded(store, tmp_path, timedelta(days=5), file=False)
    await make(job_retention=timedelta(days=jobs), upload_retention=timedelta(days=uploads)).retire()
    assert await store.value("SELECT count(*) FROM jobs") == int(jobs > 5)
    assert upload.exists() is (uploads > 5)
    assert await store.value("SELECT count(*) FROM uploads") == int(uploads > 5)


@pytest.mark.parametrize("most", [0, 7, 14])
async def test_results_beyond_their_bytes_go_with_their_jobs_and_the_cache_says_so(
    store: Store, make: Make, cache: MemoryCache, most: int
) -> None:
    tasks = [await store.running() for _ in range(2)]
    for task in tasks:
        finished = FinishedTask(lease=task.lease, files=(made(),), keys={"a": "a" * 64})
        await store.leases.complete([finished])
    await store.rows(
        "UPDATE results SET used_time = now() - interval '1 hour' WHERE job_id::text = $1", tasks[0].job.id
    )
    await make(results_max_bytes=most).retire()
    left = await store.value("SELECT array_agg(id::text ORDER BY id) FROM jobs")
    assert left == [task.job.id for task in tasks][most == 7 :]
    told = await cache.get(TENANT, UUID(tasks[0].job.id))
    assert (told is not None and told.version == GONE_VERSION) is (most == 7)


async def _recorded(store: Store, folder: Path, age: timedelta, *, row: bool = True, file: bool = True) -> Path:
    """An upload of a while ago, of which a crash left this."""
    upload_id = uuid4()
    uri = uris.upload_uri(TENANT, upload_id, "talk.mov")
    path = folder / "uploads" / uri.removeprefix("upload:")
    if row:
        await UploadStore(store.database).begin(TENANT, upload_id, uri)
        await store.rows("UPDATE uploads SET create_time = now() - $1::interval WHERE id = $2", age, upload_id)
    if file:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        then = time.time() - age.total_seconds()
        os.utime(path, (then, then))
    return path


async def test_what_a_crash_leaves_of_an_upload_goes_in_time_and_nothing_else(
    store: Store, make: Make, tmp_path: Path
) -> None:
    old, new = timedelta(days=2), timedelta(hours=1)
    gone = [await _recorded(store, tmp_path, old, row=row, file=file) for row, file in ((True, True), (False, True))]
    await _recorded(store, tmp_path, old, file=False)  # killed before its first byte
    stays = [await _recorded(store, tmp_path, new, row=row) for row in (True, False)]
    for _ in range(2):  # the second scheduler died between the row and the file
        await make().retire()
    await make().delete_folders()
    assert [path.exists() for path in (*gone, *stays)] == [False, False, True, True]
    assert await store.value("SELECT count(*) FROM uploads") == 1
    assert await store.value("SELECT count(*) FROM storage_deletions") == 0


async def test_an_old_uploads_folder_goes_and_a_tenants_with_newer_files_stays(
    store: Store, make: Make, tmp_path: Path
) -> None:
    before = _upload(tmp_path, timedelta(days=5))
    new = await _recorded(store, tmp_path, timedelta(hours=1))
    long_ago = time.time() - 10**6
    os.utime(new.parent, (long_ago, long_ago))
    await make().retire()
    assert not before.exists() and new.exists()


async def test_a_round_of_retention_takes_all_that_are_old(store: Store, make: Make) -> None:
    await _ended(store, timedelta(days=2), 101)  # one more than a batch
    await make().retire()
    assert await store.value("SELECT count(*) FROM jobs") == 0


async def test_a_zombies_folder_is_swept_after_six_leases(store: Store, make: Make) -> None:
    await _silent(store, 1)
    await make(lease_seconds=100).rescue()
    after = "SELECT extract(epoch FROM not_before - clock_timestamp())::float8 FROM storage_deletions"
    assert 590 < await store.value(after) <= 600


@pytest.mark.parametrize(("crashes", "state"), [(1, "READY"), (2, "FAILED")])
async def test_a_job_that_kills_its_workers_ends_after_max_crashes(
    store: Store, make: Make, crashes: int, state: str
) -> None:
    await _silent(store, 1)
    await store.rows("UPDATE tasks SET crashes = $1", crashes)
    await make().rescue()
    assert await store.value("SELECT state FROM tasks") == state
