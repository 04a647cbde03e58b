"""Follow a job: events from PostgreSQL by sequence number, wake-ups and progress from the cache."""

import time
from collections.abc import AsyncGenerator
from uuid import UUID

from reelmill.api.statuses import Statuses
from reelmill.cache.port import Cache, job_channel
from reelmill.jobs.states import FINAL_JOB_STATES
from reelmill.store.jobs import JobStore
from reelmill.v1.jobs_pb2 import Job, JobEvent

_POLL_SECONDS = 2.0  # wake-ups are best effort; this is how late an event can be without them
_PAGE = 1000
_FINAL = frozenset(Job.State.Value(state) for state in FINAL_JOB_STATES)


async def watch(
    jobs: JobStore, statuses: Statuses, cache: Cache, tenant_id: UUID, job_id: UUID, after: int
) -> AsyncGenerator[JobEvent]:
    """Events after a sequence number until the final one, with progress (sequence 0) in between.

    Raises NotFound. Ends at once where the final event was seen before.
    """
    async with cache.subscribe(job_channel(job_id)) as subscription:
        job = await jobs.get(tenant_id, job_id)
        if job.state in _FINAL and job.version <= after:
            return
        after = min(after, job.version)  # later ones were seen before the database was restored from a backup
        shown = b""
        polled = -_POLL_SECONDS
        while True:
            status = await statuses.cached(tenant_id, job_id)
            if status is None or status.version > after or time.monotonic() - polled >= _POLL_SECONDS:
                polled = time.monotonic()
                events = await jobs.events(tenant_id, job_id, after=after, limit=_PAGE)
                if events and (status is None or status.version < events[-1].sequence):
                    await statuses.refresh(tenant_id, job_id)
                for event in events:
                    shown = shown if event.attempt == job.attempt else b""
                    # Who reads the percentage of an event without one reads 0.
                    if event.state == Job.COMPLETED:
                        event.progress.percent = 100.0
                    elif event.state == Job.PROCESSING and shown:
                        event.progress.MergeFromString(shown)
                    yield event
                    after, job.state, job.phase, job.attempt = event.sequence, event.state, event.phase, event.attempt
                    if event.state in _FINAL:
                        return
            progress = await cache.get_progress(job_id) if job.state == Job.PROCESSING else None
            if progress and progress != shown:
                shown = progress
                event = JobEvent(job_id=str(job_id), state=job.state, phase=job.phase, attempt=job.attempt)
                event.progress.MergeFromString(progress)
                event.time.GetCurrentTime()
                yield event
            await subscription.wait(_POLL_SECONDS)
