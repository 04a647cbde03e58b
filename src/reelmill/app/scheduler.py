"""The parts of a scheduler."""

import asyncio
from datetime import timedelta

from reelmill.parts import Parts
from reelmill.scheduler.sampler import Sampler
from reelmill.scheduler.scheduler import Scheduler, SchedulerConfig
from reelmill.scheduler.status_sweep import StatusSweep
from reelmill.store.changes import ChangeStore
from reelmill.store.retention import RetentionStore
from reelmill.store.statistics import StatisticsStore
from reelmill.store.unserved import UnservedStore
from reelmill.supervise import MAX_ENDS, end, supervised

_STATUS_SWEEPS = 6  # in `status_ttl_seconds`: a watermark lives for three


def make_scheduler(parts: Parts) -> Scheduler:
    """A scheduler."""
    settings = parts.settings
    config = SchedulerConfig(
        rescue_seconds=settings.rescue_seconds,
        max_crashes=settings.max_crashes,
        lease_seconds=settings.lease_seconds,
        job_retention=timedelta(days=settings.job_retention_days),
        upload_retention=timedelta(days=settings.upload_retention_days),
        results_max_bytes=settings.results_max_bytes,
        own_storage=parts.storage.own(""),
    )
    retention = RetentionStore(parts.database, audit_life=timedelta(days=settings.audit_retention_days))
    unserved = UnservedStore(parts.database, silent_after=timedelta(seconds=settings.lease_seconds))
    return Scheduler(config, parts.leases, retention, unserved, parts.storage, parts.cache, parts.relay)


async def run_scheduler(parts: Parts, *, webhooks: bool = True) -> None:
    """A scheduler, and what it samples for metrics, until cancelled. `webhooks`: it tells them, too."""
    checks = {
        "database": parts.database.check,
        "queue": parts.queue.check,
        "cache": parts.cache.check,
        "storage": parts.storage.check,
    }
    settings, silent_after = parts.settings, timedelta(seconds=parts.settings.lease_seconds)
    statistics = StatisticsStore(parts.database, silent_after=silent_after, pools=settings.metric_pools)
    sampler = Sampler(statistics, parts.queue, checks, interval_seconds=settings.sample_seconds)
    interval_seconds = settings.status_ttl_seconds / _STATUS_SWEEPS
    status_sweep = StatusSweep(ChangeStore(parts.database), parts.cache, interval_seconds=interval_seconds)
    running = {"sampler": sampler.run, "status_sweep": status_sweep.run}
    if webhooks:
        from reelmill.webhooks.sender import make_sender  # late: it takes HTTP's client along

        running["webhooks"] = make_sender(settings, parts.database).run
    beside = [supervised(name, run) for name, run in running.items()]
    try:
        await make_scheduler(parts).run()
    finally:
        await end(*beside)


def running_scheduler(parts: Parts, *, webhooks: bool = True, after_seconds: float = 0.0) -> asyncio.Task[None]:
    """A scheduler as a supervised task, which begins after a while."""

    async def run() -> None:
        await asyncio.sleep(after_seconds)
        await run_scheduler(parts, webhooks=webhooks)

    return supervised("scheduler", run, max_ends=MAX_ENDS)
