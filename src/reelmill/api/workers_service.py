"""WorkerService: who works."""

from typing import Any

from reelmill.api.listing import name_token, parse_name_token
from reelmill.store.workers import SeenWorker, WorkerStore
from reelmill.v1 import workers_pb2 as pb
from reelmill.v1 import workers_pb2_grpc

_PAGE = 50


class WorkerService(workers_pb2_grpc.WorkerServiceServicer):
    """Workers belong to all tenants."""

    def __init__(self, workers: WorkerStore, *, lease_seconds: float) -> None:
        """`lease_seconds`: who is not heard of for longer is silent."""
        self._workers = workers
        self._lease_seconds = lease_seconds

    async def ListWorkers(self, request: pb.ListWorkersRequest, context: Any) -> pb.ListWorkersResponse:
        """Answer a page of workers."""
        size = request.page_size or _PAGE
        seen = await self._workers.page(after=parse_name_token(request.page_token), limit=size + 1)
        more = name_token(seen[size - 1].worker.owner) if len(seen) > size else ""
        return pb.ListWorkersResponse(workers=map(self._told, seen[:size]), next_page_token=more)

    def _told(self, seen: SeenWorker) -> pb.Worker:
        worker = seen.worker
        told = pb.Worker(
            name=worker.owner,
            version=worker.version,
            kinds=worker.kinds,
            pool=worker.pool,
            labels=worker.labels,
            slots=worker.slots,
            running=worker.running,
            silent=seen.silent_seconds > self._lease_seconds,
        )
        told.start_time.FromDatetime(seen.start_time)
        told.seen_time.FromDatetime(seen.seen_time)
        told.silence.FromMilliseconds(max(0, round(seen.silent_seconds * 1000)))
        return told
