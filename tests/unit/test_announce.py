"""What is told of changed jobs."""

from uuid import UUID, uuid4

from reelmill.announce import Announcer
from reelmill.cache.memory import MemoryCache
from reelmill.store.records import StoredJob
from reelmill.telemetry import metrics
from reelmill.v1.jobs_pb2 import Job, Output

TENANT = uuid4()


def cancelled(*, already: bool) -> StoredJob:
    job = Job(id=str(uuid4()), state=Job.CANCELLED, version=3, outputs=[Output(name="a", preset="podcast-audio")])
    return StoredJob(tenant_id=TENANT, job=job, already=already)


def counted() -> float:
    return sum(
        sample.value
        for metric in metrics._FINISHED.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["state"] == "CANCELLED"
    )


async def test_an_end_is_counted_by_who_made_it_and_kept_by_whoever_found_it() -> None:
    cache, before = MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60), counted()
    made, found = cancelled(already=False), cancelled(already=True)
    await Announcer(cache).changed([made, found])
    assert counted() - before == 1
    for stored in (made, found):
        kept = await cache.get(TENANT, UUID(stored.job.id))
        assert kept and kept.version == 3


async def test_nothing_that_changed_is_told_to_nobody() -> None:
    class Away(MemoryCache):
        async def put(self, statuses: object) -> None:
            raise AssertionError("called")

    await Announcer(Away(status_ttl_seconds=60, final_ttl_seconds=60)).changed([])
