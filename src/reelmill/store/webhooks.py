"""Webhooks as their tenants see them: endpoints, their secrets, and what was delivered."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid_utils
from asyncpg import Connection, Record

from reelmill.jobs.errors import NotFound, WrongState
from reelmill.sealing import Keys
from reelmill.standard_webhooks import SECRET_BYTES, secret_text
from reelmill.store.database import Database
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job

_SQL = queries("webhooks")
MOST_WEBHOOKS = 100
"""Endpoints of a tenant, besides those of its jobs: each event is written once for each of them."""
MOST_REDELIVERED = 10_000
"""Deliveries that one call sends again."""
_MOST_OLD_SECRETS = 3  # that sign beside the present one
JOBS = "jobs"
"""What stands for an endpoint's id where the secret of all jobs' own endpoints is meant."""
Seal = Callable[[UUID], bytes]
"""Makes a new secret of a signer, sealed."""


def new_secret(keys: Keys, signer_id: UUID) -> tuple[str, bytes]:
    """A new secret of a signer's, as it is told once, and sealed."""
    secret = secrets.token_bytes(SECRET_BYTES)
    return secret_text(secret), keys.seal(secret, purpose(signer_id))


def purpose(signer_id: UUID) -> str:
    """What a signer's secrets are sealed for."""
    return f"webhook {signer_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Who is told of jobs."""

    id: UUID
    url: str
    events: tuple[str, ...]
    """Types of what it is told; none: all."""
    create_time: datetime
    disable_time: datetime | None
    disable_reason: str
    failing_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What an endpoint was told, or is to be told."""

    id: int
    webhook_id: UUID
    message_id: str
    type: str
    job_id: UUID | None
    sequence: int
    state: str
    tries: int
    create_time: datetime
    try_time: datetime | None
    next_time: datetime | None
    outcome: str
    status: int
    answer: str
    duration_seconds: float


class WebhookStore:
    """Webhooks of all tenants. Each call names one, and raises Unavailable, and NotFound for what is not its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: UUID, url: str, events: Sequence[str], seal: Seal) -> Endpoint:
        """A new endpoint. Raises WrongState where the tenant has MOST_WEBHOOKS."""
        webhook_id = uuid_utils.uuid7()
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                _SQL["insert_webhook"], webhook_id, tenant_id, url, list(events), MOST_WEBHOOKS
            )
            if row is None:
                raise WrongState(f"there are {MOST_WEBHOOKS} webhooks already; delete one, or give jobs their own")
            await connection.execute(_SQL["insert_secret"], webhook_id, tenant_id, seal(webhook_id))
        return _endpoint(row)

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> Endpoint:
        """An endpoint."""
        async with self._database.connection() as connection:
            return _endpoint(_found(await connection.fetchrow(_SQL["get_webhook"], tenant_id, webhook_id), webhook_id))

    async def page(self, tenant_id: UUID, *, after: UUID, limit: int) -> list[Endpoint]:
        """Endpoints in the order in which they were made, after an id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_webhooks"], tenant_id, after, limit)
        return [_endpoint(row) for row in rows]

    async def delete(self, tenant_id: UUID, webhook_id: UUID) -> Endpoint:
        """Forget an endpoint, and what it was to be told."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["delete_webhook"], tenant_id, webhook_id)
        return _endpoint(_found(row, webhook_id))

    async def enable(self, tenant_id: UUID, webhook_id: UUID) -> Endpoint:
        """Try one again that was disabled, or is left alone for a while."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["enable_webhook"], tenant_id, webhook_id)
        return _endpoint(_found(row, webhook_id))

    async def rotate(self, tenant_id: UUID, webhook_id: UUID | None, overlap: timedelta, seal: Seal) -> None:
        """A new secret; those before it sign beside it for the overlap. None: the one of jobs' own endpoints."""
        signer_id = webhook_id or tenant_id
        async with self._database.transaction() as connection:
            if webhook_id:
                _found(await connection.fetchrow(_SQL["get_webhook"], tenant_id, webhook_id), webhook_id)
            await connection.execute(_SQL["end_secrets"], signer_id, tenant_id, overlap)
            await connection.execute(_SQL["forget_secrets"], signer_id, tenant_id, _MOST_OLD_SECRETS)
            await connection.execute(_SQL["insert_secret"], signer_id, tenant_id, seal(signer_id))

    async def test(self, tenant_id: UUID, webhook_id: UUID) -> Delivery:
        """Write a message that is about no job."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["insert_test"], tenant_id, webhook_id)
        return _delivery(_found(row, webhook_id))

    async def deliveries(
        self, tenant_id: UUID, subject_id: UUID, *, before: int, limit: int, state: str | None = None
    ) -> list[Delivery]:
        """What an endpoint was told, or by a job's id what anybody was told of that; newest first, before an id."""
        async with self._database.connection() as connection:
            known = await connection.fetchrow(_SQL["get_webhook"], tenant_id, subject_id)
            name = "list_deliveries" if known else "list_deliveries_of_job"
            rows = await connection.fetch(_SQL[name], tenant_id, subject_id, before, state, limit)
            if not rows:
                await _check_known(connection, tenant_id, subject_id)
        return [_delivery(row) for row in rows]

    async def redeliver(
        self, tenant_id: UUID, subject_id: UUID, *, delivery_id: int | None, since: datetime | None
    ) -> int:
        """Send once more what has ended: one delivery, or those written since a time. Answers how many."""
        async with self._database.connection() as connection:
            await _check_known(connection, tenant_id, subject_id)
            rows = await connection.fetch(
                _SQL["redeliver"], tenant_id, subject_id, delivery_id, since, MOST_REDELIVERED
            )
        return len(rows)


async def insert_job_webhooks(connection: Connection, tenant_id: UUID, jobs: Sequence[tuple[UUID, Job]]) -> None:
    """Write the endpoints of those jobs that have one of their own; before the jobs."""
    own = [(job_id, job.webhook) for job_id, job in jobs if job.HasField("webhook")]
    if own:
        await connection.execute(
            _SQL["insert_job_webhooks"],
            tenant_id,
            [uuid_utils.uuid7() for _ in own],
            [job_id for job_id, _ in own],
            [webhook.url for _, webhook in own],
            [",".join(filter(None, webhook.events)) for _, webhook in own],
        )


async def _check_known(connection: Connection, tenant_id: UUID, subject_id: UUID) -> None:
    if not await connection.fetchval(_SQL["is_known"], tenant_id, subject_id):
        raise NotFound(f"there is neither a webhook nor a job {subject_id}")


def _found(row: Record | None, webhook_id: UUID) -> Record:
    if row is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return row


def _endpoint(row: Record) -> Endpoint:
    return Endpoint(
        id=row["id"],
        url=row["url"],
        events=tuple(row["events"]),
        create_time=row["create_time"],
        disable_time=row["disable_time"],
        disable_reason=row["disable_reason"],
        failing_since=row["failing_since"],
    )


def _delivery(row: Record) -> Delivery:
    return Delivery(
        id=row["id"],
        webhook_id=row["webhook_id"],
        message_id=row["message_id"],
        type=row["type"],
        job_id=row["job_id"],
        sequence=row["sequence"],
        state=row["state"],
        tries=row["tries"],
        create_time=row["create_time"],
        try_time=row["try_time"],
        next_time=row["next_time"],
        outcome=row["outcome"] or "",
        status=row["status"] or 0,
        answer=row["answer"] or "",
        duration_seconds=row["duration_seconds"] or 0.0,
    )
