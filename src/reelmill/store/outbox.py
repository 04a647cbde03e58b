"""The outbox: messages that wait to be sent, in the order in which they were written."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from asyncpg import Connection, Record

from reelmill.store.database import Database
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import JobError
from reelmill.v1.messages_pb2 import DeadLetter

_SQL = queries("outbox")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxMessage:
    """A row of the outbox; `topic` is a reelmill.queue.port.Topic."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str]


class OutboxStore:
    """The outbox of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def batch(self, limit: int) -> AsyncIterator[list[OutboxMessage]]:
        """The oldest messages that nobody else holds; they are deleted where the body succeeds."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["lock_outbox"], limit)
            yield [
                OutboxMessage(topic=r["topic"], key=r["key"], value=r["value"], headers=json.loads(r["headers"]))
                for r in rows
            ]
            if rows:
                await connection.execute(_SQL["delete_outbox"], [r["id"] for r in rows])


async def insert_dead_letters(connection: Connection, failed: Sequence[Record]) -> None:
    """Announce jobs that failed for good on the dead-letter topic. `failed` are rows of jobs."""
    if not failed:
        return
    values = [
        DeadLetter(
            version=1, job_id=str(row["id"]), reason=_reason(JobError.FromString(row["error"]))
        ).SerializeToString()
        for row in failed
    ]
    topics, keys = ["dead-letter"] * len(failed), [str(row["id"]) for row in failed]
    await connection.execute(_SQL["insert_outbox"], topics, keys, values, ["{}"] * len(failed))


def _reason(error: JobError) -> str:
    return f"{error.code}: {error.message}"
