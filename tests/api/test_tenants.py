"""Two tenants at one api: nothing that a method answers to one tells of what the other has."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from api.test_service import Context, outlook_on
from jobs import job

from reelmill.api.jobs_service import JobService
from reelmill.api.submission import Submitter
from reelmill.cache.memory import MemoryCache
from reelmill.jobs.errors import NotFound
from reelmill.queue.postgres import PostgresQueue
from reelmill.relay import Relay
from reelmill.sealing import Keys
from reelmill.settings import Settings
from reelmill.storage.storage import Storage
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore
from reelmill.store.leases import LeaseStore
from reelmill.store.outbox import OutboxStore
from reelmill.store.tenancy import Identity
from reelmill.v1 import jobs_pb2 as pb

NO_PLANNER: Any = None  # who asks for no steps needs none
NO_ESTIMATOR: Any = None

US, THEM = Context(tenant=str(uuid4())), Context(tenant=str(uuid4()))


def tenant(context: Context) -> Identity:
    """Whose a call is, by what the test writes beside it."""
    tenant_id = UUID(dict(context.invocation_metadata())["tenant"])
    return Identity(tenant_id=tenant_id, user_id=tenant_id)


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)


@pytest.fixture
def service(database: Database, cache: MemoryCache, tmp_path: Path) -> JobService:
    jobs, storage = JobStore(database), Storage.from_settings(Settings(data_dir=tmp_path))
    relay = Relay(OutboxStore(database), PostgresQueue(database), interval_seconds=60)
    submitter, outlook = Submitter(jobs, cache, storage, relay, keys=Keys([bytes(32)])), outlook_on(database)
    return JobService(jobs, cache, submitter, NO_PLANNER, NO_ESTIMATOR, outlook, tenant)


async def create(service: JobService, context: Context, **fields: Any) -> pb.Job:
    return await service.CreateJob(pb.CreateJobRequest(job=job(**fields), request_id="key"), context)


async def test_one_key_of_two_tenants_makes_two_jobs_also_at_once(service: JobService) -> None:
    calls = [create(service, who, priority=40 + i) for i, who in enumerate((US, THEM))]
    first, second = await asyncio.gather(*calls)
    assert (first.id != second.id, first.priority, second.priority) == (True, 40, 41)
    assert (await create(service, THEM, priority=41)).id == second.id


@pytest.mark.parametrize(
    "method",
    [
        "GetJob",
        "GetJob.FULL",
        "CancelJob",
        "RetryJob",
        "DeleteJob",
        "WatchJob",
        "ListJobEvents",
        "ListJobLogs",
        "ListOutputFiles",
        "ListTasks",
    ],
)
async def test_another_tenants_job_is_not_there_whatever_is_asked(service: JobService, method: str) -> None:
    theirs = await create(service, THEM)
    await service.GetJob(pb.GetJobRequest(id=theirs.id), THEM)  # it is in the cache, and known to be told
    watch = service.WatchJob(pb.WatchJobRequest(id=theirs.id), THEM)
    await anext(watch)
    name, _, view = method.partition(".")
    request = getattr(pb, f"{name}Request")(id=theirs.id, **{"view": view} if view else {})
    with pytest.raises(NotFound):
        answer = getattr(service, name)(request, US)
        await (anext(answer) if name == "WatchJob" else answer)
    again = await service.GetJob(pb.GetJobRequest(id=theirs.id, view=pb.FULL), THEM)
    assert (again.state, again.version) == (pb.Job.QUEUED, 1)
    await watch.aclose()


async def test_a_list_has_the_tenants_own_jobs_and_no_progress_comes_across(
    service: JobService, cache: MemoryCache, database: Database
) -> None:
    ours, theirs = await create(service, US), await create(service, THEM)
    for who, wanted in ((US, ours), (THEM, theirs)):
        listed = await service.ListJobs(pb.ListJobsRequest(), who)
        assert [found.id for found in listed.jobs] == [wanted.id]
    await LeaseStore(database, lease_seconds=60).claim("me", limit=2)
    progress = pb.Progress(percent=50).SerializeToString()
    await cache.put_progress(tenant(US).tenant_id, UUID(theirs.id), 1, progress)  # under their id, and not theirs
    shown = await service.GetJob(pb.GetJobRequest(id=theirs.id, view=pb.FULL), THEM)
    assert (shown.state, shown.progress.percent) == (pb.Job.PROCESSING, 0)
