"""Workers with an executor of the test's own, on real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from store.kit import BAD_INPUT, Store
from waiting import PATIENCE_SECONDS, patient, soon

from reelmill.cache.memory import MemoryCache
from reelmill.jobs.errors import AttemptFailed, Stopped, Unavailable
from reelmill.queue.postgres import PostgresQueue
from reelmill.relay import Relay
from reelmill.store.database import Database
from reelmill.store.jobs import NewJob
from reelmill.store.leases import MadeFile
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.v1.jobs_pb2 import Job
from reelmill.worker.attempt import Attempt
from reelmill.worker.worker import Worker, WorkerConfig

Act = Callable[[Attempt], Awaitable[tuple[MadeFile, ...]]]


async def until_stopped(attempt: Attempt) -> tuple[MadeFile, ...]:
    """Work that ends when it is told to."""
    await attempt.stop.wait()
    raise Stopped


async def fails(attempt: Attempt) -> tuple[MadeFile, ...]:
    """Work that fails for good."""
    raise AttemptFailed(BAD_INPUT.code, BAD_INPUT.message)


class Script:
    """An executor that does what the test says, and tells of it."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.begun: asyncio.Queue[Attempt] = asyncio.Queue()
        self.discarded: list[Attempt] = []
        self.running = self.most = 0

    async def run(self, attempt: Attempt) -> tuple[MadeFile, ...]:
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.put_nowait(attempt)
        try:
            return await self.act(attempt)
        finally:
            self.running -= 1

    async def discard(self, attempt: Attempt) -> None:
        self.discarded.append(attempt)

    async def next(self) -> Attempt:
        """The next attempt that begins."""
        return await soon(self.begun.get())


class Rig:
    """A store, a queue, a cache, and workers on them."""

    def __init__(self, database: Database) -> None:
        self.store = Store(database)
        self.queue = PostgresQueue(database)
        self.cache = MemoryCache(status_ttl_seconds=60, final_ttl_seconds=60)
        self.relay = Relay(self.store.outbox, self.queue, interval_seconds=1)
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    def start(self, act: Act, **options: Any) -> Script:
        """Start a worker that does `act` for each attempt."""
        script = Script(act)
        self.start_worker(script, **options)
        return script

    def start_worker(self, executor: Any, **options: Any) -> None:
        """Start a worker with an executor."""
        seconds = {"heartbeat_seconds": 0.1, "sweep_seconds": 1.0, "drain_seconds": 0.0, "quiet_seconds": 0.0}
        config = WorkerConfig(**{"owner": "test", "slots": 2, "fetches": 2, **seconds, **options})
        stop = asyncio.Event()
        worker = Worker(config, self.store.leases, self.store.workers, self.queue, self.cache, self.relay, executor)
        self._running.append((stop, asyncio.create_task(worker.run(stop))))

    async def submit(self, **options: Any) -> NewJob:
        """Submit a job, and wake the workers as the api does."""
        new = await self.store.submit(**options)
        await self.queue.wake()
        return new

    async def stop(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Drain all workers. Raises what one of them ended with."""
        running, self._running = self._running, []
        for stop, _ in running:
            stop.set()
        for _, task in running:
            await asyncio.wait_for(task, timeout_seconds)

    async def died(self) -> BaseException | None:
        """The error that ended the only worker."""
        [(_, task)] = self._running
        await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        self._running = []
        return task.exception()

    async def until(self, new: NewJob, *states: str) -> Job:
        """The job, once it is in one of the states."""
        return await self.ends(new.id, *(Job.State.Value(state) for state in states))

    async def ends(
        self, job_id: UUID, *states: Job.State.ValueType, tenant_id: UUID = DEFAULT_IDENTITY.tenant_id
    ) -> Job:
        """The job, of any tenant, once it is in one of the states."""
        pause = 0.01  # between looks, which cost more than what they look for where that takes seconds
        async with patient():
            while True:
                with suppress(Unavailable):
                    job = await self.store.jobs.get(tenant_id, job_id)
                    if job.state in states:
                        return job
                await asyncio.sleep(pause)
                pause = min(1.1 * pause, 0.1)
