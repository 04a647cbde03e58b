"""Jobs as clients see them: submit, get, list, cancel, delete."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs import secrets
from reelmill.jobs.errors import Conflict, NotFound, Unavailable, WrongState
from reelmill.jobs.operations import operation_of
from reelmill.jobs.places import DEFAULT_POOL, place
from reelmill.jobs.states import FINAL_JOB_STATES, JobState
from reelmill.points import reach
from reelmill.store.changes import microseconds
from reelmill.store.database import Database, settled
from reelmill.store.files import stored, with_files
from reelmill.store.leases import MadeFile
from reelmill.store.records import FILES_SHOWN, StoredJob, event_from_row, file_from_row, sealed_from_row
from reelmill.store.results import receipts_of
from reelmill.store.sql import queries
from reelmill.store.tasks import page_of_tasks
from reelmill.store.webhooks import insert_job_webhooks
from reelmill.v1.jobs_pb2 import Job, JobEvent, JobLog, Task
from reelmill.v1.receipts_pb2 import Receipt

_SQL = queries("jobs")
_HISTORY = queries("history")
_RETENTION = queries("retention")
_TRIES = 5  # of a cancellation that meets a job whose tasks became more


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to insert; `job` carries only what the client may set, with defaults filled in."""

    id: UUID
    task_id: UUID
    job: Job
    output_prefix: str
    key: str = ""
    """Idempotency key; empty for none."""
    key_user: UUID | None = None
    """Whose key it is, where others of the tenant may use the same; None: it is all the tenant's."""
    fingerprint: bytes = b""
    """SHA-256 of the job as it was submitted."""
    retry_of: UUID | None = None
    traceparent: str = ""

    @property
    def stored_key(self) -> str:
        """The key as the tenant's rows have it."""
        return f"{self.key_user}/{self.key}" if self.key and self.key_user else self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs to list; None and empty hold for all."""

    states: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None
    user_id: UUID | None = None
    """Who submitted them."""


PAGE_MAX_BYTES = 2 * 2**20
"""Bytes at which a page ends, whatever number of items was asked for; it has one at least."""

Item = TypeVar("Item")


class Page(list[Item]):
    """Items, and whether there are more after them."""

    def __init__(self, items: Iterable[Item], *, more: bool) -> None:
        super().__init__(items)
        self.more = more


class JobStore:
    """Jobs of all tenants; each call names the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, user_id: UUID, new: Sequence[NewJob]) -> list[StoredJob | Conflict]:
        """Insert jobs, tasks, first events and outbox rows in one transaction.

        Answers, in order, the new job, or the job that its key made before, or Conflict where that
        key was used with another fingerprint.
        """
        first: dict[str, NewJob] = {}
        for item in new:
            if item.key:
                first.setdefault(item.stored_key, item)
        known: dict[str, Record] = {}
        async with self._database.transaction() as connection:
            if first:
                known = await self._take_keys(connection, tenant_id, list(first.values()))
            rows = [i for i in new if not i.key or (first[i.stored_key] is i and i.stored_key not in known)]
            created = await self._insert(connection, tenant_id, user_id, rows) if rows else {}
            older = await _get(connection, tenant_id, [r["job_id"] for r in known.values()]) if known else {}
            await reach("jobs.committing")
        await reach("jobs.committed")
        return [self._answer(tenant_id, item, first, known, created, older) for item in new]

    async def _take_keys(self, connection: Connection, tenant_id: UUID, items: Sequence[NewJob]) -> dict[str, Record]:
        """Reserve idempotency keys; answers those that were used before."""
        keys = [i.stored_key for i in items]
        taken = await connection.fetch(
            _SQL["insert_idempotency_keys"],
            tenant_id,
            keys,
            [i.fingerprint for i in items],
            [i.id for i in items],
        )
        used = set(keys) - {r["key"] for r in taken}
        if not used:
            return {}
        rows = await connection.fetch(_SQL["get_idempotency_keys"], tenant_id, list(used))
        return {r["key"]: r for r in rows}

    async def _insert(
        self, connection: Connection, tenant_id: UUID, user_id: UUID, items: Sequence[NewJob]
    ) -> dict[UUID, Job]:
        await insert_job_webhooks(connection, tenant_id, [(item.id, item.job) for item in items])
        rows = await connection.fetch(
            _SQL["insert_jobs"],
            tenant_id,
            user_id,
            [i.id for i in items],
            [i.task_id for i in items],
            [i.job.priority for i in items],
            [i.job.SerializeToString() for i in items],
            [i.output_prefix for i in items],
            [json.dumps(dict(i.job.labels)) if i.job.labels else "{}" for i in items],
            [i.job.deadline.ToDatetime(tzinfo=UTC) if i.job.HasField("deadline") else None for i in items],
            [i.retry_of for i in items],
            [i.traceparent for i in items],
            [operation_of(i.job) for i in items],
            [place(i.job.pool or DEFAULT_POOL, i.job.requires) for i in items],
            [i.job.publish == Job.EACH for i in items],
        )
        times = {r["id"]: r["create_time"] for r in rows}
        created = {}
        for item in items:
            job = Job()
            job.CopyFrom(item.job)
            secrets.redact(job)
            job.id, job.state, job.version = str(item.id), Job.QUEUED, 1
            job.create_time.FromDatetime(times[item.id])
            if item.retry_of:
                job.retry_of = str(item.retry_of)
            created[item.id] = job
        return created

    @staticmethod
    def _answer(
        tenant_id: UUID,
        item: NewJob,
        first: Mapping[str, NewJob],
        known: Mapping[str, Record],
        created: Mapping[UUID, Job],
        older: Mapping[UUID, Job],
    ) -> StoredJob | Conflict:
        if not item.key:
            return StoredJob(tenant_id=tenant_id, job=created[item.id])
        if used := known.get(item.stored_key):
            fingerprint, job = used["fingerprint"], older.get(used["job_id"])
            if job is None:  # past its retention, while the key lives on
                job = Job(id=str(used["job_id"]))
        else:
            same = first[item.stored_key]
            fingerprint, job = same.fingerprint, created[same.id]
        if fingerprint != item.fingerprint:
            return Conflict(
                f"request_id {item.key!r} was used for job {job.id} with another body; use a new key for another job"
            )
        return StoredJob(tenant_id=tenant_id, job=job, already=job.id != str(item.id))

    async def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """A job. Raises NotFound."""
        job, _ = await self.read(tenant_id, job_id)
        return job

    async def sealed(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """What was submitted, with its secrets sealed; None where it has none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["get_job"], tenant_id, job_id)
        return sealed_from_row(row) if row else None

    async def read(self, tenant_id: UUID, job_id: UUID) -> tuple[Job, int]:
        """A job, and when it was so, by the database's clock: microseconds since 1970. Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["get_job"], tenant_id, job_id)
            found = await with_files(connection, [row] if row else [])
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        return found[row["id"]], microseconds(row["read_time"])

    async def receipts(self, tenant_id: UUID, job_id: UUID) -> list[Receipt]:
        """How the outputs of a COMPLETED job were made."""
        async with self._database.connection() as connection:
            return await receipts_of(connection, tenant_id, job_id)

    async def owner(self, tenant_id: UUID, job_id: UUID) -> UUID | None:
        """Who submitted a job; None where there is none."""
        async with self._database.connection() as connection:
            found: UUID | None = await connection.fetchval(_SQL["get_owner"], tenant_id, job_id)
        return found

    async def get_many(self, tenant_id: UUID, job_ids: Sequence[UUID]) -> list[Job]:
        """Those of the jobs that are there, in any order."""
        async with self._database.connection() as connection:
            return list((await _get(connection, tenant_id, job_ids)).values())

    async def get_retry(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """The job that tries this one again, if there is one."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["get_retry"], tenant_id, job_id)
            return (await with_files(connection, [row]))[row["id"]] if row else None

    async def page(self, tenant_id: UUID, filter: JobFilter, *, before: UUID | None, limit: int) -> Page[Job]:
        """A page of jobs, newest first, below the id `before`; fewer than `limit` where they are large."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["list_own_jobs" if filter.user_id else "list_jobs"],
                tenant_id,
                before,
                *_columns(filter),
                limit + 1,
                PAGE_MAX_BYTES,
                FILES_SHOWN,
                *((filter.user_id,) if filter.user_id else ()),
            )
            jobs = await with_files(connection, rows[:limit])
        return Page(jobs.values(), more=_more(rows, limit))

    async def cancel(self, tenant_id: UUID, job_id: UUID, reason: str) -> StoredJob:
        """Record a cancellation. Raises NotFound, and WrongState for a COMPLETED or FAILED job."""
        for _ in range(_TRIES):
            async with self._database.connection() as connection:
                rows = await settled(connection, _SQL["cancel_job"], tenant_id, job_id, reason)
                if rows:
                    return await stored(connection, rows[0])
            job = await self.get(tenant_id, job_id)
            if job.state == Job.CANCELLED:
                return StoredJob(tenant_id=tenant_id, job=job, already=True)
            if job.state in (Job.COMPLETED, Job.FAILED):
                break  # else its only open task ended meanwhile, and spawned others
        else:
            raise Unavailable(f"job {job_id} changes all the time")
        raise WrongState(f"job {job_id} is {JobState(Job.State.Name(job.state))}; it can't be cancelled any more")

    async def delete(self, tenant_id: UUID, job_id: UUID, *, own_storage: str) -> None:
        """Delete a final job; its files too where they lie below `own_storage`. Raises NotFound, WrongState."""
        async with self._database.connection() as connection:
            if await connection.fetch(_RETENTION["delete_job"], tenant_id, job_id, own_storage):
                return
        job = await self.get(tenant_id, job_id)
        state = JobState(Job.State.Name(job.state))
        if state in FINAL_JOB_STATES:
            raise WrongState(f"job {job_id} is {state}, but a worker is still stopping it; try again in some seconds")
        raise WrongState(f"job {job_id} is {state}; cancel it first, and delete it once it has ended")

    async def delete_some(self, tenant_id: UUID, filter: JobFilter, *, own_storage: str, limit: int) -> list[UUID]:
        """Delete final jobs, oldest first, as `delete` does; answers their ids."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_RETENTION["delete_some"], tenant_id, limit, own_storage, *_columns(filter))
        return [row["id"] for row in rows]

    async def events(self, tenant_id: UUID, job_id: UUID, *, after: int, limit: int) -> Page[JobEvent]:
        """Events with a sequence number greater than `after`, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HISTORY["list_events"], tenant_id, job_id, after, limit + 1, PAGE_MAX_BYTES)
        return Page(map(event_from_row, rows[:limit]), more=_more(rows, limit))

    async def events_after(self, tenant_id: UUID, wanted: Sequence[tuple[UUID, int]], *, limit: int) -> list[JobEvent]:
        """Of each job the first `limit` events after a sequence number, oldest first; none of an unknown one."""
        jobs, sequences = [job for job, _ in wanted], [after for _, after in wanted]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HISTORY["events_after"], tenant_id, jobs, sequences, limit)
        return [event_from_row(row) for row in rows]

    async def versions(self, tenant_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The versions of those jobs that are there."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["get_versions"], tenant_id, job_ids)
        return {row["id"]: row["version"] for row in rows}

    async def logs(self, tenant_id: UUID, job_id: UUID, *, after: int, limit: int) -> Page[JobLog]:
        """Lines of the processing log with a sequence number greater than `after`, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_HISTORY["list_logs"], tenant_id, job_id, after, limit + 1, PAGE_MAX_BYTES)
        return Page(map(_log_from_row, rows[:limit]), more=_more(rows, limit))

    async def output_files(
        self, tenant_id: UUID, job_id: UUID, output: str, *, after: int, limit: int
    ) -> Page[MadeFile]:
        """Files of an output after a position, in their order; none of one that is not visible yet."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["list_files"], tenant_id, job_id, output, after, limit + 1, PAGE_MAX_BYTES
            )
        return Page(map(_made, rows[:limit]), more=_more(rows, limit))

    async def tasks(
        self, tenant_id: UUID, job_id: UUID, *, after: UUID, limit: int, silent_after: timedelta
    ) -> tuple[Page[tuple[Task, bytes]], Sequence[str]]:
        """Tasks after an id, in the order in which they were made; see `page_of_tasks`. Raises NotFound."""
        async with self._database.connection() as connection:
            found, more, whole = await page_of_tasks(
                connection,
                tenant_id,
                job_id,
                after=after,
                limit=limit,
                max_bytes=PAGE_MAX_BYTES,
                silent_after=silent_after,
            )
        return Page(found, more=more), whole

    async def output_file(self, tenant_id: UUID, job_id: UUID, output: str, path: str) -> MadeFile | None:
        """The file at a path of an output, unless it is not visible yet or has none there."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_file"], tenant_id, job_id, output, quote(path))
        return _made(row) if row else None


def _columns(filter: JobFilter) -> tuple[object, ...]:
    """A filter's conditions, by column; None holds for all."""
    labels = json.dumps(dict(filter.labels)) if filter.labels else None
    return list(filter.states) or None, labels, filter.created_after, filter.created_before


def _more(rows: Sequence[Record], limit: int) -> bool:
    return bool(rows) and rows[0]["candidates"] > len(rows[:limit])


async def _get(connection: Connection, tenant_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, Job]:
    return await with_files(connection, await connection.fetch(_SQL["get_jobs"], tenant_id, job_ids))


def _made(row: Record) -> MadeFile:
    return MadeFile(output=row["output"], position=row["position"], file=file_from_row(row))


def _log_from_row(row: Record) -> JobLog:
    line = JobLog(
        sequence=row["id"],
        level=row["level"],
        attempt=row["attempt"],
        output=row["output"],
        message=row["message"],
        command=row["command"],
    )
    line.time.FromDatetime(row["time"])
    return line
