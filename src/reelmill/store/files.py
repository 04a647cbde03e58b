"""Files that jobs made: a job shows the first of each output; all are listed in pages, or found by their path."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from asyncpg import Connection, Record

from reelmill.jobs.states import JobState
from reelmill.store.records import FILES_SHOWN, file_from_row, job_from_row, show_files
from reelmill.store.sql import queries
from reelmill.v1.jobs_pb2 import Job, OutputFile

_SQL = queries("jobs")


async def with_files(connection: Connection, rows: Sequence[Record]) -> dict[UUID, Job]:
    """Jobs of one tenant by id in the order of their rows, the COMPLETED ones with their files."""
    jobs = {row["id"]: job_from_row(row) for row in rows}
    completed = [row["id"] for row in rows if row["state"] == JobState.COMPLETED]
    if not completed:
        return jobs
    tenant_id = rows[0]["tenant_id"]
    files: dict[UUID, dict[str, list[OutputFile]]] = {job_id: defaultdict(list) for job_id in completed}
    for row in await connection.fetch(_SQL["get_files"], tenant_id, completed, FILES_SHOWN):
        files[row["job_id"]][row["output"]].append(file_from_row(row))
    larger: dict[UUID, dict[str, tuple[int, int]]] = defaultdict(dict)
    full = [(i, output) for i in completed for output, made in files[i].items() if len(made) >= FILES_SHOWN]
    if full:
        ids, names = [job_id for job_id, _ in full], [output for _, output in full]
        for row in await connection.fetch(_SQL["get_file_sums"], tenant_id, ids, names):
            larger[row["job_id"]][row["output"]] = row["count"], row["bytes"]
    for job_id in completed:
        show_files(jobs[job_id], files[job_id], larger[job_id])
    return jobs


def with_made(job: Job, made: Iterable[tuple[str, int, OutputFile]]) -> None:
    """Put all that a COMPLETED job made (output, position, file) into it, as `with_files` reads it."""
    files: dict[str, list[OutputFile]] = defaultdict(list)
    for output, _, file in sorted(made, key=lambda item: item[:2]):
        files[output].append(file)
    larger = {
        output: (len(every), sum(file.size_bytes for file in every))
        for output, every in files.items()
        if len(every) > FILES_SHOWN
    }
    show_files(job, {output: every[:FILES_SHOWN] for output, every in files.items()}, larger)
