"""Tasks as workers and schedulers see them: claim, renew, finish, rescue. All by lease and fence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs.errors import Failure
from reelmill.jobs.places import DEFAULT_POOL
from reelmill.jobs.progress import Part
from reelmill.jobs.states import JobState, Phase
from reelmill.points import reach
from reelmill.store.database import Database, settled
from reelmill.store.files import stored, with_files, with_made
from reelmill.store.outbox import insert_dead_letters
from reelmill.store.records import ClaimedTask, Lease, LogLine, StoredJob, job_from_row, sealed_from_row
from reelmill.store.results import insert_results
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job, OutputFile

_SQL = queries("leases")
KINDS = ("run_job", "make_outputs", "make_piece", "join_pieces")
"""The kinds of task that this release can run; what it does not know is left to newer workers."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every task."""
_SHOWN_WITHIN = timedelta(
    seconds=60
)  # a transaction that sets a ready_time commits, or is broken off (store/database.py)


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeFile:
    """A file that a task made, at its place below the attempt's prefix."""

    output: str
    position: int
    """From 0 in its output, without gaps over all tasks of its job."""
    file: OutputFile


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTask:
    """A task that another spawns as it completes."""

    id: UUID
    kind: str
    spec: bytes = b""
    weight: float = 1.0
    """Its share of the job's work, beside those of its siblings."""
    depends_on: tuple[UUID, ...] = ()
    """Of tasks that are spawned with it; each has a smaller id, so that no cycle can be."""
    place: str = ""
    """See reelmill.jobs.places; empty: that of the task that spawns it."""
    ahead: bool = False
    """It goes before all others of the job's priority: what ends work that was begun."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedTask:
    """A task that is done, what it made and what follows."""

    lease: Lease
    files: tuple[MadeFile, ...] = ()
    result: bytes = b""
    spawned: tuple[NewTask, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of its outputs that other jobs may take, by their names: see reelmill.media.reuse."""
    lines: tuple[LogLine, ...] = ()
    """Of its processing log, as far as they are not stored yet."""
    failure: Failure | None = None
    """Why it made nothing at all, though its job goes on without; the job fails of it where no other made anything."""


class LeaseStore:
    """Tasks of all tenants. A write whose fence is not the newest changes nothing."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease = timedelta(seconds=lease_seconds)

    async def claim(
        self,
        owner: str,
        *,
        limit: int,
        kinds: Sequence[str] = KINDS,
        places: Sequence[str] = (DEFAULT_POOL,),
        since: datetime = BEGINNING,
    ) -> list[ClaimedTask]:
        """Take ready tasks that the caller can run, highest priority first, then the longest ready.

        `since`: from `ready_since`; what became ready earlier is not looked for.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim_tasks"], kinds, owner, self._lease, limit, places, since)
            shown = {row["task_id"]: (await stored(connection, row)).job for row in rows if row["published"]}
        return [_claimed(row, shown.get(row["task_id"])) for row in rows]

    async def ready_since(self, since: datetime) -> datetime:
        """A time before which no task became ready that is so still; `since`: the answer of before."""
        async with self._database.connection() as connection:
            answer: datetime = await connection.fetchval(_SQL["oldest_ready"], since, _SHOWN_WITHIN)
        return answer

    async def heartbeat(self, leases: Sequence[Lease]) -> dict[Lease, bool]:
        """Renew; answers for each lease still held whether its task is to stop. Those missing are lost."""
        tasks, fences = [x.task_id for x in leases], [x.fence for x in leases]
        # A connection that hangs must leave time to try another before the leases end.
        timeout = self._lease.total_seconds() / 3
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["heartbeat"], tasks, fences, self._lease, timeout=timeout)
        return {Lease(task_id=row["id"], fence=row["fence"]): row["cancel_requested"] for row in rows}

    async def report(self, lease: Lease, phase: Phase | None, lines: Sequence[LogLine]) -> StoredJob | None:
        """Record what the holder is doing, and add to the processing log; None where the lease is lost."""
        return await self._one(
            "report",
            lease.task_id,
            lease.fence,
            phase,
            *_of_lines(lines),
        )

    async def complete(self, finished: Sequence[FinishedTask]) -> dict[Lease, StoredJob]:
        """Finish tasks; leases missing in the answer were lost or are to stop, and nothing changed.

        One call may hold an older lease of a task beside its newest.
        """
        answer: dict[Lease, StoredJob] = {}
        for item in (x for x in finished if x.failure):
            answer |= await self._complete_empty(item)
        if some := [x for x in finished if not x.failure]:
            several = any(x.keys for x in some)  # statements
            async with self._database.transaction() if several else self._database.connection() as connection:
                answer |= await self._complete(connection, some)
        return answer

    async def _complete_empty(self, finished: FinishedTask) -> dict[Lease, StoredJob]:
        """Finish a task that made nothing: the job fails where it was the last one and no other made anything."""
        lease, failure = finished.lease, finished.failure
        assert failure
        async with self._database.transaction() as connection:
            job_id = await connection.fetchval(_SQL["lock_task"], lease.task_id, lease.fence)
            if job_id is None:
                return {}
            await connection.execute(_SQL["lock_job"], job_id)
            if not await connection.fetchval(_SQL["is_empty"], job_id):
                return await self._complete(connection, [finished])
            failed = await _fail(connection, lease, failure)
        return {lease: failed} if failed else {}

    async def _complete(self, connection: Connection, finished: Sequence[FinishedTask]) -> dict[Lease, StoredJob]:
        made = [(x.lease, f) for x in finished for f in x.files]
        spawned = [(x.lease, task) for x in finished for task in x.spawned]
        logged = [(x.lease, line) for x in finished for line in x.lines]
        rows = await connection.fetch(
            _SQL["complete_and_spawn" if spawned else "complete_tasks"],
            [x.lease.task_id for x in finished],
            [x.lease.fence for x in finished],
            [lease.task_id for lease, _ in made],
            [lease.fence for lease, _ in made],
            [f.output for _, f in made],
            [f.position for _, f in made],
            [f.file.SerializeToString() for _, f in made],
            [f.file.uri for _, f in made],
            [f.file.size_bytes for _, f in made],
            [f.file.sha256 for _, f in made],
            [x.result or None for x in finished],
            [lease.task_id for lease, _ in logged],
            [lease.fence for lease, _ in logged],
            *_of_lines([line for _, line in logged]),
            *(_columns(spawned) if spawned else ()),
        )
        if keyed := [(x.lease, output, key) for x in finished for output, key in x.keys.items()]:
            await insert_results(connection, keyed)
        by_lease = {x.lease: x for x in finished}
        answer = {}
        for row in rows:
            job = _stored(row)
            leases = [Lease(task_id=i, fence=f) for i, f in zip(row["task_ids"], row["fences"], strict=True)]
            if row["state"] == JobState.COMPLETED and row["tasks"] == 1:
                mine = by_lease[leases[0]]
                with_made(job.job, [(f.output, f.position, f.file) for f in mine.files], mine.result)
            elif row["state"] == JobState.COMPLETED or row["published"]:  # some of its files were made by others
                [whole] = (await with_files(connection, [row])).values()
                job = StoredJob(tenant_id=job.tenant_id, job=whole)
            answer.update(dict.fromkeys(leases, job))
        return answer

    async def results_before(self, task_id: UUID) -> list[bytes]:
        """What the tasks told that a task waited for, in the order of their ids."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["results_before"], task_id)
        return [row["result"] or b"" for row in rows]

    async def first_files(self, task_id: UUID, outputs: Sequence[str]) -> dict[str, OutputFile]:
        """The first file of each of some outputs that tasks which are done have made for a task's job."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["first_files"], task_id, outputs)
        return {row["output"]: OutputFile.FromString(row["file"]) for row in rows}

    async def completed(self, lease: Lease) -> StoredJob | None:
        """The job of a task that this very lease completed; None where it did not.

        A holder whose write was refused asks this: it may have been done before, and the answer lost.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["completed_job"], lease.task_id, lease.fence)
            jobs = await with_files(connection, [row]) if row else {}
        return StoredJob(tenant_id=row["tenant_id"], job=jobs[row["id"]]) if row else None

    async def retry(self, lease: Lease, failure: Failure, *, wait_seconds: float) -> StoredJob | None:
        """The attempt failed, another follows; None where the lease is lost or the job is to stop."""
        error = failure.to_proto().SerializeToString()
        return await self._one("retry_task", lease.task_id, lease.fence, timedelta(seconds=wait_seconds), error)

    async def fail(self, lease: Lease, failure: Failure) -> StoredJob | None:
        """The job failed for good and goes to the dead-letter topic too; None as in retry."""
        async with self._database.transaction() as connection:
            return await _fail(connection, lease, failure)

    async def release(self, lease: Lease) -> StoredJob | None:
        """Give the task back, no attempt charged; None as in retry."""
        return await self._one("release_task", lease.task_id, lease.fence)

    async def cancelled(self, lease: Lease) -> StoredJob | None:
        """A task that was to stop has stopped; None where the lease is lost or the job has ended."""
        return await self._one("cancel_task", lease.task_id, lease.fence)

    async def rescue(self, *, limit: int, max_crashes: int, sweep_after_seconds: float) -> list[StoredJob]:
        """Take expired leases back: ready again, or FAILED after `max_crashes`."""
        lost = Failure(
            code="WORKER_LOST",
            message=f"the worker fell silent while running this job; after {max_crashes} times the job is FAILED",
        )
        sweep_after = timedelta(seconds=sweep_after_seconds)
        error = lost.to_proto().SerializeToString()
        async with self._database.transaction() as connection:
            rows = await settled(connection, _SQL["rescue_tasks"], limit, max_crashes, error, sweep_after)
            if rows:
                await reach("rescue.committing")
            await insert_dead_letters(connection, [row for row in rows if row["state"] == JobState.FAILED])
            return [await stored(connection, row) for row in rows]

    async def wake_delayed(self, *, limit: int) -> list[UUID]:
        """Make tasks ready whose wait is over; answers their jobs' ids."""
        async with self._database.connection() as connection:
            return [row["job_id"] for row in await connection.fetch(_SQL["wake_delayed"], limit)]

    async def expire(self, *, limit: int) -> list[StoredJob]:
        """FAIL jobs past their deadline."""
        failure = Failure(code="DEADLINE_EXCEEDED", message="the job's deadline passed before it was done")
        async with self._database.transaction() as connection:
            rows = await settled(connection, _SQL["expire_jobs"], limit, failure.to_proto().SerializeToString())
            await insert_dead_letters(connection, rows)
            return [await stored(connection, row) for row in rows]

    async def _one(self, query: str, *arguments: object) -> StoredJob | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL[query], *arguments)
            return await stored(connection, row) if row else None


async def _fail(connection: Connection, lease: Lease, failure: Failure) -> StoredJob | None:
    """As LeaseStore.fail, in a transaction."""
    error = failure.to_proto().SerializeToString()
    rows = await settled(connection, _SQL["fail_task"], lease.task_id, lease.fence, error)
    if not rows:
        return None
    [row] = rows
    await insert_dead_letters(connection, [row])
    return await stored(connection, row)


def _stored(row: Record) -> StoredJob:
    return StoredJob(tenant_id=row["tenant_id"], job=job_from_row(row))


def _of_lines(lines: Sequence[LogLine]) -> tuple[list[Any], ...]:
    """Lines of processing logs, by column."""
    return (
        [x.time for x in lines],
        [x.level for x in lines],
        [x.output for x in lines],
        [x.message for x in lines],
        [x.command for x in lines],
    )


def _columns(spawned: Sequence[tuple[Lease, NewTask]]) -> tuple[list[Any], ...]:
    """What complete_and_spawn has beside complete_tasks."""
    edges = [(task.id, before) for _, task in spawned for before in task.depends_on]
    return (
        [lease.task_id for lease, _ in spawned],
        [lease.fence for lease, _ in spawned],
        [task.id for _, task in spawned],
        [task.kind for _, task in spawned],
        [task.spec or None for _, task in spawned],
        [task.weight for _, task in spawned],
        [task_id for task_id, _ in edges],
        [before for _, before in edges],
        [task.place or None for _, task in spawned],
        [int(task.ahead) for _, task in spawned],
    )


def _part(row: Record) -> Part:
    whole = row["weight"]
    return Part(task_id=row["task_id"], share=row["task_weight"] / whole, before=row["done_weight"] / whole)


def _claimed(row: Record, job: Job | None) -> ClaimedTask:
    """`job`: of a row that has files to show."""
    return ClaimedTask(
        id=row["task_id"],
        tenant_id=row["tenant_id"],
        kind=row["kind"],
        fence=row["fence"],
        attempt=row["task_attempt"],
        crashes=row["crashes"],
        traceparent=row["traceparent"],
        waited_seconds=row["waited_seconds"],
        deadline=row["deadline"],
        output_prefix=row["attempt_prefix"],
        job=job or job_from_row(row),
        spec=row["task_spec"] or b"",
        place=row["place"],
        part=_part(row) if row["tasks"] > 1 else None,
        sealed=sealed_from_row(row),
    )
