"""What outputs of finished jobs are, for later jobs of the same tenant to take; and what inputs hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from asyncpg import Connection

from reelmill.store.database import Database
from reelmill.store.files import MAKERS
from reelmill.store.records import Lease
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import OutputFile
from reelmill.v1.messages_pb2 import TaskResult
from reelmill.v1.receipts_pb2 import Receipt

_SQL = queries("results")
_JOBS = queries("jobs")

UNTOUCHED = timedelta(minutes=30)
"""For so long after a result was made or asked for its bytes count, and it stays: somebody may be copying it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """An output of a COMPLETED job."""

    job_id: UUID
    output: str


class ResultStore:
    """Results and digests of all tenants. Keys and digests are SHA-256, in hex. All raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, keys: Iterable[str], *, within: timedelta) -> dict[str, Result]:
        """By key, the newest output of a COMPLETED job of the tenant that has it, and ended `within` that time.

        What was found is not deleted for `UNTOUCHED` at least but by who deletes its job.
        """
        wanted = [bytes.fromhex(key) for key in keys]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["find_results"], tenant_id, wanted, within, UNTOUCHED / 2)
        return {row["key"].hex(): Result(job_id=row["job_id"], output=row["output"]) for row in rows}

    async def files(self, tenant_id: UUID, result: Result, *, limit: int) -> list[OutputFile]:
        """A result's files, in their order; none where its job is gone."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["result_files"], tenant_id, result.job_id, result.output, limit)
        return [OutputFile.FromString(row["file"]) for row in rows]

    async def told(self, tenant_id: UUID, job_id: UUID) -> TaskResult:
        """How a job's outputs were made, and what they found out; nothing of one that is gone."""
        async with self._database.connection() as connection:
            return await told_of(connection, tenant_id, job_id)

    async def digests(self, tenant_id: UUID, places: Iterable[str]) -> dict[str, str]:
        """What is known to be at places, themselves told as SHA-256."""
        wanted = [bytes.fromhex(place) for place in places]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["get_digests"], tenant_id, wanted)
        return {row["place"].hex(): row["sha256"].hex() for row in rows}

    async def keep_digests(self, tenant_id: UUID, digests: Mapping[str, str]) -> None:
        """Remember what is at places."""
        places, found = [bytes.fromhex(x) for x in digests], [bytes.fromhex(x) for x in digests.values()]
        async with self._database.connection() as connection:
            await connection.execute(_SQL["insert_digests"], tenant_id, places, found)


async def receipts_of(connection: Connection, tenant_id: UUID, job_id: UUID) -> list[Receipt]:
    """How a job's outputs were made, as its tasks told."""
    return list((await told_of(connection, tenant_id, job_id)).receipts)


async def told_of(connection: Connection, tenant_id: UUID, job_id: UUID) -> TaskResult:
    """All that a job's tasks told of its outputs."""
    rows = await connection.fetch(_JOBS["get_results"], tenant_id, [job_id], (*MAKERS, "join_pieces"))
    return TaskResult.FromString(b"".join(row["result"] for row in rows))  # a message of messages is all of them


async def insert_results(connection: Connection, made: Sequence[tuple[Lease, str, str]]) -> None:
    """Tell what tasks have made whose completion the same transaction has written: lease, output and key."""
    await connection.execute(
        _SQL["insert_results"],
        [lease.task_id for lease, _, _ in made],
        [lease.fence for lease, _, _ in made],
        [output for _, output, _ in made],
        [bytes.fromhex(key) for _, _, key in made],
    )
