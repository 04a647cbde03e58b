"""A job's tasks as clients see them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs.errors import NotFound
from reelmill.jobs.states import TaskState
from reelmill.jobs.waiting import wait_of
from reelmill.store.files import MAKERS
from reelmill.store.leases import KINDS
from reelmill.store.records import error_from_bytes
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job, Task
from reelmill.v1.messages_pb2 import TaskResult

_SQL = queries("tasks")
BEFORE_COUNTED = 1000
"""Up to how many tasks that go before another are counted."""
FIRST = UUID(int=0)
"""Before every task."""


async def page_of_tasks(
    connection: Connection,
    tenant_id: UUID,
    job_id: UUID,
    *,
    after: UUID,
    limit: int,
    max_bytes: int,
    silent_after: timedelta,
) -> tuple[list[tuple[Task, bytes]], bool, Sequence[str]]:
    """Tasks after an id, each with its spec, whether there are more, and the outputs that the first one makes itself.

    They have no outputs and no progress: the spec says the ones, the cache the other. A worker that told nothing for
    longer than `silent_after` is none. Raises NotFound.
    """
    job = await connection.fetchrow(_SQL["job_of_tasks"], tenant_id, job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    rows = await connection.fetch(_SQL["list_tasks"], tenant_id, job_id, after, limit + 1, max_bytes)
    more = bool(rows) and rows[0]["candidates"] > len(rows[:limit])
    ready = [row for row in rows[:limit] if row["state"] == TaskState.READY]
    before, able = await _queue(connection, ready, silent_after) if ready else ({}, {})
    tasks = []
    for row in rows[:limit]:
        workers, free_slots = able.get((row["kind"], row["place"]), (0, 0))
        told = _from_row(
            row, wait_of(row["state"], workers=workers, free_slots=free_slots, before=before.get(row["id"], 0))
        )
        told.tasks_before = before.get(row["id"], 0)
        tasks.append((told, row["spec"] or b""))
    whole = [output.name for output in Job.FromString(job["spec"]).outputs] if job["tasks"] == 1 else []
    return tasks, more, whole


async def _queue(
    connection: Connection, ready: Iterable[Record], silent_after: timedelta
) -> tuple[Mapping[UUID, int], Mapping[tuple[str, str], tuple[int, int]]]:
    """For READY tasks how many go before each; for their kinds and places the workers and free slots."""
    ids = [row["id"] for row in ready]
    wanted = sorted({(row["kind"], row["place"]) for row in ready})
    kinds, places = [kind for kind, _ in wanted], [place for _, place in wanted]
    # A kind that this release does not know is in nobody's way but its own.
    known = sorted({*KINDS, *kinds})
    counted = await connection.fetch(_SQL["tasks_before"], sorted(set(places)), known, BEFORE_COUNTED, ids)
    found = await connection.fetch(_SQL["able_workers"], kinds, places, silent_after)
    before = dict.fromkeys(ids, BEFORE_COUNTED) | {row["id"]: row["before"] for row in counted}
    return before, {(row["kind"], row["place"]): (row["workers"], row["free_slots"]) for row in found}


def _from_row(row: Record, wait: Task.Wait) -> Task:
    pool, *labels = row["place"].split(" ")
    task = Task(
        id=str(row["id"]),
        planned_by=str(row["spawned_by"] or ""),
        kind=row["kind"],
        state=row["state"],
        attempt=row["attempt"],
        worker=row["owner"] or "",
        depends_on=map(str, row["depends_on"]),
        open_dependencies=row["open_dependencies"],
        weight=row["weight"],
        pool=pool,
        labels=labels,
        wait=wait,
    )
    if row["phase"]:
        task.phase = row["phase"]
    if row["error"]:
        task.error.CopyFrom(error_from_bytes(row["error"], full=True))
    task.create_time.FromDatetime(_made(row["id"]))
    if row["state"] == TaskState.COMPLETED and row["kind"] in MAKERS and row["result"]:
        for receipt in TaskResult.FromString(row["result"]).receipts:
            if receipt.reused_from:
                task.reused.extend(Task.Reused(output=x, reused_from=receipt.reused_from) for x in receipt.outputs)
    for column, name in (("ready_time", "ready_time"), ("run_at", "next_attempt_time")):
        if row[column] is not None:
            getattr(task, name).FromDatetime(row[column])
    return task


def _made(task_id: UUID) -> datetime:
    """When a task's id was made: a UUIDv7 begins with it, in milliseconds (RFC 9562, 5.7)."""
    return datetime.fromtimestamp((task_id.int >> 80) / 1000, tz=UTC)
