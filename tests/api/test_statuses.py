"""Nobody is told an older status than one told before, whatever the cache has."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from reelmill.api.statuses import Statuses
from reelmill.cache.memory import MemoryCache
from reelmill.cache.port import Status, status_of
from reelmill.jobs.states import Phase
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.leases import LeaseStore
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Input, Job, Output

TENANT = DEFAULT_IDENTITY.tenant_id


@pytest.fixture
async def job_id(database: Database) -> UUID:
    """A job that was claimed (version 2) and has a phase since (version 3)."""
    new_id, task_id = UUID(int=1), UUID(int=2)
    job = Job(inputs=[Input(uri="file:///a")], outputs=[Output(name="o", preset="web-mp4")], priority=50)
    new = NewJob(id=new_id, task_id=task_id, job=job, output_prefix="file:///out/")
    await JobStore(database).create(TENANT, DEFAULT_IDENTITY.user_id, [new])
    leases = LeaseStore(database, lease_seconds=60)
    [claimed] = await leases.claim("worker", limit=1)
    await leases.report(claimed.lease, Phase.TRANSCODING, [])
    return new_id


class ShakyCache(MemoryCache):
    """A cache that can be away, and has what it had when it is back."""

    away = False

    async def put(self, statuses: Sequence[Status]) -> None:
        if not self.away:
            await super().put(statuses)

    async def get(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        return None if self.away else await super().get(tenant_id, job_id)


@pytest.fixture
async def cache(job_id: UUID) -> ShakyCache:
    """It knows the job's second version, whose writer died before it told of the third."""
    made = ShakyCache(status_ttl_seconds=60, final_ttl_seconds=60)
    await made.put([status_of(TENANT, Job(id=str(job_id), state=Job.PROCESSING, phase=Job.PROBING, version=2))])
    return made


async def test_what_the_cache_has_is_told(database: Database, cache: ShakyCache, job_id: UUID) -> None:
    assert (await Statuses(JobStore(database), cache).get(TENANT, job_id)).version == 2


async def test_what_was_told_reaches_the_cache_and_so_every_process(
    database: Database, cache: ShakyCache, job_id: UUID
) -> None:
    await Statuses(JobStore(database), cache).tell(TENANT, [await JobStore(database).get(TENANT, job_id)])
    assert (await Statuses(JobStore(database), cache).get(TENANT, job_id)).version == 3


async def test_a_cache_that_was_away_is_not_believed(database: Database, cache: ShakyCache, job_id: UUID) -> None:
    statuses = Statuses(JobStore(database), cache)
    cache.away = True
    assert (await statuses.get(TENANT, job_id)).phase == Job.TRANSCODING
    cache.away = False
    assert (await statuses.get(TENANT, job_id)).phase == Job.TRANSCODING
