"""Jobs of pools: where their tasks go, who takes them, and what is told of those that nobody takes."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import uuid_utils.compat as uuid_utils
from store.kit import AWAY, TENANT, Store

from reelmill.jobs.places import DEFAULT_POOL, ENGINE, place, places, with_label
from reelmill.queue.port import Topic, pool_told, task_ready
from reelmill.store.leases import FinishedTask, NewTask
from reelmill.store.records import ClaimedTask
from reelmill.store.switches import GRAPHS
from reelmill.store.workers import LivingWorker

AT_ONCE = timedelta(0)


async def lives(store: Store, pool: str, *labels: str, slots: int = 2, kinds: Sequence[str] = ("run_job",)) -> str:
    owner = f"worker-{uuid4()}"
    worker = LivingWorker(
        owner=owner, version="1", kinds=(*kinds, "make_outputs"), pool=pool, labels=labels, slots=slots, running=0
    )
    await store.workers.announce(worker)
    return owner


async def warnings(store: Store, job_id: UUID) -> list[str]:
    return [line.message for line in await store.jobs.logs(TENANT, job_id, after=0, limit=100)]


async def planned(store: Store, pool: str, engine: str, count: int = 2) -> tuple[ClaimedTask, list[UUID]]:
    """A job of a pool whose first task has spawned others, which need its ffmpeg; the last waits for the others."""
    await store.turn(GRAPHS, on=True)
    await store.submit(pool=pool)
    [first] = await store.leases.claim("planner", limit=1, places=[pool])
    ids = sorted(uuid_utils.uuid7() for _ in range(count))
    where = with_label(first.place, engine)
    new = [NewTask(id=i, kind="make_outputs", place=where) for i in ids[:-1]]
    new.append(NewTask(id=ids[-1], kind="make_outputs", place=where, depends_on=tuple(ids[:-1])))
    await store.leases.complete([FinishedTask(lease=first.lease, spawned=tuple(new))])
    return first, ids


async def test_a_job_is_taken_by_workers_of_its_pool_that_have_what_it_requires_and_by_nobody_else(
    store: Store,
) -> None:
    pool = f"pool-{uuid4().hex}"
    plain = await store.submit()
    pooled = await store.submit(pool=pool)
    picky = await store.submit(pool=pool, requires=["gpu", "av1", "gpu"])
    assert [(await store.task(new.task_id))["place"] for new in (plain, pooled, picky)] == [
        DEFAULT_POOL, pool, f"{pool} av1 gpu",
    ]  # fmt: skip

    async def taken(owner: str, where: str, *labels: str) -> list[UUID]:
        return [t.id for t in await store.leases.claim(owner, limit=9, places=places(where, labels))]

    default, bare, able = await asyncio.gather(
        taken("default", DEFAULT_POOL, "gpu", "av1"), taken("bare", pool, "gpu"), taken("able", pool, "gpu", "av1", "x")
    )
    assert default == [plain.task_id]
    assert sorted([*bare, *able]) == sorted([pooled.task_id, picky.task_id]) and picky.task_id not in bare


async def test_a_place_stays_through_retry_release_rescue_and_goes_to_what_a_task_spawns(store: Store) -> None:
    await store.turn(GRAPHS, on=True)
    pool = f"pool-{uuid4().hex}"
    where = place(pool, ["gpu"])
    new = await store.submit(pool=pool, requires=["gpu"])

    async def claim() -> ClaimedTask:
        [task] = await store.leases.claim("me", limit=9, places=[where])
        assert task.place == where
        return task

    await store.leases.retry((await claim()).lease, AWAY, wait_seconds=0)
    await store.leases.wake_delayed(limit=100)
    await store.leases.release((await claim()).lease)
    await claim()
    await store.end_lease(new.task_id)
    await store.rescue()
    parent = await claim()
    inherits, elsewhere = sorted(uuid_utils.uuid7() for _ in range(2))
    spawned = (NewTask(id=inherits, kind="make_outputs"), NewTask(id=elsewhere, kind="make_outputs", place="other"))
    await store.leases.complete([FinishedTask(lease=parent.lease, spawned=spawned)])
    assert [(await store.task(i))["place"] for i in (inherits, elsewhere)] == [where, "other"]


async def test_a_message_says_whose_workers_it_is_for(store: Store) -> None:
    pool = f"pool-{uuid4().hex}"
    jobs = {pool: await store.submit(pool=pool, requires=["gpu"], traceparent="00-1-2-01"), "": await store.submit()}
    [pooled] = await store.leases.claim("me", limit=1, places=[place(pool, ["gpu"])])
    await store.leases.release(pooled.lease)  # told by the other trigger
    rows = await store.rows(
        "SELECT key, topic, value, headers::text FROM outbox WHERE topic LIKE 'tasks.%' ORDER BY id"
    )
    told = [(r["key"], json.loads(r["headers"])) for r in rows]
    trace = {"traceparent": "00-1-2-01", "pool": pool}
    assert told == [(str(jobs[pool].id), trace), (str(jobs[""].id), {}), (str(jobs[pool].id), trace)]
    message = task_ready(
        task_id=pooled.id, job_id=jobs[pool].id, priority=50, traceparent="00-1-2-01", place=place(pool, ["gpu"])
    )
    assert (message.topic, message.headers, pool_told(message)) == (Topic.TASKS_NORMAL, trace, pool)
    assert pool_told(task_ready(task_id=pooled.id, job_id=pooled.id, priority=50)) == DEFAULT_POOL


async def test_what_no_living_worker_takes_is_counted_and_told_in_each_jobs_log_once(store: Store) -> None:
    pool = f"pool-{uuid4().hex}"
    jobs = [await store.submit(pool=pool, requires=["gpu"]) for _ in range(3)]
    served = await store.submit()
    await lives(store, DEFAULT_POOL, "gpu")
    await lives(store, pool, "fast")
    await lives(store, pool, "gpu", slots=0)  # drains
    found, tasks = await store.unserved.find()
    assert [(u.kind, u.place, u.tasks, u.served_otherwise) for u in found] == [("run_job", f"{pool} gpu", 3, False)]
    assert tasks == 3
    await store.unserved.warn(found, after=timedelta(hours=1))
    assert await warnings(store, jobs[0].id) == []
    for _ in range(2):
        await store.unserved.warn(found, after=AT_ONCE)
    told = f"waits: no living worker of the pool {pool} with gpu can run run_job"
    assert [await warnings(store, job.id) for job in jobs] == [[told]] * 3
    assert await warnings(store, served.id) == []
    await lives(store, pool, "fast", "gpu")
    assert await store.unserved.find() == ([], 0)
    await store.rows("UPDATE workers SET seen_time = clock_timestamp() - interval '11 s'")
    found, tasks = await store.unserved.find()
    assert (sorted(u.place for u in found), tasks) == (sorted([DEFAULT_POOL, f"{pool} gpu"]), 4)


async def test_parts_go_to_workers_with_the_ffmpeg_of_the_plan_and_to_others_only_once_it_is_gone(store: Store) -> None:
    pool = f"pool-{uuid4().hex}"
    old, new = f"{ENGINE}{'a' * 16}", f"{ENGINE}{'b' * 16}"
    first, ids = await planned(store, pool, old, 3)
    kinds = ["run_job", "make_outputs"]
    assert await store.leases.claim("new", limit=9, kinds=kinds, places=places(pool, [new])) == []
    [mine] = await store.leases.claim("old", limit=1, kinds=kinds, places=places(pool, [old, "gpu"]))
    assert mine.id == ids[0]

    async def freed(after: timedelta = AT_ONCE) -> list[UUID]:
        found, _ = await store.unserved.find()
        return await store.unserved.unpin(found, after=after)

    going = await lives(store, pool, old)
    await lives(store, pool, new)
    assert await freed() == []  # one lives
    await store.workers.forget(going)
    assert await freed(timedelta(hours=1)) == []
    job_id = UUID(first.job.id)
    assert await freed() == [job_id] and await freed() == []
    assert [(await store.task(i))["place"] for i in ids] == [f"{pool} {old}", pool, pool]  # the first has begun
    [line] = await warnings(store, job_id)
    assert (
        line
        == "no worker has the ffmpeg any more that this job was planned with: what is left is made with another build"
    )
    assert [t.id for t in await store.leases.claim("new", limit=9, kinds=kinds, places=places(pool, [new]))] == [ids[1]]


async def test_a_part_waits_for_its_ffmpeg_while_no_other_could_take_it_either(store: Store) -> None:
    pool = f"pool-{uuid4().hex}"
    _, ids = await planned(store, pool, f"{ENGINE}old")
    await lives(store, DEFAULT_POOL, f"{ENGINE}new")
    found, tasks = await store.unserved.find()
    assert (len(found), tasks) == (1, 1)
    assert await store.unserved.unpin(found, after=AT_ONCE) == []
    assert (await store.task(ids[0]))["place"] == f"{pool} {ENGINE}old"
