"""Files that jobs made: a job shows the first of each output; all are listed in pages, or found by their path."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs.operations import tells
from reelmill.jobs.states import JobState
from reelmill.store.records import FILES_SHOWN, StoredJob, file_from_row, job_from_row, show_files, show_results
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job, Output, OutputFile

_SQL = queries("jobs")
MAKERS = ("run_job", "make_outputs", "join_pieces")
"""Kinds of tasks that make outputs: their results are TaskResults."""


async def with_files(connection: Connection, rows: Sequence[Record]) -> dict[UUID, Job]:
    """Jobs of one tenant by id in the order of their rows, with what became of the outputs that are visible."""
    jobs = {row["id"]: job_from_row(row) for row in rows}
    shown = [row["id"] for row in rows if row["state"] == JobState.COMPLETED or row["published"]]
    if not shown:
        return jobs
    tenant_id = rows[0]["tenant_id"]
    files: dict[UUID, dict[str, list[OutputFile]]] = {job_id: defaultdict(list) for job_id in shown}
    for row in await connection.fetch(_SQL["get_files"], tenant_id, shown, FILES_SHOWN):
        files[row["job_id"]][row["output"]].append(file_from_row(row))
    larger: dict[UUID, dict[str, tuple[int, int]]] = defaultdict(dict)
    full = [(i, output) for i in shown for output, made in files[i].items() if len(made) >= FILES_SHOWN]
    if full:
        ids, names = [job_id for job_id, _ in full], [output for _, output in full]
        for row in await connection.fetch(_SQL["get_file_sums"], tenant_id, ids, names):
            larger[row["job_id"]][row["output"]] = row["count"], row["bytes"]
    for job_id in shown:
        show_files(jobs[job_id], files[job_id], larger[job_id])
    await _with_results(connection, tenant_id, [jobs[i] for i in shown if jobs[i].state == Job.COMPLETED])
    return jobs


async def stored(connection: Connection, row: Record) -> StoredJob:
    """A job as a statement left it that has not made it COMPLETED."""
    tenant_id = row["tenant_id"]
    if row["published"]:  # what a job shows it always shows
        return StoredJob(tenant_id=tenant_id, job=(await with_files(connection, [row]))[row["id"]])
    return StoredJob(tenant_id=tenant_id, job=job_from_row(row))


async def _with_results(connection: Connection, tenant_id: UUID, jobs: Sequence[Job]) -> None:
    """Tell of optional outputs that are not there, and what others found out. Other jobs pay nothing for that."""
    asked = {UUID(job.id): job for job in jobs if any(map(_has_results, job.outputs))}
    if asked:
        for row in await connection.fetch(_SQL["get_results"], tenant_id, list(asked), MAKERS):
            show_results(asked[row["job_id"]], [row["result"]])


def with_made(job: Job, made: Iterable[tuple[str, int, OutputFile]], result: bytes = b"") -> None:
    """Put all that a COMPLETED job of one task made (output, position, file), and its result, into it."""
    files: dict[str, list[OutputFile]] = defaultdict(list)
    for output, _, file in sorted(made, key=lambda item: item[:2]):
        files[output].append(file)
    larger = {
        output: (len(every), sum(file.size_bytes for file in every))
        for output, every in files.items()
        if len(every) > FILES_SHOWN
    }
    show_files(job, {output: every[:FILES_SHOWN] for output, every in files.items()}, larger)
    if result and any(map(_has_results, job.outputs)):
        show_results(job, [result])


def _has_results(output: Output) -> bool:
    return (output.optional and not output.file_count) or tells(output)
