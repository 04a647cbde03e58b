"""ListTasks: the tasks of a job, who runs what, and why something waits."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from reelmill.api.listing import page_token, parse_page_token
from reelmill.cache.port import Cache
from reelmill.media.pieces import Chunk
from reelmill.media.spreading import JOIN_PIECES, MAKE_OUTPUTS, MAKE_PIECE, outputs_of, piece_in
from reelmill.media.timeline import SECOND
from reelmill.store.jobs import JobStore
from reelmill.store.tasks import FIRST
from reelmill.v1 import jobs_pb2 as pb

_PAGE = 100


async def list_tasks(
    jobs: JobStore, cache: Cache, tenant_id: UUID, job_id: UUID, request: pb.ListTasksRequest, silent_after: timedelta
) -> pb.ListTasksResponse:
    """A page of tasks. A worker that told nothing for longer than `silent_after` is none. Raises NotFound."""
    after = parse_page_token(request.page_token) or FIRST
    page, whole = await jobs.tasks(
        tenant_id, job_id, after=after, limit=request.page_size or _PAGE, silent_after=silent_after
    )
    running = any(task.state == pb.Task.RUNNING for task, _ in page)
    progress = await cache.get_task_progress(tenant_id, job_id) if running else {}
    for task, spec in page:
        _tell_work(task, spec, whole)
        _tell_progress(task, progress)
    more = page_token(page[-1][0].id) if page.more else ""
    return pb.ListTasksResponse(tasks=[task for task, _ in page], next_page_token=more)


def _tell_work(task: pb.Task, spec: bytes, whole: Sequence[str]) -> None:
    """What it makes; of a kind that only a newer release knows nothing is told."""
    if task.kind in (MAKE_OUTPUTS, MAKE_PIECE, JOIN_PIECES):
        task.outputs.extend(outputs_of(spec))
        if isinstance(piece := piece_in(spec), Chunk):
            task.part.start_seconds, task.part.end_seconds = piece.start / SECOND, piece.end / SECOND
    elif not task.planned_by:
        task.outputs.extend(whole or dict.fromkeys(one.output for one in task.reused))


def _tell_progress(task: pb.Task, progress: Mapping[UUID | None, bytes]) -> None:
    if task.state == pb.Task.COMPLETED:
        task.progress.percent = 100
    elif task.state == pb.Task.RUNNING and (told := progress.get(UUID(task.id) if task.planned_by else None)):
        task.progress.MergeFromString(told)
