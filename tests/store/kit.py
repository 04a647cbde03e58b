"""The store on a test's own database, and what its tests ask again and again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uuid_utils.compat as uuid_utils

from reelmill.jobs.errors import Failure
from reelmill.jobs.states import TaskState
from reelmill.store.database import Database
from reelmill.store.jobs import JobStore, NewJob
from reelmill.store.leases import KINDS, FinishedTask, LeaseStore, MadeFile
from reelmill.store.outbox import OutboxStore
from reelmill.store.records import ClaimedTask, StoredJob
from reelmill.store.retention import RetentionStore
from reelmill.store.switches import turn
from reelmill.store.tenancy import DEFAULT_IDENTITY
from reelmill.store.unserved import UnservedStore
from reelmill.store.workers import WorkerStore
from reelmill.v1.jobs_pb2 import Input, Job, Output, OutputFile, RetryPolicy

TENANT, USER = DEFAULT_IDENTITY.tenant_id, DEFAULT_IDENTITY.user_id
BAD_INPUT = Failure(code="INPUT_CORRUPT", message="the input is damaged", stderr_tail="moov atom not found")
AWAY = Failure(code="INPUT_UNAVAILABLE", message="the input's server was away")
TABLES = (
    "jobs",
    "tasks",
    "task_dependencies",
    "output_files",
    "job_events",
    "job_logs",
    "outbox",
    "idempotency_keys",
    "storage_deletions",
)


def new_job(
    *,
    priority: int = 50,
    key: str = "",
    body: str = "",
    prefix: str = "file:///out",
    deadline: datetime | None = None,
    retry_of: UUID | None = None,
    max_attempts: int = 3,
    traceparent: str = "",
    outputs: Sequence[Output] = (Output(name="a"),),
    inputs: Sequence[str] = (),
    pool: str = "",
    requires: Sequence[str] = (),
    publish: Job.Publish = Job.PUBLISH_UNSPECIFIED,
) -> NewJob:
    """A job, of one output named `a` unless it is told; `inputs` are URIs. Retries follow at once."""
    policy = RetryPolicy(max_attempts=max_attempts)
    policy.initial_backoff.FromMicroseconds(1)
    policy.max_backoff.FromMicroseconds(1)
    job = Job(priority=priority, outputs=outputs, retry_policy=policy, labels={"body": body})
    job.pool = pool
    job.publish = publish
    job.requires.extend(requires)
    job.inputs.extend(Input(uri=uri) for uri in inputs)
    if deadline:
        job.deadline.FromDatetime(deadline)
    job_id = uuid_utils.uuid7()
    return NewJob(
        id=job_id,
        task_id=uuid_utils.uuid7(),
        job=job,
        output_prefix=f"{prefix}/{job_id}-",
        key=key,
        fingerprint=body.encode(),
        retry_of=retry_of,
        traceparent=traceparent,
    )


def made(name: str = "a.mp4", *, output: str = "a", position: int = 0) -> MadeFile:
    """A file that an attempt made."""
    uri = f"file:///out/{name}"  # of no job, so that all of it is its path
    file = OutputFile(uri=uri, path=uri, size_bytes=7, sha256="00", content_type="video/mp4")
    return MadeFile(output=output, position=position, file=file)


def past(seconds: float = 1) -> datetime:
    """A time that has gone."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Store:
    """All stores on one database."""

    database: Database

    @property
    def jobs(self) -> JobStore:
        return JobStore(self.database)

    @property
    def leases(self) -> LeaseStore:
        return LeaseStore(self.database, lease_seconds=60)

    @property
    def outbox(self) -> OutboxStore:
        return OutboxStore(self.database)

    @property
    def workers(self) -> WorkerStore:
        return WorkerStore(self.database)

    @property
    def retention(self) -> RetentionStore:
        return RetentionStore(self.database)

    @property
    def unserved(self) -> UnservedStore:
        return UnservedStore(self.database, silent_after=timedelta(seconds=10))

    async def turn(self, name: str, *, on: bool) -> None:
        """Turn a switch."""
        async with self.database.connection() as connection:
            await turn(connection, name, on=on)

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """What a query answers."""
        async with self.database.connection() as connection:
            return await connection.fetch(query, *arguments)

    async def value(self, query: str, *arguments: object) -> Any:
        """The first value that a query answers."""
        rows = await self.rows(query, *arguments)
        return rows[0][0] if rows else None

    async def submit(self, **options: Any) -> NewJob:
        """A job that is READY."""
        new = new_job(**options)
        await self.jobs.create(TENANT, USER, [new])
        return new

    async def claim(self, new: NewJob) -> ClaimedTask:
        """Its task, claimed."""
        [claimed] = await self.claim_these([new.task_id])
        return claimed

    async def claim_these(
        self, task_ids: Sequence[UUID], owner: str = "me", *, kinds: Sequence[str] = KINDS
    ) -> list[ClaimedTask]:
        """Those of the tasks that are ready, whatever else is: they are put where nobody else looks."""
        place = str(uuid4())
        await self.rows("UPDATE tasks SET place = $1 WHERE id = ANY ($2::uuid[]) AND state = 'READY'", place, task_ids)
        claimed = await self.leases.claim(owner, limit=len(task_ids), kinds=kinds, places=[place])
        await self.rows("UPDATE tasks SET place = DEFAULT WHERE place = $1", place)
        return claimed

    async def running(self, **options: Any) -> ClaimedTask:
        """A job that was submitted and claimed."""
        return await self.claim(await self.submit(**options))

    async def complete(self, task: ClaimedTask, *files: MadeFile) -> StoredJob | None:
        """Complete one task."""
        return (await self.leases.complete([FinishedTask(lease=task.lease, files=files)])).get(task.lease)

    async def rescue(self, *, max_crashes: int = 3) -> list[StoredJob]:
        """Take expired leases back."""
        return await self.leases.rescue(limit=100, max_crashes=max_crashes, sweep_after_seconds=60)

    async def end_lease(self, task_id: UUID) -> None:
        """Make a lease end now."""
        await self.rows("UPDATE tasks SET lease_until = '-infinity' WHERE id = $1", task_id)

    async def task(self, task_id: UUID) -> asyncpg.Record:
        """A task's row."""
        [row] = await self.rows("SELECT * FROM tasks WHERE id = $1", task_id)
        return row

    async def job(self, job_id: UUID | str) -> asyncpg.Record:
        """A job's row."""
        [row] = await self.rows("SELECT * FROM jobs WHERE id = $1", UUID(str(job_id)))
        return row

    async def everything(self) -> dict[str, list[asyncpg.Record]]:
        """All rows of all tables."""
        return {table: await self.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}

    async def brought_to(self, state: TaskState) -> NewJob:
        """A job whose task has come to a state."""
        new = await self.submit()
        if state is TaskState.WAITING:  # no submission makes one yet
            await self.rows("ALTER TABLE tasks DISABLE TRIGGER guard_task")
            await self.rows("UPDATE tasks SET state = 'WAITING' WHERE id = $1", new.task_id)
            await self.rows("ALTER TABLE tasks ENABLE TRIGGER guard_task")
        elif state is TaskState.CANCELLED:
            await self.jobs.cancel(TENANT, new.id, "")
        elif state is not TaskState.READY:
            task = await self.claim(new)
            if state is TaskState.DELAYED:
                await self.leases.retry(task.lease, AWAY, wait_seconds=3600)
            elif state is TaskState.FAILED:
                await self.leases.fail(task.lease, BAD_INPUT)
            elif state is TaskState.COMPLETED:
                await self.complete(task)
        return new
