"""The BASIC view of jobs: from the cache first, and never older than what this process has told before."""

from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from reelmill.cache.port import GONE_VERSION, Cache, Status, gone, status_of
from reelmill.store.jobs import JobStore
from reelmill.v1.jobs_pb2 import Job

_MAX_KNOWN = 50_000


class Statuses:
    """Reads statuses, and brings to the cache what was read from the database.

    A status in the cache can lag: its writer may have died, or the cache been away. Who saw a version
    by any method must not be told an older one afterwards, so what is told goes to the cache first,
    for other processes, and its version is remembered here, for when the cache was away.
    """

    def __init__(self, jobs: JobStore, cache: Cache) -> None:
        self._jobs = jobs
        self._cache = cache
        self._told: OrderedDict[tuple[UUID, UUID], int] = OrderedDict()

    async def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """A job. Raises NotFound."""
        status = await self.cached(tenant_id, job_id)
        if status is None:
            return await self.refresh(tenant_id, job_id)
        self._remember(status)
        return Job.FromString(status.job)

    async def cached(self, tenant_id: UUID, job_id: UUID) -> Status | None:
        """What the cache has, unless it is known to be old, or only that the job is gone."""
        status = await self._cache.get(tenant_id, job_id)
        known = self._told.get((tenant_id, job_id), 0)
        return status if status and known <= status.version < GONE_VERSION else None

    async def forget(self, tenant_id: UUID, job_ids: Iterable[UUID]) -> None:
        """These were deleted: nobody is told what they were."""
        await self._put([gone(tenant_id, job_id) for job_id in job_ids])

    async def refresh(self, tenant_id: UUID, job_id: UUID) -> Job:
        """A job from the database, which the cache has from now on. Raises NotFound."""
        job, read_us = await self._jobs.read(tenant_id, job_id)
        status = status_of(tenant_id, job, known_us=read_us)
        await self._put([status])
        return Job.FromString(status.job)

    async def tell(self, tenant_id: UUID, jobs: Iterable[Job]) -> None:
        """These are about to be told to a client."""
        await self._put([status_of(tenant_id, job) for job in jobs])

    async def _put(self, statuses: list[Status]) -> None:
        for status in statuses:
            self._remember(status)
        await self._cache.put(statuses)

    def _remember(self, status: Status) -> None:
        key = (status.tenant_id, status.job_id)
        if status.version > self._told.get(key, 0):
            self._told[key] = status.version
            self._told.move_to_end(key)
            if len(self._told) > _MAX_KNOWN:
                self._told.popitem(last=False)
