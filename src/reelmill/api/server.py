"""The gRPC server: services, health, reflection."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from reelmill import keepalive
from reelmill.api.access_service import AccessService
from reelmill.api.checks import Checks
from reelmill.api.door import Door
from reelmill.api.files_service import FileService
from reelmill.api.interceptors import Guard
from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.api.presets import Library
from reelmill.api.uploads_service import UploadService
from reelmill.api.webhooks_service import WebhookService
from reelmill.api.workers_service import WorkerService
from reelmill.capacity import Limits
from reelmill.jobs.errors import Unavailable
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger
from reelmill.v1 import (
    access_pb2,
    access_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
    uploads_pb2,
    uploads_pb2_grpc,
    webhooks_pb2,
    webhooks_pb2_grpc,
    workers_pb2,
    workers_pb2_grpc,
)

log = get_logger(__name__)
_HEALTH_SECONDS = 2.0
_GRACE_SECONDS = 5.0
_CONNECTIONS = (
    ("grpc.server_handshake_timeout_ms", 5_000),  # who connects and says nothing
    ("grpc.max_allowed_incoming_connections", 4_000),
    ("grpc.max_concurrent_streams", 10_000),  # of a connection: a gateway brings all of its watches on one
    # Calls that came and were not begun: thousands of watches come at once with a gateway that connects anew. gRPC's
    # own 1,000 cuts some off beyond it by chance, as CANCELLED; at the second number it cuts off all.
    ("grpc.server.max_pending_requests", 5_000),
    ("grpc.server.max_pending_requests_hard_limit", 10_000),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    ("grpc.max_connection_idle_ms", 300_000),
    *keepalive.SERVER,
)
_MAX_MESSAGE_BYTES = 16 * 2**20  # of an answer: a batch of 1,000 jobs


class Server:
    """Serves all services on one port."""

    def __init__(
        self,
        jobs: JobService,
        media: MediaService,
        uploads: UploadService,
        files: FileService,
        workers: WorkerService,
        webhooks: WebhookService,
        access: AccessService,
        ready: Callable[[], Awaitable[None]],
        *,
        checks: Checks,
        limits: Limits,
        door: Door,
        library: Library,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        """`library`: of presets. `credentials`: of TLS; without them the port is plain."""
        self._ready = ready
        self._jobs, self._media, self._uploads, self._files = jobs, media, uploads, files
        self._workers, self._webhooks, self._access = workers, webhooks, access
        self._checks, self._limits, self._door, self._library = checks, limits, door, library
        self._credentials = credentials
        self._health = health.aio.HealthServicer()
        self._names = ["", *(file.services_by_name[name].full_name for file, name in _SERVICES)]
        self._leaving = asyncio.Event()
        self._server: grpc.aio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Listen; answers the port. Raises OSError where it is taken."""
        self._server, bound = await self._listening(host, port)
        self._tasks = [
            supervised("api_health", self._watch),
            supervised("api_door", self._door.run),
            supervised("api_grpc", lambda: self._serve(host, bound), until=self._leaving),
        ]
        return bound

    async def stop(self) -> None:
        """Tell clients to go elsewhere, finish the calls under way, close."""
        self._leaving.set()
        await end(*self._tasks[:1])
        await self._health.enter_graceful_shutdown()
        if self._server:
            await self._server.stop(_GRACE_SECONDS)
        await self._door.close()
        await end(*self._tasks)  # also one that was being begun again in this moment

    async def _listening(self, host: str, port: int) -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(
            interceptors=[Guard(self._checks, self._limits, self._door, self._library)],
            options=[
                ("grpc.so_reuseport", 1),  # --processes N listen on one port together
                # Clients connect anew each minute, and look again who is there: a new api gets its share of the
                # calls. Calls and streams under way end on the old connection.
                ("grpc.max_connection_age_ms", 60_000),
                *_CONNECTIONS,
                (
                    "grpc.max_receive_message_length",
                    max(self._limits.batch_max_bytes, self._limits.request_max_bytes),
                ),
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ],
        )
        jobs_pb2_grpc.add_JobServiceServicer_to_server(self._jobs, server)
        media_pb2_grpc.add_MediaServiceServicer_to_server(self._media, server)
        uploads_pb2_grpc.add_UploadServiceServicer_to_server(self._uploads, server)
        uploads_pb2_grpc.add_FileServiceServicer_to_server(self._files, server)
        workers_pb2_grpc.add_WorkerServiceServicer_to_server(self._workers, server)
        webhooks_pb2_grpc.add_WebhookServiceServicer_to_server(self._webhooks, server)
        access_pb2_grpc.add_AccessServiceServicer_to_server(self._access, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*self._names[1:], health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        try:
            if self._credentials is None:
                bound = server.add_insecure_port(f"{host}:{port}")
            else:
                bound = server.add_secure_port(f"{host}:{port}", self._credentials)
        except RuntimeError as error:
            raise OSError(f"can't listen on {host}:{port}: {error}; choose another with --grpc") from error
        await server.start()
        return server, int(bound)

    async def _serve(self, host: str, port: int) -> None:
        """Until the server ends, which it does when one of its own tasks fails; begun again, with a new one."""
        if self._server is None:
            self._server, _ = await self._listening(host, port)
        server = self._server
        ended = asyncio.create_task(server.wait_for_termination(), name="api_grpc's end")
        try:
            await asyncio.wait([ended])
        finally:
            if not self._leaving.is_set():
                self._server = None
            await server.stop(0)  # nothing, where `stop` did so before
        await ended

    async def _watch(self) -> None:
        """Keep the health service's answer as the database's is."""
        while True:
            status = health_pb2.HealthCheckResponse.SERVING
            try:
                await self._ready()
            except Unavailable as error:
                log.warning("not ready", reason=str(error))
                status = health_pb2.HealthCheckResponse.NOT_SERVING
            for name in self._names:
                await self._health.set(name, status)
            await asyncio.sleep(_HEALTH_SECONDS)


_SERVICES = (
    (jobs_pb2.DESCRIPTOR, "JobService"),
    (media_pb2.DESCRIPTOR, "MediaService"),
    (uploads_pb2.DESCRIPTOR, "UploadService"),
    (uploads_pb2.DESCRIPTOR, "FileService"),
    (workers_pb2.DESCRIPTOR, "WorkerService"),
    (webhooks_pb2.DESCRIPTOR, "WebhookService"),
    (access_pb2.DESCRIPTOR, "AccessService"),
)
