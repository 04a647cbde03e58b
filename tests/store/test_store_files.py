"""Files of jobs: the first of each output in the job, all in pages, each by its path."""

from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from store.kit import TENANT, Store

from reelmill.store.jobs import PAGE_MAX_BYTES, JobFilter
from reelmill.store.leases import FinishedTask, MadeFile, NewTask
from reelmill.store.records import FILES, FILES_SHOWN, ClaimedTask
from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

OUTPUTS = (Output(name="web"), Output(name="set"))


def _id(job: Job) -> UUID:
    return UUID(job.id)


def made(task: ClaimedTask, output: str, position: int, path: str, content_type: str = "video/mp4") -> MadeFile:
    """A file as the executor tells of it."""
    uri = f"{task.output_prefix}{quote(f'{output}/{path}')}"
    file = OutputFile(uri=uri, path=path, size_bytes=1000 + position, sha256="00", content_type=content_type)
    return MadeFile(output=output, position=position, file=file)


def segments(task: ClaimedTask, count: int, **options: str) -> list[MadeFile]:
    """Files of nested folders."""
    return [made(task, "set", i, f"video/{i // 100}/seg {i}%ü#?.m4s", **options) for i in range(count)]


async def complete(store: Store, count: int, **options: str) -> tuple[Job, list[MadeFile]]:
    """A COMPLETED job whose output `set` has so many files, as the completion told it; and those."""
    task = await store.claim(await store.submit(outputs=OUTPUTS, prefix="s3://bucket/web/set"))
    files = segments(task, count, **options)
    finished = FinishedTask(lease=task.lease, files=(made(task, "web", 0, "web.mp4"), *reversed(files)))
    [stored] = (await store.leases.complete([finished])).values()
    assert await store.leases.completed(task.lease) == stored
    return stored.job, files


@pytest.mark.parametrize("count", [FILES_SHOWN - 1, FILES_SHOWN, FILES_SHOWN + 1, 2500])
async def test_a_job_shows_count_bytes_and_the_first_files_of_each_output(store: Store, count: int) -> None:
    told, files = await complete(store, count)
    job = await store.jobs.get(TENANT, _id(told))
    [listed] = await store.jobs.page(TENANT, JobFilter(), before=None, limit=10)
    for one in (job, listed):
        assert one == told
    web, many = job.outputs
    assert (web.file_count, web.total_bytes, len(web.files)) == (1, 1000, 1)
    assert (many.file_count, many.total_bytes) == (count, sum(f.file.size_bytes for f in files))
    assert list(many.files) == [f.file for f in files[:FILES_SHOWN]]
    assert list(job.omitted) == ([FILES] if count > FILES_SHOWN else [])


async def test_all_files_are_listed_in_pages_and_each_is_found_by_its_path(store: Store) -> None:
    job, files = await complete(store, 2500)
    found: list[MadeFile] = []
    while page := await store.jobs.output_files(
        TENANT, _id(job), "set", after=found[-1].position if found else -1, limit=999
    ):
        found += page
        assert page.more == (len(found) < len(files))
    assert found == files
    for one in (files[0], files[-1]):
        assert await store.jobs.output_file(TENANT, _id(job), "set", one.file.path) == one
    assert (await store.jobs.output_file(TENANT, _id(job), "web", "web.mp4") or one).file.size_bytes == 1000
    for output, path in (
        ("web", files[0].file.path),
        ("set", "web.mp4"),
        ("set", "video"),
        ("set", quote(one.file.path)),
    ):
        assert await store.jobs.output_file(TENANT, _id(job), output, path) is None
    assert await store.jobs.output_file(uuid4(), _id(job), "web", "web.mp4") is None
    assert not await store.jobs.output_files(uuid4(), _id(job), "web", after=-1, limit=9)


async def test_a_page_of_files_ends_by_bytes_and_has_one_at_least(store: Store) -> None:
    job, files = await complete(store, 3, content_type="x" * (PAGE_MAX_BYTES - 1000))
    page = await store.jobs.output_files(TENANT, _id(job), "set", after=-1, limit=10)
    assert (page, page.more) == (files[:2], True)
    page = await store.jobs.output_files(TENANT, _id(job), "set", after=1, limit=10)
    assert (page, page.more) == (files[2:], False)


async def test_files_that_no_answer_has_room_for_are_counted(store: Store) -> None:
    job, _ = await complete(store, 7, content_type="x" * PAGE_MAX_BYTES)
    assert (len(job.outputs[1].files), job.outputs[1].file_count, list(job.omitted)) == (0, 7, [FILES])
    assert await store.jobs.get(TENANT, _id(job)) == job


async def test_files_are_there_once_all_tasks_are_done_and_of_all_of_them(store: Store) -> None:
    await store.turn("graphs", on=True)
    new = await store.submit(outputs=OUTPUTS, prefix="file:///media/100%25")
    first = await store.claim(new)
    child = NewTask(id=uuid4(), kind="run_job")
    finished = FinishedTask(lease=first.lease, files=(made(first, "web", 0, "web.mp4"),), spawned=(child,))
    await store.leases.complete([finished])
    assert await store.jobs.output_file(TENANT, new.id, "web", "web.mp4") is None
    assert not await store.jobs.output_files(TENANT, new.id, "web", after=-1, limit=9)
    [second] = await store.claim_these([child.id])
    files = segments(second, 2)
    [stored] = (await store.leases.complete([FinishedTask(lease=second.lease, files=tuple(files))])).values()
    assert [output.file_count for output in stored.job.outputs] == [1, 2]
    assert await store.jobs.get(TENANT, new.id) == stored.job
    assert await store.jobs.output_file(TENANT, new.id, "set", files[1].file.path) == files[1]


async def test_files_of_older_workers_have_their_path_in_their_uri(store: Store) -> None:
    task = await store.claim(await store.submit(outputs=OUTPUTS))
    file = made(task, "web", 0, "web.mp4")
    file.file.ClearField("path")
    await store.leases.complete([FinishedTask(lease=task.lease, files=(file,))])
    found = await store.jobs.output_file(TENANT, _id(task.job), "web", "web.mp4")
    assert found and (found.file.uri, found.file.path) == (file.file.uri, "web.mp4")
