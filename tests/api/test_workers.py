"""ListWorkers: who works, and who fell silent."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator

import asyncpg
import pytest
from api.refusals import fields_of
from live import Reelmill, channel

from reelmill.settings import Settings
from reelmill.store.database import Database
from reelmill.store.workers import LivingWorker, WorkerStore
from reelmill.v1 import workers_pb2 as pb
from reelmill.v1.workers_pb2_grpc import WorkerServiceStub

NAMES = ["a-1", "b-ü/+ 2", "c-3", "d-4"]
LEASE_SECONDS = Settings.model_fields["lease_seconds"].default
SILENT = {"a-1": LEASE_SECONDS + 1.0, "c-3": LEASE_SECONDS - 5.0}
"""For how long, those that are."""


async def _announce(url: str) -> None:
    database = Database(url, pool_size=1, publish_events=False, application="test")
    await database.start()
    store = WorkerStore(database)
    for name in NAMES:
        told = {"version": "1.2.3", "kinds": ("run_job", "chunk"), "pool": "large", "labels": ("gpu",)}
        await store.announce(LivingWorker(owner=name, slots=4, running=5, **told))
    async with database.connection() as connection:
        for name, seconds in SILENT.items():
            late = "UPDATE workers SET seen_time = clock_timestamp() - make_interval(secs => $2) WHERE owner = $1"
            await connection.execute(late, name, seconds)
    await database.stop()


async def _forget(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM workers")
    await connection.close()


@pytest.fixture(scope="module")
def workers(idle_api: Reelmill) -> Iterator[WorkerServiceStub]:
    """Of an api whose workers are those of this test."""
    url = idle_api.environment["REELMILL_DATABASE_URL"]
    asyncio.run(_announce(url))
    with channel(idle_api.grpc) as connection:
        yield WorkerServiceStub(connection)
    asyncio.run(_forget(url))


def test_workers_are_told_as_they_told_of_themselves_and_silent_after_a_lease(workers: WorkerServiceStub) -> None:
    answer = workers.ListWorkers(pb.ListWorkersRequest())
    assert ([w.name for w in answer.workers], answer.next_page_token) == (NAMES, "")
    assert [w.name for w in answer.workers if w.silent] == ["a-1"]
    for worker in answer.workers:
        assert (worker.version, list(worker.kinds), worker.pool) == ("1.2.3", ["run_job", "chunk"], "large")
        assert (list(worker.labels), worker.slots, worker.running) == (["gpu"], 4, 5)
        silence = worker.silence.ToMilliseconds() / 1000
        assert SILENT.get(worker.name, 0) <= silence < SILENT.get(worker.name, 0) + 60
    one = answer.workers[1]
    assert 0 < one.start_time.ToMicroseconds() <= one.seen_time.ToMicroseconds()


@pytest.mark.parametrize(("size", "lengths"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (2, [2, 2])])
def test_pages_hold_every_worker_once_and_a_last_page_that_is_full_has_no_token(
    workers: WorkerServiceStub, size: int, lengths: list[int]
) -> None:
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = workers.ListWorkers(pb.ListWorkersRequest(page_size=size, page_token=token))
        pages.append([worker.name for worker in page.workers])
        token = page.next_page_token
    assert ([len(page) for page in pages], [name for page in pages for name in page]) == (lengths, NAMES)


@pytest.mark.parametrize("token", ["nonsense!", "AA", "_w", "ü", "A" * 5])
def test_a_token_that_is_none_is_refused(workers: WorkerServiceStub, token: str) -> None:
    assert (
        "take next_page_token as it is"
        in fields_of(workers.ListWorkers, pb.ListWorkersRequest(page_token=token))["page_token"]
    )


@pytest.mark.parametrize("size", [-1, 1001])
def test_a_page_has_at_most_1000_workers(workers: WorkerServiceStub, size: int) -> None:
    assert list(fields_of(workers.ListWorkers, pb.ListWorkersRequest(page_size=size))) == ["page_size"]


def test_rest_has_the_workers_too(live: Reelmill) -> None:
    with urllib.request.urlopen(f"{live.http}/v1/workers?page_size=1") as answer:
        [worker] = json.load(answer)["workers"]
    assert (worker["pool"], "silent" in worker) == ("default", False)
