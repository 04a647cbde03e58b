"""Inputs that a worker keeps: one download for all, each tenant's own, within the bound, and nothing half."""

import asyncio
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from buckets import Bucket, serving_bucket
from hypothesis import given
from hypothesis import strategies as st
from waiting import patient, soon

from reelmill.jobs.errors import AttemptFailed
from reelmill.jobs.validators import Validator
from reelmill.storage import kept as kept_module
from reelmill.storage import space
from reelmill.storage.fetch import Fetched
from reelmill.storage.kept import KeptFile, KeptInputs, leaving
from reelmill.storage.storage import Storage
from reelmill.storage.tenants import Allowed
from reelmill.storage.workdir import KEPT, WorkRoot
from reelmill.telemetry.metrics import KEPT_BYTES, KEPT_EVICTIONS, KEPT_HITS, KEPT_MISSES

A, B = "s3://bucket/a.mp4", "s3://bucket/b.mp4"
ANOTHER = UUID(int=7)  # a tenant
CONTENT = bytes(range(256)) * 1000
LOOPBACK = ip_network("127.0.0.0/8")
OTHER = CONTENT[::-1]


@dataclass
class Worker:
    """What keeps inputs, below one folder; attempts have folders of their own there."""

    storage: Storage
    work: WorkRoot
    root: Path
    kept: KeptInputs
    left: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        self.left.append("left")
        yield
        self.left.append("back")

    async def fetch(self, uri: str = A, *, holder: str = "one", keep: bool = True, **options: Any) -> Fetched:
        storage: Storage = options.pop("storage", self.storage)
        away: Callable[[], AbstractAsyncContextManager[None]] = self.away
        arguments = {"expected": None, "keep": keep, "holder": holder, "away": away, **options}
        return await self.kept.fetch(storage, uri, self.target(holder), **arguments)

    def target(self, holder: str) -> Path:
        folder = self.root / holder
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "input-0"

    def files(self) -> list[Path]:
        """All that is kept, whole and half."""
        return sorted(self.root.glob(f"{KEPT}*/*"))


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    async with serving_bucket(a=CONTENT, b=OTHER) as made:
        yield made


@pytest.fixture
def make(tmp_path: Path, bucket: Bucket, make_storage: Callable[..., Storage], s3_credentials: None) -> Any:
    theirs = Allowed(read_buckets=("bucket",))
    storage = make_storage("s3://own/x", s3_endpoint=bucket.url, read_buckets=["bucket"], tenants=((ANOTHER, theirs),))

    def make(**options: Any) -> Worker:
        work = WorkRoot(tmp_path / "work", reserve_bytes=0)
        kept = KeptInputs(work, **{"max_bytes": 10**9, **options})
        work.room.yields(kept.give_way)
        return Worker(storage, work, tmp_path / "work", kept)

    return make


@pytest.fixture
def worker(make: Callable[..., Worker]) -> Iterator[Worker]:
    made = make()
    yield made
    made.kept.close()
    assert made.files() == []


def values() -> list[float]:
    return [counter._value.get() for counter in (KEPT_HITS, KEPT_MISSES, KEPT_EVICTIONS, KEPT_BYTES)]


async def test_who_wants_the_same_at_once_shares_a_download_and_who_comes_later_has_it_here(
    worker: Worker, bucket: Bucket
) -> None:
    before = values()
    bucket.go_on.clear()
    all_of_them = [asyncio.create_task(worker.fetch(holder=f"holder-{i}")) for i in range(5)]
    await bucket.half.wait()
    async with patient():
        while bucket.count("HEAD") < 5 or len(worker.left) < 5:
            await asyncio.sleep(0)
    assert not any(task.done() for task in all_of_them) and bucket.count("GET") == 1
    bucket.go_on.set()
    found = await asyncio.gather(*all_of_them)
    assert len({one.path for one in found}) == 1 and found[0].path.read_bytes() == CONTENT
    assert found[0].validator == await worker.storage.look(A)
    later = await worker.fetch(holder="later", expected=found[0].validator)
    assert later == found[0] and bucket.count("GET") == 1
    assert worker.left.count("left") == worker.left.count("back") == 5  # who finds it here stays in its slot
    assert [now - once for now, once in zip(values(), before, strict=True)] == [5, 1, 0, len(CONTENT)]
    assert not worker.target("one").exists()


async def test_where_a_download_is_cancelled_the_next_who_waits_goes_on(worker: Worker, bucket: Bucket) -> None:
    bucket.go_on.clear()
    first = asyncio.create_task(worker.fetch(holder="first"))
    await bucket.half.wait()
    others = [asyncio.create_task(worker.fetch(holder=f"holder-{i}")) for i in range(2)]
    async with patient():
        while len(worker.left) < 3:
            await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    bucket.go_on.set()
    found = await asyncio.gather(*others)
    assert found[0] == found[1] and found[0].path.read_bytes() == CONTENT
    assert bucket.count("GET") == 2 and worker.files() == [found[0].path]


async def test_nobody_waits_for_a_slot_of_whoever_brought_it(worker: Worker, bucket: Bucket) -> None:
    slot = asyncio.Event()

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        yield
        await slot.wait()

    first = asyncio.create_task(worker.fetch(holder="first", away=away))
    await bucket.half.wait()
    other = await soon(worker.fetch(holder="other"))
    assert not first.done() and other.path.read_bytes() == CONTENT
    slot.set()
    assert await first == other and bucket.count("GET") == 1


async def test_where_a_download_fails_the_next_who_waits_goes_on(worker: Worker, bucket: Bucket) -> None:
    bucket.refuse = 1
    fetching = [worker.fetch(holder=f"holder-{i}") for i in range(3)]
    failed, *found = sorted(await asyncio.gather(*fetching, return_exceptions=True), key=repr)
    assert isinstance(failed, AttemptFailed) and failed.code == "INPUT_NOT_FOUND"
    assert found[0] == found[1] and isinstance(found[0], Fetched) and found[0].path.read_bytes() == CONTENT
    assert bucket.count("GET") == 2 and worker.files() == [found[0].path]


async def test_a_file_whose_place_has_another_is_fetched_again_and_who_holds_the_old_one_reads_on(
    worker: Worker, bucket: Bucket
) -> None:
    old = await worker.fetch(holder="old")
    bucket.objects["/bucket/a.mp4"] = OTHER
    with pytest.raises(AttemptFailed, match="INPUT_CHANGED"):
        await worker.fetch(holder="pinned", expected=old.validator)
    new = await worker.fetch(holder="new")
    assert (old.path.read_bytes(), new.path.read_bytes()) == (CONTENT, OTHER)
    with pytest.raises(AttemptFailed, match="INPUT_CHANGED"):
        await worker.fetch(holder="pinned", expected=old.validator)
    await worker.kept.release("old")
    assert worker.files() == [new.path]
    new.path.unlink()  # a sweeper of the machine's
    again = await worker.fetch(holder="again")
    assert again.path.read_bytes() == OTHER and bucket.count("GET") == 3


async def test_a_tenant_sees_no_others_file(worker: Worker, bucket: Bucket) -> None:
    one = await worker.fetch(holder="one")
    other = await worker.fetch(holder="other", storage=worker.storage.of(ANOTHER))
    assert one.path != other.path and bucket.count("GET") == 2
    with pytest.raises(AttemptFailed, match="INPUT_FORBIDDEN"):  # asked each time, whatever is kept
        await worker.fetch("s3://elsewhere/a.mp4")


async def test_what_is_over_the_bound_goes_oldest_first_and_never_while_it_is_held(
    make: Callable[..., Worker], bucket: Bucket
) -> None:
    worker = make(max_bytes=2 * len(CONTENT))
    bucket.objects |= {f"/bucket/{name}.mp4": CONTENT for name in "cd"}
    first = await worker.fetch(A, holder="first")
    second = await worker.fetch(B, holder="second")
    third = await worker.fetch("s3://bucket/c.mp4", holder="third")
    assert third.path == worker.target("third")  # both are held
    await worker.kept.release("first")
    await worker.kept.release("second")
    await worker.fetch(A, holder="again")
    await worker.kept.release("again")
    fourth = await worker.fetch("s3://bucket/d.mp4", holder="fourth")
    assert worker.files() == sorted([first.path, fourth.path]) and not second.path.exists()
    bucket.objects["/bucket/a.mp4"] = CONTENT * 3
    assert (await worker.fetch(A, holder="large")).path == worker.target("large")
    worker.kept.close()


async def test_bytes_on_their_way_count_too(make: Callable[..., Worker], bucket: Bucket) -> None:
    worker = make(max_bytes=2 * len(CONTENT) - 1)
    bucket.go_on.clear()
    first = asyncio.create_task(worker.fetch(A, holder="first"))
    await bucket.half.wait()
    bucket.go_on.set()
    second = await worker.fetch(B, holder="second")
    assert second.path == worker.target("second")
    assert worker.files() == [(await first).path]
    worker.kept.close()


async def test_what_only_is_kept_goes_before_anybody_is_refused(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    capacity = 3 * len(CONTENT)

    def free_bytes(folder: Path) -> int:
        return capacity - sum(path.stat().st_size for path in (tmp_path / "work").rglob("*") if path.is_file())

    monkeypatch.setattr(space, "free_bytes", free_bytes)
    held = await worker.fetch(A, holder="held")
    spare = await worker.fetch(B, holder="spare")
    await worker.kept.release("spare")
    await asyncio.to_thread(worker.work.check_space, len(CONTENT))
    assert spare.path.exists()
    await asyncio.to_thread(worker.work.check_space, len(CONTENT) + 1)
    assert not spare.path.exists() and held.path.exists()
    with pytest.raises(AttemptFailed, match="DISK_FULL"):
        worker.work.check_space(2 * len(CONTENT) + 1)
    assert held.path.exists()
    await worker.kept.release("held")
    monkeypatch.setattr(kept_module, "_disk", {tmp_path / "work": 1}.get)  # another disk: of no use
    assert not worker.kept.give_way(tmp_path / "work") and held.path.exists()


async def test_nothing_is_kept_without_a_validator_or_where_nobody_will_want_it(
    worker: Worker, make: Callable[..., Worker], bucket: Bucket
) -> None:
    small = await worker.fetch(keep=False)
    assert small.path == worker.target("one") and bucket.count("HEAD") == 0
    none = make(max_bytes=0)
    assert (await none.fetch()).path == none.target("one") and bucket.count("HEAD") == 0
    bucket.untagged = True
    web = f"{bucket.url}/bucket/a.mp4"
    storage = worker.storage
    storage._http = type(storage._http)(timeout_seconds=60, total_seconds=60, allowed=(LOOPBACK,))
    assert (await worker.fetch(web)).path == worker.target("one")
    assert worker.files() == []
    bucket.untagged = False
    kept = await worker.fetch(web)
    assert worker.files() == [kept.path] and kept.path.read_bytes() == CONTENT
    asked = len(bucket.asked)
    assert await worker.fetch(web, keep=False, holder="other") == kept  # it is here, so why fetch it
    assert len(bucket.asked) == asked + 1


async def test_what_a_plan_fetched_is_kept_once_it_is_known_that_others_want_it(worker: Worker, bucket: Bucket) -> None:
    planned = await worker.fetch(keep=False, holder="plan")
    await worker.kept.adopt(worker.storage, A, planned)
    assert not planned.path.exists()
    found = await worker.fetch(holder="part", expected=planned.validator)
    assert found.path.read_bytes() == CONTENT and bucket.count("GET") == 1
    await worker.kept.adopt(worker.storage, A, found)  # it was here already
    twice = await worker.storage.fetch(A, worker.target("twice"))
    await worker.kept.adopt(worker.storage, A, twice)
    assert worker.files() == [found.path] and twice.path.exists()


async def test_what_nobody_asks_for_goes_after_a_while(make: Callable[..., Worker]) -> None:
    worker = make(idle_seconds=0.05)
    held = await worker.fetch(A, holder="held")
    free = await worker.fetch(B, holder="free")
    await worker.kept.release("free")
    async with patient():
        while free.path.exists():
            await asyncio.sleep(0.01)
    assert held.path.exists()
    await worker.kept.release("held")
    async with patient():
        while held.path.exists():
            await asyncio.sleep(0.01)
    worker.kept.close()


async def test_a_kept_file_is_nobodys_to_write_and_in_no_attempts_folder(worker: Worker) -> None:
    kept = await worker.fetch()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o444
    assert kept.path.parent.name.startswith(KEPT) and kept.path.parent.parent == worker.root


FETCH_AND_WAIT = """
import asyncio, sys
from contextlib import nullcontext
from ipaddress import ip_network
from pathlib import Path
from reelmill.storage.access import Access
from reelmill.storage.fetch import HttpLimits
from reelmill.storage.kept import KeptInputs
from reelmill.storage.storage import Storage
from reelmill.storage.workdir import WorkRoot
root, endpoint = Path(sys.argv[1]), sys.argv[2]
limits = HttpLimits(timeout_seconds=0.2, total_seconds=60)
storage = Storage(
    access=Access(own="s3://own/x", read_buckets=["bucket"]), max_bytes=10**9, http=limits, s3_endpoint=endpoint
)
kept = KeptInputs(WorkRoot(root, reserve_bytes=0), max_bytes=10**9)
async def fetch(uri):
    return await kept.fetch(
        storage, uri, root / "x", expected=None, keep=True, holder=uri, away=nullcontext
    )
async def main():
    print(await fetch("s3://bucket/b.mp4"), flush=True)
    sys.stdin.readline()
    await fetch("s3://bucket/a.mp4")
asyncio.run(main())
"""


async def test_of_a_worker_that_is_killed_in_the_middle_nothing_is_left_and_nothing_half_is_used(
    worker: Worker, bucket: Bucket
) -> None:
    argv = [sys.executable, "-c", FETCH_AND_WAIT, str(worker.root), bucket.url]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout
        assert "Fetched" in await asyncio.to_thread(other.stdout.readline)
        bucket.go_on.clear()
        other.stdin.write("go on\n")
        other.stdin.flush()
        async with patient():
            while not any(0 < path.stat().st_size < len(CONTENT) for path in worker.files()):
                await asyncio.sleep(0.01)
        assert len(worker.files()) == 2  # one that is whole, and half of another
        assert worker.work.clean() == 0
        other.kill()
        other.wait()
    bucket.go_on.set()
    assert worker.work.clean() == 1 and worker.files() == []
    assert (await worker.fetch(expected=None)).path.read_bytes() == CONTENT


@st.composite
def files(draw: st.DrawFn) -> list[KeptFile]:
    sizes = draw(st.lists(st.integers(1, 50), max_size=12))
    return [
        KeptFile(
            key=(uuid4(), str(i)),
            path=Path(str(i)),
            validator=Validator(size_bytes=size, etag="x"),
            used_seconds=draw(st.integers(0, 5)),
            holders=set(draw(st.lists(st.integers(0, 1), max_size=1))),
        )
        for i, size in enumerate(sizes)
    ]


@given(files(), st.integers(0, 60), st.integers(0, 200))
def test_as_few_go_as_make_place_those_first_that_were_not_used_for_longest(
    found: list[KeptFile], coming: int, most: int
) -> None:
    gone = leaving(found, coming, most)
    held = sum(file.size_bytes for file in found if file.holders)
    assert (gone is None) == (held + coming > most)
    if gone is None:
        return
    assert not any(file.holders for file in gone)
    left = [file for file in found if file not in gone]
    used = sum(file.size_bytes for file in left) + coming
    assert used <= most
    assert not gone or used + gone[-1].size_bytes > most
    spare = [file.used_seconds for file in left if not file.holders]
    assert all(file.used_seconds <= least for file in gone for least in spare)


def test_the_number_of_files_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "MOST_FILES", 3)
    found = [
        KeptFile(key=(uuid4(), ""), path=Path("x"), validator=Validator(size_bytes=1), used_seconds=float(i))
        for i in range(3)
    ]
    assert leaving(found, 1, 100) == found[:1]
    for file in found:
        file.holders.add("x")
    assert leaving(found, 1, 100) is None
