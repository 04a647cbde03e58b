"""The scheduler's loops. Any number of schedulers may run: rows are shared by SKIP LOCKED."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from reelmill.announce import Announcer
from reelmill.cache.port import CANCELS, Cache, gone
from reelmill.jobs.errors import AttemptFailed, Unavailable
from reelmill.queue.port import QueueUnavailable
from reelmill.relay import Relay
from reelmill.storage.storage import Storage
from reelmill.storage.uris import scheme_of
from reelmill.store.leases import LeaseStore
from reelmill.store.records import StoredJob
from reelmill.store.retention import RetentionStore
from reelmill.store.unserved import UnservedStore
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger
from reelmill.telemetry.metrics import RESCUED, UNSERVED

log = get_logger(__name__)
_BATCH = 100
_DELETION_SECONDS = 2.0
_RETENTION_SECONDS = 60.0
_UNSERVED_SECONDS = 5.0
_MOST_OF_TIME = 0.02
_WARN_AFTER = timedelta(seconds=5)
_UNPIN_AFTER = timedelta(seconds=60)  # workers that are started anew are back by then


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerConfig:
    """How a scheduler behaves."""

    rescue_seconds: float
    max_crashes: int
    lease_seconds: float
    job_retention: timedelta
    upload_retention: timedelta
    results_max_bytes: int
    """Of a tenant; 0: any number."""
    own_storage: str
    """URI of our own storage: files of old jobs are deleted there and nowhere else."""


class Scheduler:
    """Runs all loops until cancelled."""

    def __init__(
        self,
        config: SchedulerConfig,
        leases: LeaseStore,
        retention: RetentionStore,
        unserved: UnservedStore,
        storage: Storage,
        cache: Cache,
        relay: Relay,
    ) -> None:
        self._config = config
        self._leases = leases
        self._retention = retention
        self._unserved = unserved
        self._storage = storage
        self._cache = cache
        self._announcer = Announcer(cache)
        self._relay = relay
        self._random = random.Random()  # noqa: S311 - spreads sweeps, guards nothing

    async def run(self) -> None:
        """Run until cancelled."""
        loops = [
            supervised("relay_sweep", self._relay.run),
            supervised("rescue", lambda: self._every(self._config.rescue_seconds, self.rescue)),
            supervised("unserved", lambda: self._every(_UNSERVED_SECONDS, self.look_after_unserved)),
            supervised("folders", lambda: self._every(_DELETION_SECONDS, self.delete_folders)),
            supervised("retention", lambda: self._every(_RETENTION_SECONDS, self.retire)),
        ]
        try:
            await asyncio.wait(loops)
        finally:
            await end(*loops)

    async def rescue(self) -> None:
        """Take back expired leases, wake due retries, fail jobs past their deadline: all that there are."""
        while await self._rescue_batch():
            pass

    async def _rescue_batch(self) -> bool:
        """Do a batch of each; answers whether more may be waiting."""
        config = self._config
        rescued = await self._leases.rescue(
            limit=_BATCH,
            max_crashes=config.max_crashes,
            # A worker that was only stopped may still write until it learns that its lease is lost.
            sweep_after_seconds=6 * config.lease_seconds,
        )
        woken = await self._leases.wake_delayed(limit=_BATCH)
        expired = await self._leases.expire(limit=_BATCH)
        for stored in rescued:
            log.warning("took a job back from a silent worker", job_id=stored.job.id, attempt=stored.job.attempt)
        for job_id in woken:
            log.info("a job's retry is due", job_id=job_id)
        for stored in expired:
            log.warning("failed a job past its deadline", job_id=stored.job.id)
        RESCUED.inc(len(rescued))
        await self._publish([*rescued, *expired])
        if rescued or woken:
            self._relay.nudge()
        if expired:
            await self._cache.notify(CANCELS)
        return _BATCH in (len(rescued), len(woken), len(expired))

    async def look_after_unserved(self) -> float:
        """Count and tell of tasks that no living worker can take; free those that wait for an ffmpeg that is gone.

        Answers for how many seconds not to look again: of a vast backlog that takes long.
        """
        began = time.monotonic()
        try:
            found, tasks = await self._unserved.find()
        except BaseException:
            UNSERVED.set(math.nan)
            raise
        UNSERVED.set(tasks)
        await self._unserved.warn(found, after=_WARN_AFTER)
        for job_id in await self._unserved.unpin(found, after=_UNPIN_AFTER):
            log.warning("no worker has a job's ffmpeg any more: another makes the rest", job_id=job_id)
        return (time.monotonic() - began) / _MOST_OF_TIME

    async def delete_folders(self) -> None:
        """Delete folders of attempts that did not win, of jobs past their retention, and files of uploads likewise."""
        due = await self._retention.due_deletions(limit=_BATCH)
        gone = []
        for row_id, uri in due:
            try:
                delete = self._storage.delete_upload if scheme_of(uri) == "upload" else self._storage.delete_prefix
                await delete(uri)
                gone.append(row_id)
            except Exception as error:  # whatever is wrong with one, the others go on
                log.warning("can't delete a folder; trying again later", uri=uri, reason=str(error))
        if gone:
            await self._retention.deleted(gone)

    async def retire(self) -> None:
        """Delete what is past its retention: finished jobs, uploads, keys, queue rows that nobody takes."""
        config = self._config
        deleted = _BATCH
        while deleted == _BATCH:
            deleted = await self._retention.delete_jobs(
                config.job_retention, own_storage=config.own_storage, limit=_BATCH
            )
        if config.results_max_bytes:
            await self._delete_unused()
        deleted = _BATCH
        while deleted == _BATCH:
            deleted = await self._retention.delete_uploads(config.upload_retention, limit=_BATCH)
        await self._retention.trim()
        for uri in await self._retention.give_up():
            log.error("can't delete a folder; it stays", uri=uri)
        try:
            await self._storage.delete_uploads(config.upload_retention)
        except AttemptFailed as error:
            log.warning("can't delete old uploads; trying again later", reason=str(error))

    async def _delete_unused(self) -> None:
        """Delete jobs whose results are more than what may be kept, and have the cache say so: they may be young."""
        most, own = self._config.results_max_bytes, self._config.own_storage
        deleted = _BATCH
        while deleted == _BATCH:
            unused = await self._retention.delete_unused(most, own_storage=own, limit=_BATCH)
            await self._cache.put([gone(tenant_id, job_id) for tenant_id, job_id in unused])
            deleted = len(unused)
            if deleted:
                log.info("jobs deleted: their results are beyond results_max_bytes", count=deleted)

    async def _publish(self, stored: Sequence[StoredJob]) -> None:
        await self._announcer.changed(stored)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[float | None]]) -> None:
        """Do some work again and again; it may answer for how long to wait at least."""
        while True:
            least_seconds = None
            try:
                least_seconds = await work()
            except (Unavailable, QueueUnavailable) as error:
                log.warning("the scheduler waits", work=work.__name__, reason=str(error))
            await asyncio.sleep(max(seconds * self._random.uniform(0.8, 1.2), least_seconds or 0.0))
