"""The worker: takes tasks while it has a free slot, keeps their leases, finishes them.

A queue's message is acknowledged right after the claim and never held through an encode: from
then on the lease in PostgreSQL guards the work (design decision 6).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from reelmill import __version__
from reelmill.announce import Announcer
from reelmill.batching import Batcher
from reelmill.cache.port import CANCELS, Cache
from reelmill.jobs.errors import AttemptFailed, Failure, Stopped, Unavailable
from reelmill.jobs.operations import operation_of
from reelmill.jobs.retry import RetryPolicy
from reelmill.points import reach
from reelmill.queue.port import Consumer, Queue, QueueUnavailable, priority_class, task_topic
from reelmill.relay import Relay
from reelmill.store.leases import FinishedTask, LeaseStore, MadeFile
from reelmill.store.records import ClaimedTask, Lease, StoredJob
from reelmill.store.workers import LivingWorker, WorkerStore
from reelmill.supervise import end, supervised
from reelmill.telemetry import metrics, traces
from reelmill.telemetry.logs import bind, get_logger
from reelmill.telemetry.spans import Attributes
from reelmill.v1.jobs_pb2 import Job, Progress
from reelmill.worker.attempt import Attempt, Executor, StopReason
from reelmill.worker.intake import Abilities, Intake
from reelmill.worker.pace import PATIENCE_SECONDS, Pace
from reelmill.worker.slots import Slots

log = get_logger(__name__)
_PROGRESS_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_EARLY_SECONDS = 1.0  # between heartbeats that cancellations bring forward: all workers hear of each
_MAX_HEARTBEAT_ENDS = 3  # after which the worker ends: it takes under a second, and no lease is lost meanwhile
_LAST_WRITES_SECONDS = 10.0  # for which a worker that stops waits for PostgreSQL
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerConfig:
    """How a worker behaves; times in seconds."""

    owner: str
    """Names this worker's leases: host and a random part."""
    slots: int
    fetches: int
    """Inputs that are fetched at once without holding a slot."""
    heartbeat_seconds: float
    sweep_seconds: float
    drain_seconds: float
    abilities: Abilities = field(default_factory=Abilities)
    quiet_seconds: float = 0.25
    """From its claim, in which an attempt tells no phases: a small job costs no writes for them."""
    alone: bool = False
    """Whether no other worker can take a task: a full disk is not tried again then, nobody would have cleared it."""


class _GaveUp(Exception):
    """This worker stops and PostgreSQL stays away: the attempt's end is not recorded."""


class Worker:
    """N slots, each running one attempt at a time."""

    def __init__(
        self,
        config: WorkerConfig,
        leases: LeaseStore,
        workers: WorkerStore,
        queue: Queue,
        cache: Cache,
        relay: Relay,
        executor: Executor,
    ) -> None:
        self._config = config
        self._leases = leases
        self._workers = workers
        self._cache = cache
        self._relay = relay
        self._announcer = Announcer(cache)
        self._executor = executor
        self._intake = Intake(
            leases, queue, owner=config.owner, sweep_seconds=config.sweep_seconds, abilities=config.abilities
        )
        # By lease: a worker may claim again a task that it lost, before its older attempt has heard of that.
        self._held: dict[Lease, Attempt] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._heartbeat_now = asyncio.Event()
        self._give_up = asyncio.Event()
        self._draining = False
        self._completions: Batcher[FinishedTask, StoredJob | None] = Batcher(self._complete)
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._slots = Slots(config.slots, config.fetches, self._changed.set)
        self._pace = Pace(config.slots)
        self._waiting = self._recording = 0
        """How many attempts wait for their slot, and for their end to be recorded."""
        metrics.SLOTS.set(config.slots)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain: finish what ends in time, hand back the rest."""
        consumer = self._intake.consumer()
        heartbeat = supervised("heartbeat", self._heartbeat_loop, max_ends=_MAX_HEARTBEAT_ENDS)
        loops = [
            heartbeat,
            supervised("cancels", self._cancel_loop),
            supervised("progress", self._progress_loop),
        ]
        take = supervised("take", lambda: self._take_loop(consumer))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, heartbeat], return_when=asyncio.FIRST_COMPLETED)
            self._draining = True
            self._heartbeat_now.set()
            await end(take)
            await self._intake.settle()
            await consumer.stop()
            # Nobody would renew its leases: what it holds is handed back while it still may.
            await self._drain(0 if heartbeat.done() else self._config.drain_seconds)
            failed = heartbeat.done()
            if not failed:
                await end(heartbeat)  # it would tell once more that this worker lives
            with suppress(Unavailable):  # the scheduler forgets it too
                await self._workers.forget(self._config.owner)
            if failed:
                await heartbeat
        finally:
            await end(stopping, take, *loops)
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            await consumer.stop()

    async def _take_loop(self, consumer: Consumer) -> None:
        while True:
            if not (wanted := self._wanted()):
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                claimed = await self._intake.take(consumer, wanted, self._start)
            except (Unavailable, QueueUnavailable) as error:
                log.warning("can't take tasks now", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if claimed:
                await self._publish(*[StoredJob(tenant_id=t.tenant_id, job=t.job) for t in claimed])

    def _wanted(self) -> int:
        """How many tasks to claim now: for the slots that are free, and several at once that will be soon."""
        ahead = self._pace.ahead if self._intake.backlog else 0
        if self._slots.free:
            return self._slots.free + ahead
        return ahead - self._waiting if 2 * self._waiting <= ahead else 0

    def _start(self, task: ClaimedTask) -> None:
        slot = self._slots.take()
        attempt = Attempt(task, self._leases, self._publish, slot, quiet_seconds=self._config.quiet_seconds)
        self._held[task.lease] = attempt
        running = asyncio.create_task(self._run(attempt), name=f"task {task.id}")
        running.add_done_callback(lambda _: slot.end())
        self._running.add(running)
        metrics.QUEUE_WAIT[priority_class(task_topic(task.job.priority))].observe(task.waited_seconds)
        running.add_done_callback(self._ended)
        metrics.RUNNING.set(len(self._running))

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._changed.set()
        metrics.RUNNING.set(len(self._running))
        if not running.cancelled() and (error := running.exception()):
            log.error("a task's end failed", exc_info=error)

    async def _run(self, attempt: Attempt) -> None:
        task = attempt.task
        bind(
            job_id=task.job.id,
            task_id=str(task.id),
            attempt=task.job.attempt,
            trace_id=traces.trace_id(task.traceparent),
        )
        attributes: Attributes = {"reelmill.job_id": task.job.id, "reelmill.attempt": task.job.attempt}
        try:
            with traces.span("attempt", attributes, kind="CONSUMER", parent=task.traceparent) as span:
                log.info("attempt starts", fence=task.fence)
                if task.part and task.fence > 1:  # of a job that goes on, and claimed before
                    told = await self._cache.get_task_progress(task.tenant_id, UUID(task.job.id))
                    attempt.resume(Progress.FromString(told.get(task.id, b"")))
                if task.fence > 1:  # an earlier attempt's progress is not ours
                    await self._publish_progress(attempt)
                outcome = await self._attempt(attempt)
                span.set({"reelmill.outcome": outcome})
        finally:
            self._held.pop(task.lease, None)
            await attempt.close()
        seconds = time.monotonic() - attempt.began
        metrics.RUN_TIME[operation_of(task.job)].observe(seconds)
        metrics.ATTEMPTS[outcome].inc()
        log.info("attempt ended", outcome=outcome, seconds=round(seconds, 3))

    async def _attempt(self, attempt: Attempt) -> str:
        """Run an attempt to its recorded end; answers the outcome's name."""
        try:
            if not attempt.slot.held:
                await self._hold(attempt)
            attempt.begin()
            files = await self._executor.run(attempt)
            seconds = time.monotonic() - attempt.began
            quick = self._pace.took(seconds)
            if attempt.task.part or attempt.spawned:
                quick = False
                self._pace.was_wrong()
            self._recording += 1
            try:
                # Not of several tasks of a job: a worker's death repeats what its slots did and nothing else. Of no
                # more than there are slots: else more and more would wait for a slow database.
                if quick and self._recording <= self._config.slots:
                    attempt.slot.end()  # nothing of it runs any more: the next begins while this one is recorded
                return await self._completed(attempt, files)
            finally:
                self._recording -= 1
        except Stopped:
            return await self._stopped(attempt)
        except AttemptFailed as error:
            failure = error.failure
        except _GaveUp:
            raise
        except Exception as error:
            log.exception("the executor failed")
            failure = Failure(code="INTERNAL", message=f"a fault of Reelmill: {type(error).__name__}: {error}")
        return await self._failed(attempt, failure)

    async def _hold(self, attempt: Attempt) -> None:
        """Wait for a slot. Raises Stopped where another worker had better take the task."""
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await attempt.unless_stopped(attempt.slot.hold())
        except TimeoutError:
            self._pace.was_wrong()
            attempt.tell_to_stop(StopReason.WAITING)
            raise Stopped from None
        finally:
            self._waiting -= 1
            self._changed.set()

    async def _completed(self, attempt: Attempt, files: tuple[MadeFile, ...]) -> str:
        lines = await attempt.last_lines()
        finished = FinishedTask(
            lease=attempt.task.lease,
            files=files,
            result=attempt.result,
            spawned=attempt.spawned,
            keys={name: attempt.keys[name] for name in {file.output for file in files} & attempt.keys.keys()},
            lines=lines,
            failure=attempt.failure,
        )
        if not await self._persist(lambda: self._completions.submit(finished)):
            return await self._stopped(attempt)
        if attempt.task.part:  # of a job that goes on
            attempt.end()
            await self._publish_progress(attempt)
        return "completed"

    async def _failed(self, attempt: Attempt, failure: Failure) -> str:
        task = attempt.task
        metrics.FAILURES[failure.code].inc()
        policy = RetryPolicy.from_proto(task.job.retry_policy)
        retryable = failure.retryable and not (self._config.alone and failure.code == "DISK_FULL")
        wait = policy.backoff_seconds(task.charged_attempts, retryable=retryable, rng=self._random)
        log.warning("attempt failed", code=failure.code, reason=failure.message, retry_seconds=wait)
        attempt.log(f"{failure.code}: {failure.message}", level="ERROR", output=failure.output, command=failure.command)
        await self._persist(attempt.flush)
        if wait is None:
            stored = await self._persist(lambda: self._leases.fail(task.lease, failure))
        else:
            stored = await self._persist(lambda: self._leases.retry(task.lease, failure, wait_seconds=wait))
        if stored is None:
            return await self._stopped(attempt)
        await self._publish(stored)
        return "failed" if wait is None else "retried"

    async def _stopped(self, attempt: Attempt) -> str:
        """The attempt was told to stop, or its end was refused: record what that means."""
        lease = attempt.task.lease
        if attempt.reason is not StopReason.LOST:
            await self._persist(attempt.flush)
        if attempt.reason in (StopReason.DRAINING, StopReason.WAITING) and (
            stored := await self._persist(lambda: self._leases.release(lease))
        ):
            await self._publish(stored)
            return "released"
        # Refused unless the job is to stop.
        if attempt.reason is not StopReason.LOST and (
            stored := await self._persist(lambda: self._leases.cancelled(lease))
        ):
            await self._publish(stored)
            return "cancelled"
        # Refused too where our completion was recorded and only its answer was lost.
        if stored := await self._persist(lambda: self._leases.completed(lease)):
            await self._publish(stored)
            return "completed"
        # The lease is lost, and whatever we did is void.
        await self._executor.discard(attempt)
        return "discarded"

    async def _complete(self, finished: Sequence[FinishedTask]) -> list[StoredJob | None]:
        await reach("task.completing")
        stored = await self._leases.complete(finished)
        await reach("task.completed")
        jobs = {id(s): s for s in stored.values()}.values()
        await self._publish(*jobs)
        if any(s.job.state == Job.PROCESSING for s in jobs):  # what waited for these tasks may be ready
            await self._relay.send()
        return [stored.get(f.lease) for f in finished]

    async def _persist(self, write: Callable[[], Awaitable[Answer]]) -> Answer:
        """Write, for as long as PostgreSQL is away; the fence refuses what comes too late."""
        while True:
            try:
                return await write()
            except Unavailable as error:
                if self._give_up.is_set():
                    raise _GaveUp(str(error)) from error
                log.warning("can't record the attempt's end yet", reason=str(error))
                await _wait(self._give_up, _RETRY_SECONDS)

    async def _publish(self, *stored: StoredJob) -> None:
        await self._announcer.changed(stored)

    async def _heartbeat_loop(self) -> None:
        while True:
            try:
                await self._heartbeat()
                await self._workers.announce(self._living())
            except Unavailable as error:
                log.warning("can't renew leases", reason=str(error))
            await _wait(self._heartbeat_now, self._config.heartbeat_seconds)
            self._heartbeat_now.clear()

    async def _heartbeat(self) -> None:
        held = dict(self._held)
        if not held:
            return
        kept = await self._leases.heartbeat(list(held))
        for lease, attempt in held.items():
            if lease not in self._held:
                continue  # it ended meanwhile
            if lease not in kept:
                attempt.tell_to_stop(StopReason.LOST)
            elif kept[lease]:
                attempt.tell_to_stop(StopReason.CANCELLED)

    def _living(self) -> LivingWorker:
        abilities = self._config.abilities
        return LivingWorker(
            owner=self._config.owner,
            version=__version__,
            kinds=abilities.kinds,
            pool=abilities.pool,
            labels=abilities.labels,
            slots=0 if self._draining else self._config.slots,
            running=len(self._running),
        )

    async def _cancel_loop(self) -> None:
        """A cancellation brings the next heartbeat forward."""
        async with self._cache.subscribe(CANCELS) as subscription:
            while True:
                if await subscription.wait(60):
                    self._heartbeat_now.set()
                    await asyncio.sleep(_EARLY_SECONDS)

    async def _progress_loop(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            for attempt in list(self._held.values()):
                await self._publish_progress(attempt)

    async def _publish_progress(self, attempt: Attempt) -> None:
        if progress := attempt.news():
            task = attempt.task
            job_id, value = UUID(task.job.id), progress.SerializeToString()
            await self._cache.put_progress(task.tenant_id, job_id, task.fence, value, task.part)

    async def _drain(self, grace_seconds: float) -> None:
        """Let work end within the grace period; hand back what does not."""
        if self._running:
            log.info("draining", tasks=len(self._running), seconds=grace_seconds)
            await asyncio.wait(set(self._running), timeout=grace_seconds)
        for attempt in self._held.values():
            attempt.tell_to_stop(StopReason.DRAINING)
        if self._running:
            await asyncio.wait(set(self._running), timeout=_LAST_WRITES_SECONDS)
        # What can't be recorded even now is rescued when its lease ends.
        self._give_up.set()
        if self._running:
            await asyncio.wait(set(self._running))


async def _wait(event: asyncio.Event, timeout_seconds: float) -> None:
    try:
        async with asyncio.timeout(timeout_seconds):  # wait_for may swallow a cancellation
            await event.wait()
    except TimeoutError:
        return
