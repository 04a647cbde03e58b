"""The gRPC server: services, health, reflection."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from reelmill import keepalive
from reelmill.api.checks import Checks
from reelmill.api.interceptors import Guard
from reelmill.api.jobs_service import JobService
from reelmill.api.media_service import MediaService
from reelmill.capacity import Limits
from reelmill.jobs.errors import Unavailable
from reelmill.supervise import end, supervised
from reelmill.telemetry.logs import get_logger
from reelmill.v1 import jobs_pb2, jobs_pb2_grpc, media_pb2, media_pb2_grpc

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
    """Serves both services on one port."""

    def __init__(
        self,
        jobs: JobService,
        media: MediaService,
        ready: Callable[[], Awaitable[None]],
        *,
        checks: Checks,
        limits: Limits,
    ) -> None:
        self._ready = ready
        self._health = health.aio.HealthServicer()
        self._watcher: asyncio.Task[None] | None = None
        self._server = grpc.aio.server(
            interceptors=[Guard(checks, limits)],
            options=[
                ("grpc.so_reuseport", 1),  # --processes N listen on one port together
                # Clients connect anew each minute, and look again who is there: a new api gets its share of the
                # calls. Calls and streams under way end on the old connection.
                ("grpc.max_connection_age_ms", 60_000),
                *_CONNECTIONS,
                ("grpc.max_receive_message_length", max(limits.batch_max_bytes, limits.request_max_bytes)),
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ],
        )
        jobs_pb2_grpc.add_JobServiceServicer_to_server(jobs, self._server)
        media_pb2_grpc.add_MediaServiceServicer_to_server(media, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [file.services_by_name[name].full_name for file, name in _SERVICES]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self._names = ["", *names]

    async def start(self, host: str, port: int) -> int:
        """Listen; answers the port. Raises OSError where it is taken."""
        try:
            bound = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise OSError(f"can't listen on {host}:{port}: {error}; choose another with --grpc") from error
        await self._server.start()
        self._watcher = supervised("api_health", self._watch)
        return int(bound)

    async def stop(self) -> None:
        """Tell clients to go elsewhere, finish the calls under way, close."""
        await end(self._watcher)
        await self._health.enter_graceful_shutdown()
        await self._server.stop(_GRACE_SECONDS)

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


_SERVICES = ((jobs_pb2.DESCRIPTOR, "JobService"), (media_pb2.DESCRIPTOR, "MediaService"))
