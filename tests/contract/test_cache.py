"""What every cache holds: Redis and the in-process one pass the same tests."""

import asyncio
import random
from uuid import uuid4

from waiting import PATIENCE_SECONDS

from reelmill.cache.port import Cache, Status, gone, job_channel
from reelmill.jobs.progress import Part
from reelmill.v1.jobs_pb2 import Progress


def status(version: int = 1, *, final: bool = False, like: Status | None = None) -> Status:
    """A status, of the same job as `like`."""
    tenant_id, job_id = (like.tenant_id, like.job_id) if like else (uuid4(), uuid4())
    return Status(tenant_id=tenant_id, job_id=job_id, version=version, final=final, job=bytes([version, 0, 255]))


async def kept(cache: Cache, wanted: Status) -> Status | None:
    return await cache.get(wanted.tenant_id, wanted.job_id)


async def test_what_was_put_is_got(cache: Cache) -> None:
    running, done = status(), status(7, final=True)
    await cache.put([running, done])
    assert await kept(cache, running) == running
    assert await kept(cache, done) == done


async def test_nothing_is_known_of_an_unknown_job_or_another_tenants(cache: Cache) -> None:
    put = status()
    await cache.put([put])
    assert await cache.get(put.tenant_id, uuid4()) is None
    assert await cache.get(uuid4(), put.job_id) is None
    assert await cache.get_progress(put.tenant_id, put.job_id) is None


async def test_an_older_status_never_replaces_a_newer_one(cache: Cache) -> None:
    two = status(2)
    await cache.put([two])
    await cache.put([status(1, like=two, final=True)])
    assert await kept(cache, two) == two
    await cache.put([status(10, like=two)])  # compared as numbers, not as text
    await cache.put([status(9, like=two)])
    assert await kept(cache, two) == status(10, like=two)


async def test_the_newest_of_a_batch_stays(cache: Cache) -> None:
    one = status(1)
    await cache.put([status(2, like=one), status(3, like=one), one])
    assert await kept(cache, one) == status(3, like=one)


async def test_the_newest_stays_whatever_the_order_of_concurrent_puts(cache: Cache) -> None:
    one = status(1)
    versions = [status(n, like=one) for n in range(1, 60)]
    random.Random(1).shuffle(versions)
    await asyncio.gather(*(cache.put([v]) for v in versions))
    assert await kept(cache, one) == status(59, like=one)


async def test_putting_nothing_is_fine(cache: Cache) -> None:
    await cache.put([])
    await cache.check()


async def test_the_progress_of_a_job_is_the_sum_of_its_tasks_each_by_its_newest_fence(cache: Cache) -> None:
    tenant_id, job_id = uuid4(), uuid4()
    left, right = (Part(task_id=uuid4(), share=share, before=0.2) for share in (0.3, 0.5))

    async def told(part: Part, fence: int, percent: float) -> float:
        await cache.put_progress(tenant_id, job_id, fence, Progress(percent=percent).SerializeToString(), part)
        return Progress.FromString(await cache.get_progress(tenant_id, job_id) or b"").percent

    assert await told(left, 2, 50) == 35  # with what was done before
    assert await told(right, 1, 80) == 75
    assert await told(left, 1, 100) == 75
    assert await told(left, 3, 10) == 63
    assert await told(right, 1, 100) == 73
    each = await cache.get_task_progress(tenant_id, job_id)
    percents = {task_id: Progress.FromString(progress).percent for task_id, progress in each.items()}
    assert percents == {left.task_id: 10, right.task_id: 100}
    assert await cache.get_progress(tenant_id, uuid4()) is None
    assert await cache.get_task_progress(tenant_id, uuid4()) == await cache.get_task_progress(uuid4(), job_id) == {}


async def test_progress_of_a_lower_fence_never_replaces_that_of_a_higher_one(cache: Cache) -> None:
    tenant_id, job_id = uuid4(), uuid4()
    await cache.put_progress(tenant_id, job_id, 10, b"10 %")
    await cache.put_progress(tenant_id, job_id, 10, b"20 %")
    assert await cache.get_progress(tenant_id, job_id) == b"20 %"
    await cache.put_progress(tenant_id, job_id, 9, b"99 %")
    assert await cache.get_progress(tenant_id, job_id) == b"20 %"
    await cache.put_progress(tenant_id, job_id, 11, b"1 %")
    assert await cache.get_progress(tenant_id, job_id) == b"1 %"
    assert await cache.get_task_progress(tenant_id, job_id) == {None: b"1 %"}


async def test_subscribers_are_woken_by_status_progress_and_notify(cache: Cache) -> None:
    put = status()
    channel = job_channel(put.tenant_id, put.job_id)
    async with cache.subscribe(channel) as one, cache.subscribe(channel) as two:
        for change in (
            cache.put([put]),
            cache.put_progress(put.tenant_id, put.job_id, 1, b"1 %"),
            cache.notify(channel),
        ):
            await change
            assert await one.wait(PATIENCE_SECONDS)
            assert await two.wait(PATIENCE_SECONDS)


async def test_what_changes_nothing_wakes_nobody(cache: Cache) -> None:
    put = status(5)
    await cache.put([put])
    await cache.put_progress(put.tenant_id, put.job_id, 2, b"1 %")
    async with cache.subscribe(job_channel(put.tenant_id, put.job_id)) as subscription:
        await cache.put([put, status(4, like=put)])
        await cache.put_progress(put.tenant_id, put.job_id, 1, b"9 %")
        await cache.notify("another channel")
        assert not await subscription.wait(0.1)


async def test_two_tenants_with_a_job_of_the_same_id_see_and_disturb_nothing_of_each_other(cache: Cache) -> None:
    theirs = status(9, final=True)
    ours = Status(tenant_id=uuid4(), job_id=theirs.job_id, version=1, final=False, job=b"ours")
    async with cache.subscribe(job_channel(ours.tenant_id, ours.job_id)) as subscription:
        await cache.put([theirs])
        await cache.put_progress(theirs.tenant_id, theirs.job_id, 9, b"theirs")
        assert await kept(cache, ours) is None
        assert await cache.get_progress(ours.tenant_id, ours.job_id) is None
        assert not await subscription.wait(0.1)
        await cache.put([ours])  # a lower version and a lower fence, of another job
        await cache.put_progress(ours.tenant_id, ours.job_id, 1, b"ours")
        assert await subscription.wait(PATIENCE_SECONDS)
    assert (await kept(cache, ours), await kept(cache, theirs)) == (ours, theirs)
    assert await cache.get_progress(ours.tenant_id, ours.job_id) == b"ours"
    assert await cache.get_progress(theirs.tenant_id, theirs.job_id) == b"theirs"


async def test_a_subscriber_that_left_and_came_back_hears_again(cache: Cache) -> None:
    for _ in range(20):
        async with cache.subscribe("c") as subscription:
            await cache.notify("c")
            assert await subscription.wait(PATIENCE_SECONDS)


async def test_it_bears_a_second_stop_and_start(cache: Cache) -> None:
    for _ in range(2):
        await cache.stop()
    await cache.start()
    put = status()
    await cache.put([put])
    assert await kept(cache, put) == put


async def test_a_job_that_was_deleted_does_not_come_back(cache: Cache) -> None:
    done = status(7, final=True)
    away = gone(done.tenant_id, done.job_id)
    await cache.put([done])
    await cache.put([away])
    await cache.put([status(8, final=True, like=done), done])  # of who read it before
    assert await kept(cache, done) == away
