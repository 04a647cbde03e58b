"""Workers tell that they live."""

from dataclasses import replace
from datetime import timedelta

from store.kit import Store

from reelmill.store.workers import LivingWorker

ONE = LivingWorker(
    owner="b", version="1.2.3", kinds=("run_job", "chunk"), pool="large", labels=("gpu",), slots=4, running=0
)


async def test_a_worker_is_listed_as_it_last_told(store: Store) -> None:
    for worker in (ONE, replace(ONE, owner="c"), replace(ONE, owner="a"), replace(ONE, running=3)):
        await store.workers.announce(worker)
    seen = await store.workers.page(after="", limit=2)
    assert [s.worker for s in seen] == [replace(ONE, owner="a"), replace(ONE, running=3)]
    assert seen[1].start_time < seen[1].seen_time
    assert 0 <= seen[1].silent_seconds < 30
    assert [s.worker.owner for s in await store.workers.page(after="b", limit=2)] == ["c"]
    await store.workers.forget("c")
    assert [s.worker.owner for s in await store.workers.page(after="", limit=9)] == ["a", "b"]


async def test_a_worker_that_fell_silent_is_forgotten_after_an_hour(store: Store) -> None:
    await store.workers.announce(ONE)
    await store.workers.announce(replace(ONE, owner="c"))
    await store.rows("UPDATE workers SET seen_time = seen_time - interval '59 minutes'")
    await store.retention.trim()
    assert len(await store.workers.page(after="", limit=9)) == 2
    await store.workers.announce(ONE)
    await store.rows("UPDATE workers SET seen_time = seen_time - interval '1 minute'")
    await store.retention.trim()
    assert [s.worker.owner for s in await store.workers.page(after="", limit=9)] == ["b"]


async def test_slots_are_counted_of_those_that_serve_a_place_and_told_so_lately(store: Store) -> None:
    others = (replace(ONE, owner="c", labels=(), slots=1), replace(ONE, owner="d", kinds=("run_job",), slots=8))
    for worker in (ONE, *others, replace(ONE, owner="e", pool="default", slots=16)):
        await store.workers.announce(worker)

    async def slots(place: str, seconds: float = 30) -> int:
        return await store.workers.slots(ONE.kinds, place, silent_after=timedelta(seconds=seconds))

    assert [await slots(place) for place in ("large", "large gpu", "default", "other")] == [5, 4, 16, 0]
    await store.rows("UPDATE workers SET seen_time = seen_time - interval '20 seconds' WHERE owner = 'b'")
    assert [await slots("large"), await slots("large", 10)] == [5, 1]


async def test_builds_are_those_of_workers_that_take_tasks_of_a_place_and_told_so_lately(store: Store) -> None:
    mine = replace(ONE, labels=("engine=1", "gpu"))
    for worker in (
        mine,
        replace(mine, owner="c"),
        replace(mine, owner="d", labels=("engine=2",)),
        replace(mine, owner="e", labels=("engine=3", "gpu"), slots=0),
        replace(mine, owner="f", labels=("engine=4",), pool="default", version="2"),
    ):
        await store.workers.announce(worker)

    async def builds(place: str, seconds: float = 30) -> list[tuple[str, str]]:
        return await store.workers.builds(place, silent_after=timedelta(seconds=seconds))

    assert await builds("large") == [("1.2.3", "engine=1"), ("1.2.3", "engine=2")]
    assert await builds("large gpu") == [("1.2.3", "engine=1")]
    assert await builds("default") == [("2", "engine=4")]
    await store.rows("UPDATE workers SET seen_time = seen_time - interval '20 seconds' WHERE owner = 'd'")
    assert await builds("large", 10) == [("1.2.3", "engine=1")]
