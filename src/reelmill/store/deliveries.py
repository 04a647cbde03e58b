"""What webhooks are still to be told, for who tells them. Any number may: rows are shared by leases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs.errors import FULL_ONLY
from reelmill.jobs.states import FINAL_JOB_STATES, JobState
from reelmill.store.database import Database
from reelmill.store.files import with_files
from reelmill.store.records import job_from_row
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job

_SQL = queries("deliveries")
_SECRETS = queries("webhooks")
FIRST = UUID(int=0)
_REASON_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class DueDelivery:
    """A message that is ours to send until its lease ends."""

    id: int
    tries: int
    """The number of this try: what is recorded of it counts only while it is the newest."""
    webhook_id: UUID
    tenant_id: UUID
    url: str
    message_id: str
    type: str
    create_time: datetime
    sequence: int
    job: Job | None
    """As it was then; None for what is not about a job."""
    data: bytes
    """JSON of what is not about a job."""
    signer_id: UUID
    """Whose secrets sign it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """How a try went."""

    delivery: DueDelivery
    outcome: str
    """One of telemetry.metrics.WEBHOOK_OUTCOMES."""
    delivered: bool
    away: bool
    """Whether it says of the endpoint that nothing can be told now."""
    status: int = 0
    answer: str = ""
    seconds: float = 0.0
    slow: bool = False
    wait_seconds: float = 0.0
    """Until this delivery is tried again, as soon as its endpoint is."""
    asked_seconds: float = 0.0
    """For how long the endpoint asked to be left alone."""
    gone: bool = False
    """The endpoint said that it wants nothing any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """For how long what is tried again."""

    first_wait: timedelta = timedelta(seconds=5)
    longest_wait: timedelta = timedelta(minutes=5)
    """Between two tries of an endpoint that is away: so long after it is back it hears of that at the latest."""
    longest_refused: timedelta = timedelta(hours=1)
    """Between two tries of a message that is refused."""
    give_up: timedelta = timedelta(hours=24)
    disable: timedelta = timedelta(days=5)
    """After which an endpoint that took nothing is disabled."""


class DeliveryStore:
    """Deliveries of all tenants. Each call raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, *, after: UUID, limit: int) -> list[UUID]:
        """Endpoints with something to tell them, after an id."""
        async with self._database.connection() as connection:
            return [row["webhook_id"] for row in await connection.fetch(_SQL["waiting_webhooks"], after, limit)]

    async def claim(
        self, webhook_ids: Sequence[UUID], *, slow: bool, endpoints: int, each: int, limit: int, lease: timedelta
    ) -> list[DueDelivery]:
        """What is due at some endpoints, `endpoints` of them, `each` at most. Of a job one, until that is recorded."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim_deliveries"], webhook_ids, slow, endpoints, each, lease, limit)
            jobs = await _jobs_as_of(connection, rows)
        # A job may have been deleted in this moment.
        return [_due(row, jobs) for row in rows if not row["job_id"] or (row["job_id"], row["sequence"]) in jobs]

    async def secrets(self, signer_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[bytes]]:
        """The sealed secrets of signers, the present one first."""
        found: dict[UUID, list[bytes]] = {}
        async with self._database.connection() as connection:
            for row in await connection.fetch(_SECRETS["get_secrets"], signer_ids):
                found.setdefault(row["signer_id"], []).append(row["sealed"])
        return found

    async def give_secret(self, signer_id: UUID, tenant_id: UUID, sealed: bytes) -> None:
        """A first secret, unless the signer has one."""
        async with self._database.connection() as connection:
            await connection.execute(_SECRETS["insert_secret"], signer_id, tenant_id, sealed)

    async def record(self, tries: Sequence[Try], patience: Patience) -> list[UUID]:
        """How tries went. Answers the endpoints that took nothing for too long."""
        async with self._database.transaction() as connection:
            await connection.fetch(
                _SQL["record_tries"],
                [t.delivery.id for t in tries],
                [t.delivery.tries for t in tries],
                [t.outcome for t in tries],
                [t.status or None for t in tries],
                [t.answer for t in tries],
                [t.seconds for t in tries],
                [t.delivered for t in tries],
                [t.wait_seconds for t in tries],
                patience.give_up,
            )
            if later := [t.delivery.id for t in tries if t.wait_seconds]:
                await connection.execute(_SQL["postpone_followers"], later)
            told = _by_endpoint(tries)
            rows = await connection.fetch(
                _SQL["record_endpoints"],
                list(told),
                [any(t.delivered for t in those) for those in told.values()],
                [all(t.away for t in those) for those in told.values()],
                [max(t.asked_seconds for t in those) for those in told.values()],
                [any(t.slow for t in those) for those in told.values()],
                patience.first_wait.total_seconds(),
                patience.longest_wait.total_seconds(),
                patience.disable,
            )
        return [row["id"] for row in rows if row["lost"]]

    async def disable(self, webhook_id: UUID, reason: str) -> bool:
        """Tell an endpoint nothing any more, and the tenant's others that. Answers whether it was told something."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["disable_webhook"], webhook_id, reason[:_REASON_CHARACTERS])
        return bool(rows)

    async def measure(self, webhook_ids: Sequence[UUID]) -> tuple[float, int]:
        """Of these endpoints: for how many seconds the longest has been due of one that is well; how many are not."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["measure_deliveries"], webhook_ids)
        return row["oldest_seconds"], row["failing"]


def _by_endpoint(tries: Sequence[Try]) -> dict[UUID, list[Try]]:
    """In the order of ids, so that two of us can't deadlock."""
    found: dict[UUID, list[Try]] = {}
    for one in sorted(tries, key=lambda t: t.delivery.webhook_id):
        found.setdefault(one.delivery.webhook_id, []).append(one)
    return found


def _due(row: Record, jobs: Mapping[tuple[UUID, int], Job]) -> DueDelivery:
    return DueDelivery(
        id=row["id"],
        tries=row["tries"],
        webhook_id=row["webhook_id"],
        tenant_id=row["tenant_id"],
        url=row["url"],
        message_id=row["message_id"],
        type=row["type"],
        create_time=row["create_time"],
        sequence=row["sequence"],
        job=jobs[row["job_id"], row["sequence"]] if row["job_id"] else None,
        data=row["data"] or b"{}",
        signer_id=row["tenant_id"] if row["own_job_id"] else row["webhook_id"],
    )


async def _jobs_as_of(connection: Connection, rows: Sequence[Record]) -> dict[tuple[UUID, int], Job]:
    """The jobs that deliveries are about, each as it was after the event: so a repetition says the same."""
    wanted: dict[UUID, set[tuple[UUID, int]]] = {}
    for row in rows:
        if row["job_id"]:
            wanted.setdefault(row["tenant_id"], set()).add((row["job_id"], row["sequence"]))
    found: dict[tuple[UUID, int], Job] = {}
    for tenant_id, those in wanted.items():
        ids, sequences = [job_id for job_id, _ in those], [sequence for _, sequence in those]
        seen = [_as_of(row) for row in await connection.fetch(_SQL["jobs_as_of"], tenant_id, ids, sequences)]
        completed: Any = [row for row in seen if row["state"] == JobState.COMPLETED]
        made = await with_files(connection, completed)  # a job completes once
        for row in seen:
            shown: Any = row
            if row["state"] == JobState.COMPLETED:
                job = made[row["id"]]
            elif row["published"]:
                job = _without_later((await with_files(connection, [shown]))[row["id"]])
            else:
                job = job_from_row(shown, full=False)
            found[row["id"], row["seq"]] = job
    return found


def _without_later(job: Job) -> Job:
    """A job that publishes its outputs one by one without those that it had not published then, as GET shows it."""
    for output in job.outputs:
        if output.name not in job.published:
            for name in ("files", "file_count", "total_bytes"):
                output.ClearField(name)
    if job.HasField("error"):
        for name in FULL_ONLY:
            job.error.ClearField(name)
    return job


def _as_of(row: Record) -> dict[str, Any]:
    """A job's row as it was after an event."""
    final = row["event_state"] in FINAL_JOB_STATES
    started = row["start_time"] is not None and row["start_time"] <= row["event_time"]
    return {
        **row,
        "state": row["event_state"],
        "phase": row["event_phase"],
        "attempt": row["event_attempt"],
        "error": row["event_error"],
        "next_attempt_time": row["event_next_attempt_time"],
        "version": row["seq"],
        "published": row["event_published"],
        "start_time": row["start_time"] if started else None,
        "end_time": row["end_time"] if final else None,
        "cancel_time": row["cancel_time"] if row["cancel_requested"] else None,
    }
