"""ListTasks: the tasks of a job, who runs what, and why something waits."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from reelmill.api.listing import page_token, parse_page_token
from reelmill.cache.port import Cache
from reelmill.media.spreading import MAKE_OUTPUTS, outputs_of
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
        task.outputs.extend(_outputs(task, spec, whole))
        _tell_progress(task, progress)
    more = page_token(page[-1][0].id) if page.more else ""
    return pb.ListTasksResponse(tasks=[task for task, _ in page], next_page_token=more)


def _outputs(task: pb.Task, spec: bytes, whole: Sequence[str]) -> Sequence[str]:
    if task.kind == MAKE_OUTPUTS:
        return outputs_of(spec)
    return () if task.planned_by else whole


def _tell_progress(task: pb.Task, progress: Mapping[UUID | None, bytes]) -> None:
    if task.state == pb.Task.COMPLETED:
        task.progress.percent = 100
    elif task.state == pb.Task.RUNNING and (told := progress.get(UUID(task.id) if task.planned_by else None)):
        task.progress.MergeFromString(told)
